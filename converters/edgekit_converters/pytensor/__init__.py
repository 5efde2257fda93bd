"""The PyTensor importer."""

from __future__ import annotations

from edgekit_converters.pytensor.converter import PytensorConverter

CONVERTER = PytensorConverter

__all__ = ["CONVERTER", "PytensorConverter"]
