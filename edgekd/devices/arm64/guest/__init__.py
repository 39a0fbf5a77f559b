"""What runs inside the emulated phone."""
