"""Cycles of in-order cores, estimated from counts and a timing table."""
