"""What a peer must provide. A new one is one small subclass and a line in ``peers.json``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.suite import Array, Model, to_nchw

# Untyped objects of a runtime that may not be installed where these files are checked.
Untyped = Any


class Adapter:
    """One inference runtime; all methods run inside the peer's own worker process.

    Attributes:
        files: Precision -> file inside the model's folder.
        nchw: Whether the model file takes and gives images as NCHW.
    """

    files: ClassVar[Mapping[str, str]] = MappingProxyType({})
    nchw: bool = True

    def __init__(self, options: Mapping[str, str] | None = None) -> None:
        """Keep the peer's ``options`` of ``peers.json``."""
        self.options = dict(options or {})

    def path(self, folder: Path, precision: str) -> Path | None:
        """The model file of a precision, None when this peer has none."""
        name = self.files.get(precision)
        path = folder / name if name else None
        return path if path is not None and path.exists() else None

    def sizes(self, path: Path) -> int:
        """Bytes of the model's file."""
        return path.stat().st_size

    def start(self, threads: int) -> None:
        """Import the runtime; memory is read before and after."""

    def load(self, path: Path, model: Model, threads: int) -> None:
        """Make the model ready for ``run``."""
        raise NotImplementedError

    def set_input(self, x: Array) -> None:
        """Take one input, already in the layout that ``native`` gives."""
        raise NotImplementedError

    def run(self) -> None:
        """Infer once; this is all that is timed."""
        raise NotImplementedError

    def output(self) -> Array:
        """The first output of the last run, float32, in the model's own layout."""
        raise NotImplementedError

    def native(self, model: Model, x: Array) -> Array:
        """A canonical input in this peer's layout."""
        return to_nchw(model, x) if self.nchw else np.ascontiguousarray(x)

    def canonical(self, model: Model, y: Array) -> NDArray[np.float32]:
        """An output as a flat vector in canonical order."""
        if self.nchw and model.image_out:
            y = y.reshape((1, *y.shape[-3:])).transpose(0, 2, 3, 1)
        return np.asarray(y, np.float32).reshape(-1)


def quantize(x: Array, scale: float, zero_point: int) -> NDArray[np.int8]:
    """Float input as int8."""
    return np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.int8)


def dequantize(y: Array, scale: float, zero_point: int) -> NDArray[np.float32]:
    """Int8 output as float."""
    return np.asarray((y.astype(np.float32) - zero_point) * scale, np.float32)
