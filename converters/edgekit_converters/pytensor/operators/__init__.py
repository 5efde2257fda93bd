"""Converters of PyTensor's operators, by group."""
