"""Edits that leave JSON JSON and protocol buffers protocol buffers, so that what is broken is the model and not only its encoding."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgekit_converters.importing.wire import write_field, write_varint

if TYPE_CHECKING:
    from tests.fuzz.mutations import Choices

VALUES: tuple[Any, ...] = (
    None, True, 0, 1, -1, 2, 1 << 31, -(1 << 63), 1 << 70, 0.5, 1e308, float("nan"), float("inf"), "9" * 5000, "", "x",
    "../x", "\x00", "é\ud800", [], {}, [0], [[]],
    [-1, 1 << 40], {"a": 1},
)  # fmt: skip
VARINTS = (0, 1, 2, 3, 7, 11, 0x7F, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
FIXED = (b"\0\0\0\0", b"\xff" * 4, b"\x7f" * 4, b"\0\0\0\x80", b"\0\0\x80\x7f", b"\0\0\x80\xff")
VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5
MAX_DEPTH = 12
MAX_NODES = 20_000


def edit_json(r: Choices, data: bytes) -> bytes:
    """Replace, delete, double, swap or rename something of a JSON text; the bytes themselves where they are none."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return data
    places = list(slots(tree))
    if not places:
        return data
    holder, key = places[r.integers(len(places))]
    kind = r.integers(8)
    if kind < 3:
        holder[key] = VALUES[r.integers(len(VALUES))]
    elif kind == 3:
        del holder[key]
    elif kind == 4 and isinstance(holder, list):
        holder.insert(key, holder[key])
    elif kind == 5 and isinstance(holder, dict):
        other, other_key = places[r.integers(len(places))]
        holder[other_key if isinstance(other_key, str) else "name"] = holder.pop(key)
    elif isinstance(holder[key], int) and kind == 6:
        holder[key] = (holder[key] + 1) * (1 if r.integers(2) else -1)
    else:
        other, other_key = places[r.integers(len(places))]
        if other_key in other if isinstance(other, dict) else other_key < len(other):
            holder[key] = json.loads(json.dumps(other[other_key]))
    return json.dumps(tree).encode()


def slots(tree: Any) -> list[tuple[Any, Any]]:
    """Every place of a tree that holds a value: its list or dictionary, and the index or key."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting and len(found) < MAX_NODES:
        node = waiting.pop()
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in items:
            found.append((node, key))
            waiting.append(value)
    return found


@dataclass(frozen=True)
class _Field:
    """A field of an encoded message: its number, wire type, where it begins, where its value lies, where it ends."""

    number: int
    wire: int
    start: int
    value: int
    end: int


def edit_protobuf(r: Choices, data: bytes) -> bytes:
    """Change one field somewhere inside a message, with every length around it put right; the bytes themselves where they are none."""
    return _edit_message(r, data, 0) or data


def _edit_message(r: Choices, data: bytes, depth: int) -> bytes | None:
    fields = _fields(data)
    if not fields:
        return None
    f = fields[r.integers(len(fields))]
    if f.wire == BYTES and depth < MAX_DEPTH and r.integers(4):
        inner = data[f.value : f.end]
        changed = _edit_message(r, inner, depth + 1)
        if changed is not None:
            return data[: f.start] + write_field(f.number, changed) + data[f.end :]
    kind = r.integers(6)
    if kind == 0:
        return data[: f.start] + data[f.end :]
    if kind == 1:
        return data[: f.end] + data[f.start : f.end] + data[f.end :]
    if kind == 2:
        other = fields[r.integers(len(fields))]
        if other.wire == BYTES and f.wire == BYTES:
            return data[: f.start] + write_field(f.number, data[other.value : other.end]) + data[f.end :]
        return data[: f.start] + data[other.start : other.end] + data[f.end :]
    if kind == 3:
        number = write_varint(((r.integers(64) + 1) << 3) | f.wire)
        return data[: f.start] + number + data[f.start + len(write_varint((f.number << 3) | f.wire)) : f.end] + data[f.end :]
    return data[: f.start] + _other_value(r, data, f) + data[f.end :]


def _other_value(r: Choices, data: bytes, f: _Field) -> bytes:
    key = write_varint((f.number << 3) | f.wire)
    if f.wire == VARINT:
        return key + write_varint(VARINTS[r.integers(len(VARINTS))])
    if f.wire in (EIGHT, FOUR):
        return key + FIXED[r.integers(len(FIXED))] * ((f.end - f.value) // 4)
    value = bytearray(data[f.value : f.end])
    kind = r.integers(4)
    if kind == 0 or not value:
        value = bytearray(b"../x\xff"[: r.integers(6)])
    elif kind == 1:
        del value[r.integers(len(value)) :]
    else:
        at = r.integers(len(value))
        value[at] = VARINTS[r.integers(len(VARINTS))] & 0xFF
    return write_field(f.number, bytes(value))


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise IndexError


def _fields(data: bytes) -> list[_Field]:
    """The fields of a message; empty where the bytes are none."""
    found: list[_Field] = []
    at = 0
    try:
        while at < len(data) and len(found) < MAX_NODES:
            key, value = _read_varint(data, at)
            number, wire = key >> 3, key & 7
            if not 0 < number < 1 << 29 or wire not in (VARINT, EIGHT, BYTES, FOUR):
                return []
            end = value
            if wire == VARINT:
                end = _read_varint(data, value)[1]
            elif wire == BYTES:
                size, value = _read_varint(data, value)
                end = value + size
            else:
                end = value + (8 if wire == EIGHT else 4)
            if end > len(data):
                return []
            found.append(_Field(number, wire, at, value, end))
            at = end
    except IndexError:
        return []
    return found
