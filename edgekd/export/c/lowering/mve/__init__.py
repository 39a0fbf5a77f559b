"""Lowerings to the kernels for MVE, the vector extension of Armv8.1-M."""
