"""Random numbers that decide nothing: dropout that a frozen rate switches off.

A graph made for training keeps its dropout: ``floor(keep_prob + uniform) * x``, or ``where(uniform >= rate)``. Random numbers are handed
on as the interval they lie in, through the arithmetic that dropout does with them. Where the result is the same for every number of the
interval (the rate is 0) it is that constant. Everything else that reads random numbers is an obstacle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import DType

if TYPE_CHECKING:
    from edgekit_converters.tensorflow.context import NodeContext
    from edgekit_converters.tensorflow.session import ImportSession

HINT = "Export the model for inference: with training=False, dropout draws none. Freeze a rate that is an input: --freeze keep_prob=1, say."


@dataclass(frozen=True)
class Noise:
    """Random numbers.

    Attributes:
        low, high: they are at least ``low`` and below ``high``.
        shape: of the tensor, int64.
        dtype: element type.
        op, node: where they come from.
    """

    low: float
    high: float
    shape: Value
    dtype: DType
    op: str
    node: str

    kind = "random number"


Handler = Callable[["NodeContext", Noise, "float | None", bool], "Noise | bool | float | None"]


def _sum(ctx: NodeContext, x: Noise, number: float | None, first: bool) -> Noise | None:
    return None if number is None else replace(x, low=x.low + number, high=x.high + number)


def _difference(ctx: NodeContext, x: Noise, number: float | None, first: bool) -> Noise | None:
    """``x - number``; the other way round the ends would change places, and dropout has no use for it."""
    return _sum(ctx, x, -number, first) if number is not None and first else None


def _product(ctx: NodeContext, x: Noise, number: float | None, first: bool) -> Noise | float | None:
    if number == 0:
        return 0.0
    return None if number is None or number < 0 else replace(x, low=x.low * number, high=x.high * number)


def _floor(ctx: NodeContext, x: Noise, number: float | None, first: bool) -> float | None:
    low = math.floor(x.low) if math.isfinite(x.low) else None
    return None if low is None or x.high > low + 1 else float(low)


def _compare(at_least: bool) -> Handler:
    """``x >= number`` or ``x < number`` (``at_least`` or not), and ``number <= x`` or ``number > x`` with ``first`` unset."""

    def compare(ctx: NodeContext, x: Noise, number: float | None, first: bool) -> bool | None:
        if number is None:
            return None
        if x.low >= number:
            return at_least
        return not at_least if x.high <= number else None

    return compare


ARITHMETIC: dict[str, Handler] = {"Add": _sum, "AddV2": _sum, "BiasAdd": _sum, "Sub": _difference, "Mul": _product, "Floor": _floor}
#: by whether the random numbers come first
COMPARISONS: dict[tuple[str, bool], Handler] = {
    ("GreaterEqual", True): _compare(True),
    ("Less", True): _compare(False),
    ("LessEqual", False): _compare(True),
    ("Greater", False): _compare(False),
}


#: operators that hand on what they read, whatever it is
PASSED_ON = frozenset({"Identity", "IdentityN", "Snapshot", "StopGradient", "PartitionedCall", "StatefulPartitionedCall"})


def block(session: ImportSession, noise: Noise) -> None:
    """Name random numbers that somebody needs as an obstacle."""
    session.block(noise.op, noise.node, "unsupported-op", "random numbers are not supported.", HINT)


def settle(ctx: NodeContext) -> Noise | Value | None:
    """What an operator makes of random numbers; None where it is none that dropout has."""
    x = next(i for i in ctx.items if isinstance(i, Noise))
    first = ctx.items[0] is x
    others = [i for i in ctx.items if not isinstance(i, Noise)]
    if len(ctx.items) != len(others) + 1 or len(others) > 1:
        return None
    handler = ARITHMETIC.get(ctx.op) or COMPARISONS.get((ctx.op, first))
    number: float | None = None
    if others:
        known = ctx.numbers(others[0]) if isinstance(others[0], Value) else None
        if known is None or np.size(known) != 1 or np.ndim(known) > ctx.static(x.shape.shape[0], "a rank"):
            return None
        number = float(np.reshape(known, ()))
    if ctx.op == "Cast":
        to = ctx.attr_type("DstT")
        return replace(x, dtype=to) if to.is_float else None
    found = None if handler is None else handler(ctx, x, number, first)
    if found is None or isinstance(found, Noise):
        return found
    dtype = DType.BOOL if isinstance(found, bool) else x.dtype
    return ctx.call("Expand", ctx.const(np.asarray(found, dtype.numpy)), x.shape)


def random_numbers(ctx: NodeContext, low: float, high: float) -> Sequence[Noise]:
    """The output of an operator that draws them; its first input is the shape."""
    dtype, shape = ctx.attr_type("dtype", DType.F32), ctx.as_i64(ctx.input(0))
    if len(shape.shape) != 1:
        raise MalformedModelError(f"a shape of rank {len(shape.shape)}")
    return [Noise(low, high, shape, dtype, ctx.op, ctx.name)]
