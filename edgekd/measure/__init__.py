"""What a figure is worth: intervals, parity, validity and memory, in plain numpy."""
