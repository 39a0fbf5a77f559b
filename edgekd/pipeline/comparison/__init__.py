"""Two reports side by side, and the baseline that can be kept."""
