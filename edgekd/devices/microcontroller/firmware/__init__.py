"""What runs on a board: its memory, the compiler, the linked image and what lies in it."""
