"""Tools for EdgeKit's own developers: code generation and scaffolds."""
