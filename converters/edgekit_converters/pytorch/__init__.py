"""The PyTorch importer."""

from __future__ import annotations

from edgekit_converters.pytorch.converter import PyTorchConverter

CONVERTER = PyTorchConverter

__all__ = ["CONVERTER", "PyTorchConverter"]
