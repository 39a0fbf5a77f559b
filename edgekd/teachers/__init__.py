"""Teachers: one module for each kind, asked once about each view."""
