"""Converters of ATen operators, by kind. Each module enters its functions in the table on import."""
