"""Protobuf's wire format (protobuf.dev/programming-guides/encoding), for files that are walked over instead of parsed as a whole."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import NamedTuple

from edgekit.types import Array

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
MAX_VARINT_BYTES = 10

Buffer = bytes | mmap.mmap | Array


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        start: offset of its tag.
        at, end: where its content begins and ends.
        value: the number that a VARINT is; 0 for others.
    """

    number: int
    wire: int
    start: int
    at: int
    end: int
    value: int = 0


class WireError(Exception):
    """The bytes are no message.

    Attributes:
        at: the offset.
        what: what is wrong there.
    """

    def __init__(self, at: int, what: str) -> None:
        super().__init__(f"at byte {at}: {what}")
        self.at, self.what = at, what


def read_varint(data: Buffer, at: int, end: int) -> tuple[int | None, int]:
    """A number of 64 bits and where it ends; None where it does not end."""
    value = 0
    for k in range(min(MAX_VARINT_BYTES, end - at)):
        byte = int(data[at + k])
        value |= (byte & 0x7F) << 7 * k
        if byte < 0x80:
            return value & (1 << 64) - 1, at + k + 1
    return None, at


def write_varint(number: int) -> bytes:
    """A number, not negative, as ``read_varint`` reads it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def write_field(number: int, content: bytes) -> bytes:
    """A field of bytes: a text, a message or a packed list."""
    return write_varint(number << 3 | LENGTH) + write_varint(len(content)) + content


def fields(data: Buffer, at: int, end: int, cut: bool = False) -> Iterator[Field]:
    """The fields of the message at bytes ``at`` to ``end``; with ``cut`` the last may reach behind the end.

    Raises:
        WireError: there is none.
    """
    while at < end:
        start = at
        tag, at = read_varint(data, at, end)
        number, wire, value, size = (tag or 0) >> 3, (tag or 0) & 7, 0, 0
        if wire in (VARINT, LENGTH):
            read, after = read_varint(data, at, end)
            if tag is None or read is None:
                raise WireError(start, "a number does not end")
            if wire == VARINT:
                value, size = read, after - at
            else:
                at, size = after, read
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise WireError(start, f"wire type {wire} of field {number}")
        if not number:
            raise WireError(start, "field 0, which no message has")
        if size > end - at and not cut:
            raise WireError(start, f"field {number} of {size} bytes does not fit into the {end - at} that are left")
        yield Field(number, wire, start, at, at + size, value)
        at += size
