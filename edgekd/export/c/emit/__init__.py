"""Writing the C: kernels, constants, layers, header and project files."""
