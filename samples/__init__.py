"""Runnable end-to-end examples of EdgeKit."""
