"""One module for each format of language models, and their bundle."""
