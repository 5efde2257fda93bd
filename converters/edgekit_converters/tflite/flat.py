"""A FlatBuffers reader that checks every offset, driven by the field lists of ``schema.py``."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit_converters.tflite.detection import IDENTIFIER
from edgekit_converters.tflite.schema import OPTIONS, TABLES

FORMATS = {"bool": "?", "i8": "b", "u8": "B", "u16": "H", "i32": "i", "u32": "I", "i64": "q", "u64": "Q", "f32": "f"}
NUMPY = {"bool": "u1", "i8": "i1", "u8": "u1", "u16": "<u2", "i32": "<i4", "u32": "<u4", "i64": "<i8", "u64": "<u8", "f32": "<f4"}
MAX_DEPTH = 12

Record = SimpleNamespace
"""One table: an attribute a field, absent ones at their defaults."""


def parse(data: bytes) -> Record:
    """The ``Model`` table of a .tflite file.

    Raises:
        MalformedModelError: the bytes are no such file; the message has the offset.
    """
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        raise MalformedModelError(f"the file does not carry the mark {IDENTIFIER.decode()!r} of TensorFlow Lite models")
    reader = _Reader(memoryview(data))
    return reader.table("Model", reader.follow(0), 0)


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self.data = data
        # offsets may point at one table many times; an honest file never needs more
        self.budget = 8 * len(data) + 1024

    def bad(self, at: int, why: str) -> MalformedModelError:
        return MalformedModelError(f"{why} at byte {at} of {len(self.data)}; the file is truncated or damaged")

    def scalar(self, kind: str, at: int) -> Any:
        fmt = "<" + FORMATS[kind]
        if at < 0 or at + struct.calcsize(fmt) > len(self.data):
            raise self.bad(at, "a field lies outside the file")
        return struct.unpack_from(fmt, self.data, at)[0]

    def spend(self, at: int, amount: int) -> None:
        self.budget -= amount
        if self.budget < 0:
            raise self.bad(at, "tables overlap too often")

    def follow(self, at: int) -> int:
        offset = self.scalar("u32", at)
        if offset == 0 or at + offset >= len(self.data):
            raise self.bad(at, "an offset points outside the file")
        return int(at + offset)

    def vector(self, at: int, size: int) -> tuple[int, int]:
        count = int(self.scalar("u32", at))
        if at + 4 + count * size > len(self.data):
            raise self.bad(at, "a vector is longer than the file")
        self.spend(at, 4 + count * size)
        return at + 4, count

    def string(self, at: int) -> str:
        start, n = self.vector(at, 1)
        return bytes(self.data[start : start + n]).decode("utf-8", "replace")

    def table(self, name: str, at: int, depth: int) -> Record:
        if depth > MAX_DEPTH:
            raise self.bad(at, "tables nest too deeply")
        vtable = at - self.scalar("i32", at)
        size = self.scalar("u16", vtable)
        self.spend(at, size + 4)
        out = Record()
        for slot, (field, kind, default) in enumerate(TABLES[name]):
            entry = 4 + 2 * slot
            offset = self.scalar("u16", vtable + entry) if entry + 2 <= size else 0
            setattr(out, field, self.field(kind, default, at + offset if offset else 0, depth, out))
        return out

    def field(self, kind: str, default: Any, at: int, depth: int, owner: Record) -> Any:
        """One field at ``at``; absent where that is 0."""
        if kind in FORMATS:
            return self.scalar(kind, at) if at else default
        if kind == "union":
            options = OPTIONS.get(owner.options_type)
            return self.table(options, self.follow(at), depth + 1) if at and options is not None else None
        if kind == "indices":  # the union of integer vectors of sparse tensors
            return self.sparse_indices(getattr(owner, default), self.follow(at)) if at else np.zeros(0, np.int64)
        if kind == "str":
            return self.string(self.follow(at)) if at else ""
        if kind.startswith("["):
            return self.elements(kind[1:-1], self.follow(at), depth) if at else self.empty(kind[1:-1])
        return self.table(kind, self.follow(at), depth + 1) if at else None

    def empty(self, element: str) -> Any:
        return np.zeros(0, NUMPY[element]) if element in NUMPY else []

    def elements(self, element: str, at: int, depth: int) -> Any:
        if element in NUMPY:
            start, n = self.vector(at, np.dtype(NUMPY[element]).itemsize)
            return np.frombuffer(self.data, NUMPY[element], n, start)
        start, n = self.vector(at, 4)
        return [self.table(element, self.follow(start + 4 * i), depth + 1) for i in range(n)]

    def sparse_indices(self, tag: int, at: int) -> Any:
        name = {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"}.get(tag)
        if name is None:
            raise self.bad(at, "sparse indices of an unknown kind")
        return self.table(name, at, 0).values.astype(np.int64)
