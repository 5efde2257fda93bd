"""The commands: one module each, with a function ``command`` and the help text as its docstring."""
