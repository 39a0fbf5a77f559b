"""Language models: a student of a causal teacher, its training, export and generation."""
