"""Passes that bring graphs into a normal form: known shapes and constants, no needless nodes."""
