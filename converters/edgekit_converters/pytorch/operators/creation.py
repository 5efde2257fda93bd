"""Operators that make tensors of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I64, DType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext, Sym, number_type
from edgekit_converters.pytorch.registry import ConvertFunction, converts


def _constant(value: float) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        return ctx.filled(ctx.sizes("size"), value, ctx.dtype("dtype", F32) or F32)

    return convert


def _constant_like(value: float) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        x = ctx.tensor("self")
        return ctx.filled(ctx.sizes_of(x), value, ctx.dtype("dtype", x.dtype) or x.dtype)

    return convert


def _new_constant(value: float) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        x = ctx.tensor("self")
        return ctx.filled(ctx.sizes("size"), value, ctx.dtype("dtype", x.dtype) or x.dtype)

    return convert


# what an empty tensor holds is not defined: zeros will do
converts("aten.zeros", "aten.empty", "aten.empty_strided", "aten.empty_permuted")(_constant(0))
converts("aten.ones")(_constant(1))
converts("aten.zeros_like", "aten.empty_like")(_constant_like(0))
converts("aten.ones_like")(_constant_like(1))
converts("aten.new_zeros", "aten.new_empty", "aten.new_empty_strided")(_new_constant(0))
converts("aten.new_ones")(_new_constant(1))
converts("aten.zero")(_constant_like(0))


def _type_of(ctx: AtenContext, v: object, default: DType | None = None) -> DType:
    given = ctx.dtype()
    if given is not None:
        return given
    if default is not None:
        return default
    if isinstance(v, Sym | Value):
        return v.value.dtype if isinstance(v, Sym) else v.dtype
    assert isinstance(v, bool | int | float)
    return number_type(v)


@converts("aten.full")
def full(ctx: AtenContext) -> Value:
    v = ctx.number("fill_value")
    return ctx.filled(ctx.sizes("size"), v, _type_of(ctx, v))


@converts("aten.full_like")
def full_like(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.filled(ctx.sizes_of(x), ctx.number("fill_value"), _type_of(ctx, None, x.dtype))


@converts("aten.new_full")
def new_full(ctx: AtenContext) -> Value:
    return ctx.filled(ctx.sizes("size"), ctx.number("fill_value"), _type_of(ctx, None, ctx.tensor("self").dtype))


@converts("aten.fill")
def fill(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.filled(ctx.sizes_of(x), ctx.number("value"), x.dtype)


@converts("aten.scalar_tensor", "aten.tensor", "prims.scalar_tensor")
def scalar_tensor(ctx: AtenContext) -> Value:
    name = "s" if "s" in ctx.args else "data"
    v = ctx.args.get(name)
    if isinstance(v, list):
        a = np.asarray(v)
        dtype = ctx.dtype() or (F32 if a.dtype.kind == "f" else DType.from_numpy(a.dtype))
        return ctx.const(a.astype(dtype.numpy))
    number = ctx.number(name)
    return ctx.operand(number, _type_of(ctx, number, None if ctx.op.startswith("aten.tensor") else F32))


@converts("aten.arange")
def arange(ctx: AtenContext) -> Value:
    start, end, step = ctx.number("start", 0), ctx.number("end"), ctx.number("step", 1)
    given = [start, end, step]
    floating = any(_type_of_number(v).is_float for v in given)
    dtype = ctx.dtype() or (F32 if floating else I64)
    if not any(isinstance(v, Sym | Value) for v in given):
        a, b, s = (v for v in given if not isinstance(v, Sym | Value))
        if s == 0:
            raise MalformedModelError("arange with a step of 0")
        count = max(0, -(-(b - a) // s))
        ctx.computed((int(count),))
        return ctx.const((a + np.arange(int(count)) * s).astype(dtype.numpy))
    wide = dtype if dtype in (F32, I64) else (F32 if floating else I64)
    return ctx.cast(ctx.call("Range", *(ctx.operand(v, wide) for v in given)), dtype)


def _type_of_number(v: object) -> DType:
    return v.value.dtype if isinstance(v, Sym) else v.dtype if isinstance(v, Value) else number_type(v)  # type: ignore[arg-type]


@converts("aten.linspace")
def linspace(ctx: AtenContext) -> Value:
    start, end, steps = ctx.real("start"), ctx.real("end"), ctx.integer("steps")
    ctx.computed((steps,))
    return ctx.const(np.linspace(start, end, steps).astype((ctx.dtype("dtype", F32) or F32).numpy))


@converts("aten.logspace")
def logspace(ctx: AtenContext) -> Value:
    start, end, steps = ctx.real("start"), ctx.real("end"), ctx.integer("steps")
    ctx.computed((steps,))
    return ctx.const(np.logspace(start, end, steps, base=ctx.real("base", 10.0)).astype((ctx.dtype("dtype", F32) or F32).numpy))


@converts("aten.eye")
def eye(ctx: AtenContext) -> Value:
    n = ctx.integer("n")
    m = ctx.integer("m", n)
    ctx.computed((n, m))
    return ctx.const(np.eye(n, m, dtype=(ctx.dtype("dtype", F32) or F32).numpy))


@converts("aten.tril", "aten.triu")
def triangle(ctx: AtenContext) -> Value:
    k = ctx.const(np.asarray(ctx.integer("diagonal", 0), np.int64))
    return ctx.call("Trilu", ctx.tensor("self"), k, upper=ctx.op.startswith("aten.triu"))


def _indices(upper: bool) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        rows, columns = ctx.integer("row"), ctx.integer("col")
        ctx.computed((rows, columns))
        make = np.triu_indices if upper else np.tril_indices
        return ctx.const(np.stack(make(rows, ctx.integer("offset", 0), columns)).astype((ctx.dtype("dtype", I64) or I64).numpy))

    return convert


converts("aten.tril_indices")(_indices(False))
converts("aten.triu_indices")(_indices(True))


def _window(weights: Sequence[float]) -> ConvertFunction:
    """Sums of cosines (hann, hamming, blackman)."""

    def convert(ctx: AtenContext) -> Value:
        n = ctx.integer("window_length")
        ctx.computed((n,))
        periodic = ctx.flag("periodic", True)
        t = np.arange(n) * (2 * np.pi / max(1, n if periodic else n - 1))
        w = sum(c * np.cos(k * t) * (-1) ** k for k, c in enumerate(weights))
        return ctx.const(np.asarray(w).astype((ctx.dtype("dtype", F32) or F32).numpy))

    return convert


converts("aten.hann_window")(_window((0.5, 0.5)))
converts("aten.hamming_window")(_window((0.54, 0.46)))
converts("aten.blackman_window")(_window((0.42, 0.5, 0.08)))


@converts(
    "aten.rand", "aten.randn", "aten.randint", "aten.randperm", "aten.rand_like", "aten.randn_like", "aten.bernoulli", "aten.multinomial"
)
def random(ctx: AtenContext) -> Value:
    """There is no random operator: a model that draws numbers does not convert."""
    raise Unsupported("random numbers are drawn at run time.", "Make the noise an input of the model.", "random")


@converts("aten.meshgrid")
def meshgrid(ctx: AtenContext) -> list[Value]:
    """``xy`` swaps the first two dimensions."""
    values = [ctx.reshape(v, (-1,)) for v in ctx.tensors("tensors")]
    swap = ctx.string("indexing", "ij") == "xy" and len(values) > 1
    order = [1, 0, *range(2, len(values))] if swap else list(range(len(values)))
    sizes = [ctx.size_of(values[k], 0) for k in order]
    out = []
    for i, v in enumerate(values):
        at = order.index(i)
        shape: list[int | Sym] = [1] * len(values)
        shape[at] = sizes[at]
        out.append(ctx.expand(ctx.view(v, shape), sizes))
    return out
