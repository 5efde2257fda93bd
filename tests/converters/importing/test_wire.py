"""Walking over protobuf's wire format, against protobuf's own encoder."""

from __future__ import annotations

import pytest

from edgekit_converters.importing.wire import FIXED32, FIXED64, LENGTH, VARINT, WireError, fields, read_varint
from tests.require import require_module


@pytest.mark.parametrize("number", [1, 127, 128, 300, (1 << 32) - 1, (1 << 64) - 1])
def test_numbers_as_protobuf_writes_them(number):
    require_module("protobuf", "google.protobuf", "pip install protobuf")
    from google.protobuf import wrappers_pb2

    data = wrappers_pb2.UInt64Value(value=number).SerializeToString()
    assert read_varint(data, 1, len(data)) == (number, len(data))
    assert [f.value for f in fields(data, 0, len(data))] == [number]


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 10, b"\x80" * 20 + b"\x01"])
def test_numbers_that_do_not_end(data):
    assert read_varint(data, 0, len(data)) == (None, 0)


def test_fields_of_every_kind():
    data = b"\x08\x96\x01" + b"\x12\x03abc" + b"\x1d1234" + b"\x2112345678"
    found = [(f.number, f.wire, f.start, bytes(data[f.at : f.end]), f.value) for f in fields(data, 0, len(data))]
    assert found == [
        (1, VARINT, 0, b"\x96\x01", 150), (2, LENGTH, 3, b"abc", 0), (3, FIXED32, 8, b"1234", 0), (4, FIXED64, 13, b"12345678", 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x08\x01\x80", "at byte 2: a number does not end"),
        (b"\x08\x80", "at byte 0: a number does not end"),
        (b"\x12\x04abc", "at byte 0: field 2 of 4 bytes does not fit into the 3 that are left"),
        (b"\x0b", "at byte 0: wire type 3 of field 1"),
        (b"\x00\x01", "at byte 0: field 0, which no message has"),
    ],
)
def test_broken_messages(data, message):
    with pytest.raises(WireError, match=message):
        list(fields(data, 0, len(data)))


def test_the_last_field_may_be_cut():
    (field,) = fields(b"\x12\x04abc", 0, 5, cut=True)
    assert (field.at, field.end) == (2, 6)
