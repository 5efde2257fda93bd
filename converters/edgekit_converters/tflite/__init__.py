"""The TensorFlow Lite importer."""

from __future__ import annotations

from edgekit_converters.tflite.converter import TfliteConverter

CONVERTER = TfliteConverter

__all__ = ["CONVERTER", "TfliteConverter"]
