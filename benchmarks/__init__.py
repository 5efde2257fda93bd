"""Measurements of EdgeKit beside other inference runtimes."""
