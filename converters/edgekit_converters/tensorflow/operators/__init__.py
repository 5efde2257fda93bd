"""Operator converters, one module a family."""
