"""Exact counts of instructions, by run, layer and function."""
