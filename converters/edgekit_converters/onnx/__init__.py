"""The ONNX importer."""

from __future__ import annotations

from edgekit_converters.onnx.converter import OnnxConverter

CONVERTER = OnnxConverter

__all__ = ["CONVERTER", "OnnxConverter"]
