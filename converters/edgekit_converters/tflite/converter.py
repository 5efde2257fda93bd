"""``TfliteConverter``: tells TensorFlow Lite models apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit_converters.importing.lazy import LazyConverter
from edgekit_converters.tflite.detection import IDENTIFIER


class TfliteConverter(LazyConverter):
    """Reads TensorFlow Lite models: float, and quantized ones as they stand."""

    name = "tflite"
    description = "TensorFlow Lite (.tflite flatbuffer)"
    suffixes = (".tflite", ".lite")
    has_signatures = True
    needs = ()
    importer = "edgekit_converters.tflite.loading"

    def detects(self, source: Any, head: bytes) -> bool:
        """True for a file with TensorFlow Lite's mark, whatever its name."""
        return isinstance(source, Path) and head[4:8] == IDENTIFIER
