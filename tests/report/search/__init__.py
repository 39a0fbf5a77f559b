"""Tests of what sweeps and fits show."""
