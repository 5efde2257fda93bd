"""FlexBuffers maps of numbers: the options of custom operators (google.github.io/flatbuffers/flexbuffers)."""

from __future__ import annotations

import struct

from edgekit.errors import MalformedModelError

NULL, INT, UINT, FLOAT, KEY, STRING = 0, 1, 2, 3, 4, 5
INDIRECT_INT, INDIRECT_UINT, INDIRECT_FLOAT, MAP, BOOL = 6, 7, 8, 9, 26
_FORMATS = {
    INT: {1: "b", 2: "h", 4: "i", 8: "q"},
    UINT: {1: "B", 2: "H", 4: "I", 8: "Q"},
    FLOAT: {2: "e", 4: "f", 8: "d"},
}
MAX_ENTRIES = 4096


def options(data: bytes) -> dict[str, int | float]:
    """The numbers of a map, by key; values of other kinds are left out.

    Raises:
        MalformedModelError: the bytes are no map.
    """
    if not data:
        return {}
    try:
        return _map(data)
    except (struct.error, IndexError, KeyError, UnicodeDecodeError) as e:
        raise MalformedModelError("the options of the custom operator are damaged") from e


def _number(data: bytes, kind: int, width: int, at: int) -> int | float:
    if at < 0:
        raise IndexError(at)
    value: int | float = struct.unpack_from("<" + _FORMATS[kind][width], data, at)[0]
    return value


def _unsigned(data: bytes, width: int, at: int) -> int:
    return int(_number(data, UINT, width, at))


def _map(data: bytes) -> dict[str, int | float]:
    root_width, packed = data[-1], data[-2]
    if packed >> 2 != MAP:
        raise MalformedModelError("the options of the custom operator are no map")
    width = 1 << (packed & 3)
    at_root = len(data) - 2 - root_width
    values = at_root - _unsigned(data, root_width, at_root)
    count = _unsigned(data, width, values - width)
    if count > MAX_ENTRIES:
        raise MalformedModelError(f"the options of the custom operator have {count} entries")
    key_width = _unsigned(data, width, values - 2 * width)
    keys = values - 3 * width - _unsigned(data, width, values - 3 * width)
    out: dict[str, int | float] = {}
    for i in range(count):
        at_key = keys + i * key_width
        start = at_key - _unsigned(data, key_width, at_key)
        if start < 0:
            raise IndexError(start)
        name = data[start : data.index(b"\0", start)].decode() if b"\0" in data[start:] else ""
        tag = data[values + count * width + i]
        kind, own_width, at = tag >> 2, 1 << (tag & 3), values + i * width
        if kind == BOOL:
            out[name] = bool(_unsigned(data, width, at))
        elif kind in (INT, UINT, FLOAT):
            out[name] = _number(data, kind, width, at)
        elif kind in (INDIRECT_INT, INDIRECT_UINT, INDIRECT_FLOAT):
            out[name] = _number(data, kind - INDIRECT_INT + INT, own_width, at - _unsigned(data, width, at))
    return out
