"""Tables of the schema to FlatBuffers bytes and back, as plain dictionaries.

Writing goes through the flatbuffers library; reading checks every offset against the buffer, so broken files raise
:class:`FormatError` and nothing else. Field names and defaults come from the generated ``schema.py``.
"""

from __future__ import annotations

import struct
from typing import Any

import flatbuffers
from flatbuffers import number_types as N

from edgekit.errors import FormatError
from edgekit.format.generated.schema import STRUCTS, TABLES, UNION

Record = dict[str, Any]

_FORMATS = dict(zip(("bool", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64"), "?bBhHiIqQfd", strict=True))
_FLAGS = {
    "bool": N.BoolFlags, "i8": N.Int8Flags, "u8": N.Uint8Flags, "i16": N.Int16Flags, "u16": N.Uint16Flags, "i32": N.Int32Flags,
    "u32": N.Uint32Flags, "i64": N.Int64Flags, "u64": N.Uint64Flags, "f32": N.Float32Flags, "f64": N.Float64Flags,
}  # fmt: skip
_BOUNDS = {f"i{n}": (-(1 << (n - 1)), (1 << (n - 1)) - 1) for n in (8, 16, 32, 64)} | {f"u{n}": (0, (1 << n) - 1) for n in (8, 16, 32, 64)}
_TAGS = {name: tag for tag, name in UNION.items()}
_MAX_DEPTH = 8
#: what becomes of halves of UTF-16 pairs, which JSON and file names can hold and UTF-8 cannot
LONE_SURROGATES = "backslashreplace"


def encode(table: str, record: Record, identifier: bytes) -> bytes:
    """A record as a finished FlatBuffer. A union is given as ``(table name, record)``; its tag field is filled in here.

    Raises:
        FormatError: a number does not fit into its field.
    """
    b = flatbuffers.Builder(1024)
    b.Finish(_encode_table(b, table, record), file_identifier=identifier)
    return bytes(b.Output())


def _encode_table(b: flatbuffers.Builder, table: str, record: Record) -> int:
    fields = TABLES[table]
    unknown = set(record) - {f[0] for f in fields}
    if unknown:
        raise FormatError(f"table {table} has no field {sorted(unknown)}")
    offsets: dict[str, int] = {}
    for name, kind, element, vector_of, _ in fields:
        value = record.get(name)
        if value is None or kind == "scalar":
            continue
        if kind == "string":
            offsets[name] = b.CreateString(value, errors=LONE_SURROGATES)
        elif kind == "table":
            offsets[name] = _encode_table(b, element, value)
        elif kind == "union":
            offsets[name] = _encode_table(b, value[0], value[1])
        else:
            offsets[name] = _encode_vector(b, element, vector_of, value, f"{table}.{name}")
    b.StartObject(len(fields))
    for slot, (name, kind, element, _, default) in enumerate(fields):
        if kind == "scalar":
            value = record.get(name, default)
            union = record.get(name.removesuffix("_type")) if name.endswith("_type") else None
            if isinstance(union, tuple):
                value = _TAGS[union[0]]
            _require_fit(element, value, f"{table}.{name}")
            b.PrependSlot(_FLAGS[element], slot, value, default)
        elif name in offsets:
            b.PrependUOffsetTRelativeSlot(slot, offsets[name], 0)
    return int(b.EndObject())


def _require_fit(element: str, value: Any, where: str) -> None:
    """An integer must fit its field: what a model says of itself may not."""
    bounds = _BOUNDS.get(element)
    if bounds is not None and not bounds[0] <= value <= bounds[1]:
        raise FormatError(f"{where}: {value} does not fit into {element}")


def _encode_vector(b: flatbuffers.Builder, element: str, vector_of: str, values: Any, where: str) -> int:
    if vector_of in ("table", "string"):
        items = [_encode_table(b, element, v) if vector_of == "table" else b.CreateString(v, errors=LONE_SURROGATES) for v in values]
        b.StartVector(4, len(items), 4)
        for o in reversed(items):
            b.PrependUOffsetTRelative(o)
        return int(b.EndVector())
    if vector_of == "struct":
        size, align, layout = STRUCTS[element]
        b.StartVector(size, len(values), align)
        for v in reversed(values):
            b.Prep(align, size)
            for name, kind, _ in reversed(layout):
                _require_fit(kind, v[name], f"{where}.{name}")
                b.Prepend(_FLAGS[kind], v[name])
        return int(b.EndVector())
    size = struct.calcsize(_FORMATS[element])
    b.StartVector(size, len(values), size)
    if len(values) and element in _BOUNDS:
        _require_fit(element, min(values), where)
        _require_fit(element, max(values), where)
    for v in reversed(values):
        b.Prepend(_FLAGS[element], v)
    return int(b.EndVector())


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self.data = data
        # offsets may point at one table many times; an honest file never needs more
        self.budget = 8 * len(data)

    def bad(self, at: int, why: str) -> FormatError:
        return FormatError(f"not a valid model: {why} at byte {at} of {len(self.data)}")

    def scalar(self, kind: str, at: int) -> Any:
        fmt = "<" + _FORMATS[kind]
        size = struct.calcsize(fmt)
        if at < 0 or at + size > len(self.data):
            raise self.bad(at, "a field lies outside the file")
        return struct.unpack_from(fmt, self.data, at)[0]

    def spend(self, at: int, amount: int) -> None:
        self.budget -= amount
        if self.budget < 0:
            raise self.bad(at, "tables overlap too often")

    def follow(self, at: int) -> int:
        offset = self.scalar("u32", at)
        if offset == 0 or at + offset > len(self.data):
            raise self.bad(at, "an offset points outside the file")
        return int(at + offset)

    def vector(self, at: int, size: int) -> tuple[int, int]:
        count = self.scalar("u32", at)
        if at + 4 + count * size > len(self.data):
            raise self.bad(at, "a vector is longer than the file")
        self.spend(at, 4 + count * size)
        return at + 4, count

    def string(self, at: int) -> str:
        start, n = self.vector(at, 1)
        try:
            return bytes(self.data[start : start + n]).decode()
        except UnicodeDecodeError as e:
            raise self.bad(at, "a string is not UTF-8") from e

    def table(self, name: str, at: int, depth: int) -> Record:
        if depth > _MAX_DEPTH:
            raise self.bad(at, "tables nest too deeply")
        vtable = at - self.scalar("i32", at)
        vsize = self.scalar("u16", vtable)
        self.spend(at, vsize + self.scalar("u16", vtable + 2))
        out: Record = {}
        for slot, (field, kind, element, vector_of, default) in enumerate(TABLES[name]):
            entry = 4 + 2 * slot
            offset = self.scalar("u16", vtable + entry) if entry + 2 <= vsize else 0
            if kind == "scalar":
                out[field] = self.scalar(element, at + offset) if offset else default
            elif not offset:
                out[field] = [] if kind == "vector" else "" if kind == "string" else None
            else:
                target = self.follow(at + offset)
                if kind == "string":
                    out[field] = self.string(target)
                elif kind == "table":
                    out[field] = self.table(element, target, depth + 1)
                elif kind == "union":
                    tag = out[f"{field}_type"]
                    if tag not in UNION:
                        raise self.bad(target, f"attributes of unknown kind {tag}")
                    out[field] = (UNION[tag], self.table(UNION[tag], target, depth + 1))
                else:
                    out[field] = self.elements(element, vector_of, target, depth)
        return out

    def elements(self, element: str, vector_of: str, at: int, depth: int) -> list[Any]:
        if vector_of == "struct":
            size, _, layout = STRUCTS[element]
            start, n = self.vector(at, size)
            return [{f: self.scalar(kind, start + i * size + o) for f, kind, o in layout} for i in range(n)]
        if vector_of == "scalar":
            fmt = _FORMATS[element]
            start, n = self.vector(at, struct.calcsize(fmt))
            return list(struct.unpack_from(f"<{n}{fmt}", self.data, start))
        start, n = self.vector(at, 4)
        places = [self.follow(start + 4 * i) for i in range(n)]
        return [self.string(p) if vector_of == "string" else self.table(element, p, depth + 1) for p in places]


def decode(table: str, data: memoryview | bytes, identifier: bytes) -> Record:
    """A FlatBuffer as a record, absent fields at their defaults.

    Raises:
        FormatError: the bytes are no such buffer; the message has the offset.
    """
    view = memoryview(data)
    if len(view) < 12 or bytes(view[4:8]) != identifier:
        raise FormatError(f"not a valid model: the file does not carry the mark {identifier.decode()!r}; is it an .ekm file, and whole?")
    r = _Reader(view)
    return r.table(table, r.follow(0), 0)
