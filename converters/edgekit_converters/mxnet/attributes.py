"""MXNet writes every parameter of an operator as text; this reads it as dmlc::Parameter does."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgekit.errors import MalformedModelError
from edgekit.types import DType

#: mshadow's type flags and names
DTYPES = {
    "float32": DType.F32, "float64": DType.F64, "float16": DType.F16, "uint8": DType.U8, "int32": DType.I32, "int8": DType.I8,
    "int64": DType.I64, "bool": DType.BOOL, "int16": DType.I16, "uint16": DType.U16, "uint32": DType.U32, "uint64": DType.U64,
}  # fmt: skip
FLAGS = list(DTYPES)
TRUE, FALSE = ("True", "true", "1"), ("False", "false", "0")
MAX_LENGTH = 1 << 20


def parse_int(key: str, text: str) -> int:
    """An integer; ``"3L"`` and ``"3.0"`` too."""
    try:
        return int(text.rstrip("L"))
    except ValueError:
        number = parse_float(key, text)
        if not number.is_integer():
            raise MalformedModelError(f"{key}={text!r} is not a whole number") from None
        return int(number)


def parse_float(key: str, text: str) -> float:
    """A number."""
    try:
        return float(text.rstrip("fL"))
    except ValueError as e:
        raise MalformedModelError(f"{key}={text!r} is not a number") from e


def parse_bool(key: str, text: str) -> bool:
    """A truth value."""
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise MalformedModelError(f"{key}={text!r} is neither True nor False")


def parse_list(key: str, text: str) -> list[str]:
    """The entries of ``"(3, 3)"``, ``"[3,3]"`` or ``"3"``."""
    if len(text) > MAX_LENGTH:
        raise MalformedModelError(f"{key} is a text of {len(text)} bytes")
    inner = text.strip()
    if inner[:1] in "([" and inner[-1:] in ")]":
        inner = inner[1:-1]
    return [p for p in re.split(r"[,\s]+", inner.strip()) if p]


def parse_ints(key: str, text: str) -> list[int | None]:
    """Integers, with None where the text says so."""
    return [None if p == "None" else parse_int(key, p) for p in parse_list(key, text)]


def parse_dtype(key: str, text: str) -> DType:
    """An element type, by name or by number."""
    name = FLAGS[int(text)] if re.fullmatch("[0-9]{1,3}", text) and int(text) < len(FLAGS) else text
    if name not in DTYPES:
        raise MalformedModelError(f"{key}={text!r} is no element type")
    return DTYPES[name]


def known_dims(shape: Sequence[int | None]) -> list[int | None]:
    """A shape as MXNet stores it: 0 or less stands for unknown."""
    return [None if d is None or d <= 0 else d for d in shape]
