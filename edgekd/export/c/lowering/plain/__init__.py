"""Lowerings to the plain kernels: C99 for every core."""
