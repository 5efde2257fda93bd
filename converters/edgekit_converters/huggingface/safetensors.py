"""Reads ``.safetensors`` files without a package: a JSON header and raw numbers, mapped, not copied.

The format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.importing.files import map_bytes
from edgekit_converters.pytorch.pickles import view_bytes
from edgekit_converters.pytorch.program import TorchType

MAX_HEADER = 100_000_000
TYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "BOOL": "bool",
}  # fmt: skip


class TensorFile(Mapping[str, Array]):
    """The tensors of one or several files by name, read when asked for.

    Args:
        paths: the files.

    Raises:
        MalformedModelError: a header is broken.
    """

    def __init__(self, *paths: Path) -> None:
        self._entries: dict[str, tuple[Path, Array, dict[str, Any]]] = {}
        for path in paths:
            data, header = _opened(path)
            for name, entry in header.items():
                if name != "__metadata__":
                    self._entries[name] = (path, data, entry)

    def __iter__(self) -> Any:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, name: str) -> Array:
        path, data, entry = self._entries[name]
        what = f"{path}: tensor {name!r}"
        if not isinstance(entry, dict) or str(entry.get("dtype")) not in TYPES:
            raise MalformedModelError(f"{what}: its element type is not known")
        shape: Any = entry.get("shape")
        span: Any = entry.get("data_offsets")
        if not _sizes(shape) or not _sizes(span) or len(span) != 2 or not span[0] <= span[1] <= data.size:
            raise MalformedModelError(f"{what}: its shape or place is broken, or it lies outside of the file")
        return view_bytes(data[span[0] : span[1]], TorchType(TYPES[entry["dtype"]]), tuple(shape), None, 0, what)


def _sizes(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 1 << 62 for n in numbers)


def _opened(path: Path) -> tuple[Array, dict[str, Any]]:
    data = map_bytes(path)
    length = int.from_bytes(data[:8].tobytes(), "little")
    if data.size < 8 or length > min(MAX_HEADER, data.size - 8):
        raise MalformedModelError(f"{path}: the header of {length} bytes lies outside of the file ({data.size} bytes)")
    try:
        header = json.loads(data[8 : 8 + length].tobytes())
    except (ValueError, RecursionError) as e:
        raise MalformedModelError(f"{path}: the header is no valid JSON: {e}") from e
    if not isinstance(header, dict):
        raise MalformedModelError(f"{path}: the header is no table")
    return data[8 + length :], header
