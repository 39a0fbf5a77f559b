"""Many students of one recipe: sweeps, searches, and what fits into a budget."""
