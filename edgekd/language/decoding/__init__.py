"""Language models that answer: caches, artifacts opened by their runtimes, text, measures."""
