"""The ladder: what is done (plan), by which actions, run by an engine into a run folder."""
