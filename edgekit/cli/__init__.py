"""The ``edgekit`` command: one module a command; every public function named ``command`` in them becomes one."""

from __future__ import annotations

from edgekit.cli.app import main

__all__ = ["main"]
