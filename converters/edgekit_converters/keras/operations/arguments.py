"""How the functions of keras.ops are called: operands as values, settings from the configuration or the call."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, F16, F32, F64, I32, I64, DType
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.registry import OPERATIONS
from edgekit_converters.keras.tensors import Tensor

operation = OPERATIONS.converts
#: element types from narrow to wide, floats behind integers
ORDER = (BOOL, DType.U8, DType.I8, DType.U16, DType.I16, DType.U32, I32, DType.U64, I64, F16, F32, F64)


def operand(ctx: LayerContext, position: int, name: str = "", like: DType | None = None) -> Value:
    """An argument as a value: a tensor, or numbers in the element type ``like``.

    Raises:
        MalformedModelError: it is missing, or no tensor and no number.
    """
    given = ctx.argument(position, name)
    if isinstance(given, Tensor):
        assert given.value is not None
        return given.value
    return literal(ctx, given, like)


def literal(ctx: LayerContext, given: Any, like: DType | None = None) -> Value:
    """Numbers as a constant; integers among floats become floats, floats among integers float32."""
    if given is None:
        raise MalformedModelError("an argument is missing")
    if isinstance(given, np.ndarray):
        return ctx.const(given)
    try:
        array = np.asarray(given)
    except ValueError as e:
        raise MalformedModelError(f"{str(given)[:60]!r} is no array of numbers") from e
    if array.dtype.kind not in "fiub":
        raise MalformedModelError(f"{str(given)[:60]!r} is no number")
    dtype = like or (F32 if array.dtype.kind == "f" else I32)
    if array.dtype.kind == "f" and not dtype.is_float:
        dtype = F32
    return ctx.const(array.astype(dtype.numpy))


def promoted(ctx: LayerContext, *values: Value) -> list[Value]:
    """Values in the widest of their element types."""
    wide = max((v.dtype for v in values), key=ORDER.index)
    return [ctx.cast(v, wide) for v in values]


def pair(ctx: LayerContext, first: str = "x1", second: str = "x2") -> tuple[Value, Value]:
    """Two operands in one element type."""
    given = [ctx.argument(0, first), ctx.argument(1, second)]
    kinds = [t.value.dtype for t in given if isinstance(t, Tensor) and t.value is not None]
    like = kinds[0] if kinds else None
    a, b = operand(ctx, 0, first, like), operand(ctx, 1, second, like)
    a, b = promoted(ctx, a, b)
    return a, b


def real(ctx: LayerContext, x: Value) -> Value:
    """Floats as they are, anything else as float32."""
    return x if x.dtype.is_float else ctx.cast(x, F32)


def single(ctx: LayerContext) -> Value:
    """The one operand."""
    return operand(ctx, 0, "x")


def setting(ctx: LayerContext, position: int, name: str, default: Any = None) -> Any:
    """A value from the operation's configuration, or else an argument of the call."""
    return ctx.config[name] if name in ctx.config else ctx.argument(position, name, default)


def axes_of(ctx: LayerContext, rank: int, given: Any) -> tuple[int, ...]:
    """Axes counted from the front; all of them for None."""
    if given is None:
        return tuple(range(rank))
    return tuple(sorted(ctx.axis(int(a), rank) for a in (given if isinstance(given, list | tuple) else [given])))
