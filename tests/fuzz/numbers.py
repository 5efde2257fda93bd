"""Edits that change what single numbers of a model mean and leave all else whole: attributes, dimensions, small constants.

Such a model gets much further than one whose bytes are broken: to where strides, axes, counts and block sizes are believed.
"""

from __future__ import annotations

import io
import json
import math
import pickletools
import re
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.fuzz.seeds import Seed
from tests.fuzz.structured import slots

if TYPE_CHECKING:
    from tests.fuzz.mutations import Choices

INTEGERS = (
    0, 1, -1, 2, 3, 5, 7, 31, 64, 127, 255, 256, 4096, 65535, 1 << 20, (1 << 31) - 1, 1 << 31, -(1 << 31), 1 << 32, 1 << 40, -(1 << 40),
    1 << 62, (1 << 63) - 1, -(1 << 63),
)  # fmt: skip
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e-7, 255.0, 3e9, 1e19, 3e38, -3e38, math.inf, -math.inf, math.nan)
MAX_CHANGES = 3
#: constants of more bytes are weights: what they hold decides nothing
MAX_CONSTANT_BYTES = 64
MAX_DEPTH = 12
MAX_PLACES = 20_000

Change = Callable[["Choices"], bytes]
"""A file with one number changed."""


def change(r: Choices, seed: Seed) -> Seed:
    """A copy of a model with one to a few numbers changed; the model itself where no number is found."""
    files = dict(seed.files)
    for _ in range(int(r.integers(1, MAX_CHANGES + 1))):
        names = [n for n in sorted(files) if _editor(n, files[n]) is not None]
        if names:
            name = names[int(r.integers(len(names)))]
            edit = _editor(name, files[name])
            with suppress(ValueError, IndexError, KeyError, RecursionError, struct.error):  # what an earlier change broke stays as it is
                files[name] = edit(r, files[name]) if edit else files[name]
    return Seed(files, seed.entry)


Editor = Callable[["Choices", bytes], bytes]


def _editor(name: str, data: bytes) -> Editor | None:
    if name.endswith(".onnx"):
        return partial(_message, "onnx", "ModelProto")
    if name.endswith(".pb"):
        return partial(_message, "tensorflow", "SavedModel" if name.endswith("saved_model.pb") else "GraphDef")
    if name.endswith(".tflite"):
        return _flatbuffer
    if name.endswith((".prototxt", ".py")):
        return _text
    if data[:2] == b"\x80\x02":
        return _pickle
    if data.lstrip()[:1] in (b"{", b"["):
        return _json
    if data[:4] == b"PK\x03\x04":
        return _archive
    return None


def _integer(r: Choices, old: int, low: int, high: int) -> int:
    """Another integer of a field's range: an extreme one, or one near the old."""
    near = (old + 1, old - 1, -old, old * 2, old * 1000, old // 2)
    fits = [v for v in (*INTEGERS, *near) if low <= v <= high]
    return fits[int(r.integers(len(fits)))]


def _float(r: Choices) -> float:
    return FLOATS[int(r.integers(len(FLOATS)))]


# -- protocol buffers ----------------------------------------------------------------------------------------------------

#: FieldDescriptor.CPPTYPE_*: the range of each integer type
_RANGES = {
    1: (-(1 << 31), (1 << 31) - 1),
    2: (-(1 << 63), (1 << 63) - 1),
    3: (0, (1 << 32) - 1),
    4: (0, (1 << 64) - 1),
    7: (0, 1),
    8: (0, 63),
}
_CPP_DOUBLE, _CPP_FLOAT, _CPP_STRING, _CPP_MESSAGE = 5, 6, 9, 10
#: integers and floats by the element types of ONNX (raw_data) and TensorFlow (tensor_content)
_ELEMENTS = {
    "raw_data": {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 9: "u1", 10: "<f2", 11: "<f8"},
    "tensor_content": {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 6: "i1", 9: "<i8", 10: "u1", 19: "<f2"},
}


def _message(package: str, kind: str, r: Choices, data: bytes) -> bytes:
    from google.protobuf.message import DecodeError

    if package == "onnx":
        from edgekit_converters.onnx.protos import messages
    else:
        from edgekit_converters.tensorflow.protos import messages
    root = messages()[kind]()
    try:
        root.ParseFromString(data)
    except (DecodeError, ValueError):
        return data
    places: list[Callable[[Choices], None]] = []
    _collect(root, places, 0)
    if not places:
        return data
    places[int(r.integers(len(places)))](r)
    return bytes(root.SerializeToString())


def _collect(message: Any, places: list[Callable[[Choices], None]], depth: int) -> None:
    """Every number in a message, as a function that changes it."""
    if depth > MAX_DEPTH or len(places) > MAX_PLACES:
        return
    for field, value in message.ListFields():
        many = hasattr(value, "__len__") and not isinstance(value, str | bytes)
        if field.cpp_type == _CPP_MESSAGE:
            inner = value.values() if hasattr(value, "values") and callable(value.values) else value if many else [value]
            for m in inner:
                if hasattr(m, "ListFields"):
                    _collect(m, places, depth + 1)
        elif field.name in _ELEMENTS and 0 < len(value) <= MAX_CONSTANT_BYTES:
            code = message.data_type if field.name == "raw_data" else message.dtype
            if (dtype := _ELEMENTS[field.name].get(code)) is not None:
                places.append(partial(_set_elements, message, field.name, dtype))
        elif field.cpp_type in _RANGES or field.cpp_type in (_CPP_DOUBLE, _CPP_FLOAT):
            for k in range(len(value)) if many and len(value) <= MAX_CONSTANT_BYTES else [] if many else [None]:
                places.append(partial(_set_field, message, field, k))


def _set_elements(message: Any, name: str, dtype: str, r: Choices) -> None:
    setattr(message, name, _other_element(r, getattr(message, name), dtype))


def _other_element(r: Choices, data: bytes, dtype: str) -> bytes:
    array = np.frombuffer(data[: len(data) // np.dtype(dtype).itemsize * np.dtype(dtype).itemsize], dtype).copy()
    if not array.size:
        return data
    k = int(r.integers(array.size))
    if array.dtype.kind == "f":
        with np.errstate(all="ignore"):
            array[k] = np.float64(_float(r)).astype(array.dtype)
    else:
        info = np.iinfo(array.dtype)
        array[k] = _integer(r, int(array[k]), int(info.min), int(info.max))
    return array.tobytes()


def _set_field(message: Any, field: Any, index: int | None, r: Choices) -> None:
    holder = getattr(message, field.name)
    old = holder if index is None else holder[index]
    new: Any = _float(r) if field.cpp_type in (_CPP_DOUBLE, _CPP_FLOAT) else _integer(r, int(old), *_RANGES[field.cpp_type])
    if index is None:
        setattr(message, field.name, new)
    else:
        holder[index] = new


# -- FlatBuffers ---------------------------------------------------------------------------------------------------------


def _flatbuffer(r: Choices, data: bytes) -> bytes:
    """Change a field or a small constant of a TensorFlow Lite model in place."""
    from edgekit.errors import MalformedModelError
    from edgekit_converters.tflite.detection import IDENTIFIER
    from edgekit_converters.tflite.flat import FORMATS, NUMPY, _Reader

    found: list[tuple[int, str]] = []

    class Recorder(_Reader):
        def field(self, kind: str, default: Any, at: int, depth: int, owner: Any) -> Any:
            if kind in FORMATS and 0 < at <= len(self.data) - struct.calcsize(FORMATS[kind]):
                found.append((at, FORMATS[kind]))
            return super().field(kind, default, at, depth, owner)

        def elements(self, element: str, at: int, depth: int) -> Any:
            if element in NUMPY:
                start, n = self.vector(at, np.dtype(NUMPY[element]).itemsize)
                size = np.dtype(NUMPY[element]).itemsize
                if n * size <= MAX_CONSTANT_BYTES:
                    found.extend((start + k * size, FORMATS[element]) for k in range(n))
                    if element == "u8" and n % 4 == 0:  # a constant, as often as not of int32
                        found.extend((start + k, "i") for k in range(0, n, 4))
            return super().elements(element, at, depth)

    if len(data) < 8 or data[4:8] != IDENTIFIER:
        return data
    reader = Recorder(memoryview(data))
    with suppress(MalformedModelError):
        reader.table("Model", reader.follow(0), 0)
    if not found:
        return data
    at, code = found[int(r.integers(len(found)))]
    size = struct.calcsize("<" + code)
    if code == "f":
        piece = struct.pack("<f", np.float32(_float(r)))
    elif code == "?":
        piece = bytes([1 - (data[at] & 1)])
    else:
        bits = 8 * size
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if code.islower() else (0, (1 << bits) - 1)
        piece = struct.pack("<" + code, _integer(r, struct.unpack_from("<" + code, data, at)[0], low, high))
    return data[:at] + piece + data[at + size :]


# -- text, JSON, pickles, archives ---------------------------------------------------------------------------------------


def _text(r: Choices, data: bytes) -> bytes:
    found = list(re.finditer(rb"(?<![\w.])-?\d+(\.\d+)?(?![\w.])", data[:200_000]))
    if not found:
        return data
    m = found[int(r.integers(len(found)))]
    new = str(_float(r)) if m[1] else str(_integer(r, int(m[0]), -(1 << 63), (1 << 63) - 1))
    return data[: m.start()] + new.encode() + data[m.end() :]


def _json(r: Choices, data: bytes) -> bytes:
    tree = json.loads(data)
    places = [(h, k) for h, k in slots(tree) if isinstance(h[k], int | float) or (isinstance(h[k], str) and re.search(r"\d", h[k]))]
    if not places:
        return data
    holder, key = places[int(r.integers(len(places)))]
    old = holder[key]
    if isinstance(old, bool):
        holder[key] = not old
    elif isinstance(old, str):
        holder[key] = _text(r, old.encode("utf-8", "replace")).decode("utf-8", "replace")
    elif isinstance(old, float):
        holder[key] = _float(r)
    else:
        holder[key] = _integer(r, old, -(1 << 70), 1 << 70)
    return json.dumps(tree).encode()


def _pickle(r: Choices, data: bytes) -> bytes:
    """Another integer or float in a pickle of protocol 2, whose opcodes need no lengths around them."""
    found = []
    with suppress(ValueError):
        ops = list(pickletools.genops(data))
        found = [(a[0].name, a[1], a[2], b[2]) for a, b in pairwise(ops)]
    found = [f for f in found if f[0] in ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT")]
    if not found:
        return data
    name, old, start, end = found[int(r.integers(len(found)))]
    if name == "BINFLOAT":
        new = b"G" + struct.pack(">d", _float(r))
    else:
        value = _integer(r, old, -(1 << 70), 1 << 70)
        body = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        new = b"\x8a" + bytes([len(body)]) + body
    return data[:start] + new + data[end:]


def _archive(r: Choices, data: bytes) -> bytes:
    from tests.fuzz.mutations import BROKEN_ARCHIVE

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {i.filename: archive.read(i) for i in archive.infolist() if not i.is_dir()}
    except BROKEN_ARCHIVE:
        return data
    names = [n for n in members if _editor(n, members[n]) not in (None, _archive)]
    if not names:
        return data
    name = names[int(r.integers(len(names)))]
    edit = _editor(name, members[name])
    members[name] = edit(r, members[name]) if edit else members[name]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for n, d in members.items():
            archive.writestr(zipfile.ZipInfo(n), d)
    return out.getvalue()
