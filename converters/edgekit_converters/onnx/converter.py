"""``OnnxConverter``: tells ONNX models apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit_converters.importing.lazy import LazyConverter
from edgekit_converters.onnx.detection import looks_like_onnx


class OnnxConverter(LazyConverter):
    """Reads ONNX models: opsets 7 to 25 (older and newer ones as far as their operators kept their meaning)."""

    name = "onnx"
    description = "ONNX (ModelProto, with or without external data)"
    suffixes = (".onnx", ".onnx.pb", ".onnx_data.pb")
    needs = ("protobuf", "onnx: expanding functions, and types behind operators that do not convert")
    importer = "edgekit_converters.onnx.loading"

    def detects(self, source: Any, head: bytes) -> bool:
        """True for a file that holds a ModelProto, whatever its name, and for ``onnx.ModelProto`` objects."""
        if isinstance(source, Path):
            return looks_like_onnx(head)
        return type(source).__name__ == "ModelProto" and hasattr(source, "opset_import")
