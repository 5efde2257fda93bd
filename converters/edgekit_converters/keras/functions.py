"""Activation functions by Keras' names (https://keras.io/api/layers/activations/)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.context import LayerContext

Function = Callable[[LayerContext, Value], Value]


def _plain(op: str, **attrs: Any) -> Function:
    return lambda ctx, x: ctx.call(op, x, **attrs)


def hard_sigmoid_slope(version: int) -> float:
    """Slope of ``hard_sigmoid``: Keras 3 changed it from 0.2 to 1/6."""
    return 0.2 if version < 3 else 1.0 / 6.0


def hard_sigmoid(ctx: LayerContext, x: Value) -> Value:
    return ctx.call("HardSigmoid", x, alpha=hard_sigmoid_slope(ctx.layer.version), beta=0.5)


def glu(ctx: LayerContext, x: Value, axis: int = -1) -> Value:
    """The first half along ``axis`` times the sigmoid of the second."""
    axis = ctx.axis(axis, len(x.shape))
    half = ctx.static(x.shape[axis], "the gated dimension") // 2
    a, b = ctx.call_multi("Split", x, axis=axis, sizes=(half, half))
    return ctx.call("Mul", a, ctx.call("Sigmoid", b))


def hard_shrink(ctx: LayerContext, x: Value, threshold: float = 0.5) -> Value:
    keep = ctx.call("Greater", ctx.call("Abs", x), ctx.number_like(threshold, x))
    return ctx.call("Where", keep, x, ctx.number_like(0.0, x))


def soft_shrink(ctx: LayerContext, x: Value, threshold: float = 0.5) -> Value:
    return ctx.call("Sub", x, ctx.clip(x, -threshold, threshold))


def squareplus(ctx: LayerContext, x: Value, b: float = 4.0) -> Value:
    root = ctx.call("Sqrt", ctx.call("Add", ctx.call("Mul", x, x), ctx.number_like(b, x)))
    return ctx.scaled(ctx.call("Add", x, root), 0.5)


def sparse_plus(ctx: LayerContext, x: Value) -> Value:
    """0 below -1, ``(x + 1)^2 / 4`` up to 1, ``x`` above: with c the middle part, ``(c + 1)^2 / 4 + max(x - 1, 0)``."""
    c = ctx.call("Add", ctx.clip(x, -1.0, 1.0), ctx.number_like(1.0, x))
    low = ctx.scaled(ctx.call("Mul", c, c), 0.25)
    return ctx.call("Add", low, ctx.call("Relu", ctx.scaled(x, 1.0, -1.0)))


def threshold(ctx: LayerContext, x: Value, limit: float, default: float) -> Value:
    return ctx.call("Where", ctx.call("Greater", x, ctx.number_like(limit, x)), x, ctx.number_like(default, x))


def sparsemax(ctx: LayerContext, x: Value, axis: int = -1) -> Value:
    """Projection on the simplex (arXiv 1602.02068)."""
    axis = ctx.axis(axis, len(x.shape))
    n = ctx.static(x.shape[axis], "the dimension of sparsemax")
    ordered, _ = ctx.call_multi("TopK", x, ctx.i64(n), axis=axis)
    total = ctx.call("CumSum", ordered, ctx.const(axis_scalar(axis)))
    shape = [1] * len(x.shape)
    shape[axis] = n
    counts = ctx.const([[float(i + 1)] for i in range(n)], x.dtype)
    counts = ctx.reshape(counts, shape)
    inside = ctx.call("Greater", ctx.scaled(ctx.call("Mul", counts, ordered), 1.0, 1.0), total)
    support = ctx.cast(inside, x.dtype)
    k = ctx.call("ReduceSum", support, axes=(axis,), keepdims=True)
    kept = ctx.call("ReduceSum", ctx.call("Mul", support, ordered), axes=(axis,), keepdims=True)
    tau = ctx.call("Div", ctx.scaled(kept, 1.0, -1.0), k)
    return ctx.call("Relu", ctx.call("Sub", x, tau))


def axis_scalar(axis: int) -> Any:
    """An axis as the int64 scalar that CumSum reads."""
    return np.asarray(axis, np.int64)


def relu(ctx: LayerContext, x: Value, slope: float = 0.0, top: float | None = None, limit: float = 0.0) -> Value:
    """ReLU with a slope below ``limit`` and a bound: keras.activations.relu."""
    high = math.inf if top is None else top
    if limit == 0.0:
        if slope == 0.0:
            return ctx.call("Relu", x) if top is None else ctx.clip(x, 0.0, high)
        y = ctx.call("LeakyRelu", x, alpha=slope)
        return y if top is None else ctx.clip(y, high=high)
    y = threshold(ctx, x, limit, 0.0)
    if top is not None:
        y = ctx.clip(y, 0.0, high)
    if slope == 0.0:
        return y
    below = ctx.call("Relu", ctx.scaled(x, -1.0, limit))
    return ctx.call("Sub", y, ctx.scaled(below, slope))


def softmax(ctx: LayerContext, x: Value, axis: int = -1) -> Value:
    return ctx.call("Softmax", x, axis=ctx.axis(axis, len(x.shape)))


FUNCTIONS: dict[str, Function] = {
    "linear": lambda ctx, x: x,
    "relu": _plain("Relu"),
    "relu6": lambda ctx, x: ctx.clip(x, 0.0, 6.0),
    "leaky_relu": _plain("LeakyRelu", alpha=0.2),
    "sigmoid": _plain("Sigmoid"),
    "hard_sigmoid": hard_sigmoid,
    "tanh": _plain("Tanh"),
    "softmax": softmax,
    "log_softmax": lambda ctx, x: ctx.call("LogSoftmax", x, axis=-1),
    "elu": _plain("Elu", alpha=1.0),
    "selu": _plain("Selu"),
    "celu": _plain("Celu", alpha=1.0),
    "softplus": _plain("Softplus"),
    "softsign": _plain("Softsign"),
    "silu": _plain("Silu"),
    "swish": _plain("Silu"),
    "gelu": _plain("Gelu"),
    "exponential": _plain("Exp"),
    "exp": _plain("Exp"),
    "mish": _plain("Mish"),
    "glu": glu,
    "hard_silu": _plain("HardSwish"),
    "hard_swish": _plain("HardSwish"),
    "hard_tanh": lambda ctx, x: ctx.clip(x, -1.0, 1.0),
    "hard_shrink": hard_shrink,
    "soft_shrink": soft_shrink,
    "tanh_shrink": lambda ctx, x: ctx.call("Sub", x, ctx.call("Tanh", x)),
    "log_sigmoid": lambda ctx, x: ctx.call("Neg", ctx.call("Softplus", ctx.call("Neg", x))),
    "sparse_sigmoid": lambda ctx, x: ctx.call("HardSigmoid", x, alpha=0.5, beta=0.5),
    "sparse_plus": sparse_plus,
    "squareplus": squareplus,
    "sparsemax": sparsemax,
}


def activation_name(spec: Any) -> str | None:
    """The name of a function in a configuration; None where it is a layer or something else."""
    if spec is None:
        return "linear"
    if isinstance(spec, Mapping):
        inner = spec.get("config")
        if spec.get("class_name") == "function" and isinstance(inner, str):
            return inner
        found = spec.get("class_name")
        return str(found) if found in FUNCTIONS else None
    return spec if isinstance(spec, str) else None


def activate(ctx: LayerContext, x: Value, spec: Any) -> Value:
    """Apply an activation as a configuration gives it: a name, a serialized function, or a layer.

    Raises:
        Unsupported: it is none of Keras' own.
    """
    name = activation_name(spec)
    if name is not None:
        plain = name.split(">")[-1].split(".")[-1]
        if plain in FUNCTIONS:
            return FUNCTIONS[plain](ctx, x)
    elif isinstance(spec, Mapping):
        found = ctx.importer.activation_layer(ctx, spec, x)
        if found is not None:
            return found
    raise Unsupported(
        f"the activation {name or str(spec)[:80]!r} is no function of Keras; its code is not in the file.",
        "Use one of Keras' activations, or put it into a layer of your own and register a converter for that.",
        "custom-activation",
    )
