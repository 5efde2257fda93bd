"""Constants, nodes that pass their input on, and calls of functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I32, Array
from edgekit_converters.importing.complex_values import Complex
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tensorflow.context import Item, NodeContext, Text
from edgekit_converters.tensorflow.noise import HINT, random_numbers
from edgekit_converters.tensorflow.operators.spectral import to_complex
from edgekit_converters.tensorflow.registry import converts
from edgekit_converters.tensorflow.tensors import BFLOAT16, COMPLEX

PASSED_ON = (
    "Identity", "Snapshot", "StopGradient", "PreventGradient", "CheckNumerics", "CheckNumericsV2", "EnsureShape", "RefIdentity",
    "PlaceholderWithDefault",
)  # fmt: skip


@converts("Const", "HostConst")
def const(ctx: NodeContext) -> Item:
    """A tensor of the file."""
    outside = ctx.session.constants.get(ctx.name)
    array: Array = ctx.attr_tensor("value") if outside is None else outside()
    if array.dtype.kind == "c":
        return Complex((ctx.const(array.real.astype(np.float32)), ctx.const(array.imag.astype(np.float32))))
    return Text(array) if array.dtype == object else ctx.builder.constant(array, ctx.name)


@converts(*PASSED_ON)
def identity(ctx: NodeContext) -> Item:
    """The input as it is; checks and defaults of placeholders play no part."""
    if not ctx.items:
        raise MalformedModelError("input 0 is missing")
    return ctx.items[0]


@converts("IdentityN")
def identity_n(ctx: NodeContext) -> Sequence[Item]:
    """All inputs as they are."""
    return list(ctx.items)


@converts("Placeholder", "PlaceholderV2")
def placeholder(ctx: NodeContext) -> Value:
    """An input that is none of the signature's."""
    raise Unsupported("it is fed from outside, but it is no input of the model.", "Choose a signature that has it.", "missing-input")


@converts("NoOp", "Assert", "Print", "ControlTrigger")
def nothing(ctx: NodeContext) -> Sequence[Item]:
    """Nothing is computed; Print hands its input on."""
    return ctx.items[:1] if ctx.op == "Print" else ()


@converts("PartitionedCall", "StatefulPartitionedCall", "TPUPartitionedCall")
def call(ctx: NodeContext) -> Sequence[Item]:
    """A function in place; the operator is its name in old files."""
    name = ctx.attr_function("f") if "f" in ctx.node.attrs else ctx.op
    return ctx.importer.call(name, ctx.items)


@converts("RandomUniform", "StatelessRandomUniform", "StatelessRandomUniformV2")
def random_uniform(ctx: NodeContext) -> Sequence[Item]:
    """Random numbers from 0 to below 1: those of a dropout that is switched off (its rate is 0, or frozen to it) decide nothing."""
    return random_numbers(ctx, 0.0, 1.0)


@converts("RandomStandardNormal", "StatelessRandomNormal", "StatelessRandomNormalV2")
def random_normal(ctx: NodeContext) -> Sequence[Item]:
    """Normally distributed random numbers, of use only where they are multiplied by 0."""
    return random_numbers(ctx, -math.inf, math.inf)


@converts("TruncatedNormal")
def truncated_normal(ctx: NodeContext) -> Sequence[Item]:
    """Random numbers within two standard deviations, of use only where they are multiplied by 0."""
    return random_numbers(ctx, -2.0, math.nextafter(2.0, 3.0))


@converts("RandomUniformInt", "Multinomial")
def random_choice(ctx: NodeContext) -> Value:
    """Random integers: dropout has no use for them."""
    raise Unsupported("random numbers are not supported.", HINT, "unsupported-op")


@converts("Rank")
def rank(ctx: NodeContext) -> Value:
    """The number of dimensions."""
    return ctx.const(np.asarray(len(ctx.input(0).shape), np.int32))


@converts("Size")
def size(ctx: NodeContext) -> Value:
    """The number of elements."""
    return ctx.cast(ctx.call("Size", ctx.input(0)), ctx.attr_type("out_type", I32))


@converts("Shape", "ShapeN")
def shape(ctx: NodeContext) -> Sequence[Value]:
    """Shapes as lists."""
    to = ctx.attr_type("out_type", I32)
    return [ctx.cast(ctx.call("Shape", v), to) for v in ctx.present()]


@converts("Cast")
def cast(ctx: NodeContext) -> Item:
    """Another element type; of a complex tensor only the real part is kept."""
    if ctx.attr_code("DstT") in COMPLEX:
        return ctx.items[0] if isinstance(ctx.items[0], Complex) else to_complex(ctx, ctx.input(0))
    if ctx.attr_code("DstT") == BFLOAT16:
        ctx.problems.note(f"{ctx.op} {ctx.name!r}: bfloat16 is computed in float32")
    x = ctx.items[0].parts(ctx)[0] if isinstance(ctx.items[0], Complex) else ctx.input(0)
    return ctx.cast(x, ctx.attr_type("DstT"))


@converts("Bitcast")
def bitcast(ctx: NodeContext) -> Value:
    """The same bits in another type: constants only."""
    x = ctx.constant_input(0, "the input of a Bitcast")
    to = ctx.attr_type("type").numpy
    if to.itemsize == x.dtype.itemsize:
        return ctx.const(np.ascontiguousarray(x).view(to))
    raise Unsupported("a Bitcast between types of different sizes is not supported.")
