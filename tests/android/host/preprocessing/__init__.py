"""Samples through the app's own preprocessing: one JVM for many cases."""
