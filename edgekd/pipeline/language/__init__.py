"""The ladder of a language model: its stages, what they do, and its report."""
