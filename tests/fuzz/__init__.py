"""Broken model files for the importers."""
