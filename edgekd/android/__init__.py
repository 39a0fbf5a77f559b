"""The Android demo app, from this side: its bundles, its project and its package."""
