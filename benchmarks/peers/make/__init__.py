"""Scripts that make the models of the comparison, every peer's file from the same weights."""
