"""One adapter a runtime; each imports its runtime in ``start``."""
