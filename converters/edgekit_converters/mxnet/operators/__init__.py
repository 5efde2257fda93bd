"""Converters of MXNet's operators, by group."""
