"""Passes that let one node do the work of several."""
