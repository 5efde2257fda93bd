"""A model's inputs and outputs as the user wants them: layouts, element types, names, preprocessing. Untouched unless asked."""

from __future__ import annotations

from edgekit.interface.apply import apply_interface
from edgekit.interface.layouts import avoidable_transposes, remaining_transposes
from edgekit.interface.options import Interface

__all__ = ["Interface", "apply_interface", "avoidable_transposes", "remaining_transposes"]
