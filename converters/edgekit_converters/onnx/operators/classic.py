"""Linear models and the preparation of features in ai.onnx.ml, as scikit-learn's converter writes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.operators.trees import TRANSFORMS, transformed
from edgekit_converters.onnx.registry import converts

ML = "ai.onnx.ml"


def _list(ctx: NodeContext, name: str, default: Sequence[float] = ()) -> Value:
    return ctx.const(np.asarray(ctx.get_floats(name, default), np.float32))


def _features(ctx: NodeContext) -> Value:
    """The input as float32 [N, features]."""
    x = ctx.cast(ctx.input(0), F32)
    return ctx.unsqueeze(x, [0]) if len(x.shape) == 1 else x


@converts("Scaler", domain=ML)
def scaler(ctx: NodeContext) -> Value:
    """``(x - offset) * scale``."""
    return ctx.call("Mul", ctx.call("Sub", ctx.cast(ctx.input(0), F32), _list(ctx, "offset")), _list(ctx, "scale"))


@converts("Normalizer", domain=ML)
def normalizer(ctx: NodeContext) -> Value:
    """Rows divided by their largest size, their sum of sizes, or their length; rows of zeros stay."""
    x, norm = ctx.cast(ctx.input(0), F32), ctx.get_string("norm", "MAX")
    if norm == "MAX":
        size = ctx.call("ReduceMax", x, axes=(-1,), keepdims=True)
    elif norm in ("L1", "L2"):
        size = ctx.call(f"Reduce{norm}", x, axes=(-1,), keepdims=True)
    else:
        raise MalformedModelError(f"the norm {norm!r} is not known")
    zero = ctx.call("Equal", size, ctx.const(0.0, F32))
    return ctx.call("Div", x, ctx.call("Where", zero, ctx.const(1.0, F32), size))


@converts("Imputer", domain=ML)
def imputer(ctx: NodeContext) -> Value:
    """One value (NaN, as a rule) replaced by a constant of each feature."""
    x = ctx.input(0)
    if x.dtype.is_integer:
        replaced = ctx.call("Equal", x, ctx.like(ctx.get_int("replaced_value_int64", 0), x))
        return ctx.call("Where", replaced, ctx.const(np.asarray(ctx.get_ints("imputed_value_int64s"), x.dtype.numpy)), x)
    missing = ctx.get_float("replaced_value_float", 0.0)
    replaced = ctx.call("IsNaN", x) if np.isnan(missing) else ctx.call("Equal", x, ctx.like(missing, x))
    return ctx.call("Where", replaced, ctx.cast(_list(ctx, "imputed_value_floats"), x.dtype), x)


@converts("FeatureVectorizer", domain=ML)
def feature_vectorizer(ctx: NodeContext) -> Value:
    """Inputs [N, features] side by side."""
    parts = [ctx.cast(v, F32) for v in ctx.present()]
    return ctx.call("Concat", *(ctx.unsqueeze(p, [0]) if len(p.shape) == 1 else p for p in parts), axis=1)


@converts("LinearRegressor", domain=ML)
def linear_regressor(ctx: NodeContext) -> Value:
    targets = ctx.get_int("targets", 1)
    scores = _linear(ctx, targets, ctx.get_floats("coefficients"), ctx.get_floats("intercepts", []))
    return transformed(ctx, scores, _transform(ctx))


def _transform(ctx: NodeContext) -> str:
    name = ctx.get_string("post_transform", "NONE")
    if name not in TRANSFORMS:
        raise MalformedModelError(f"the transform {name!r} is not known")
    return name


def _linear(ctx: NodeContext, rows: int, coefficients: Sequence[float], intercepts: Sequence[float]) -> Value:
    if rows < 1 or len(coefficients) % rows or len(intercepts) not in (0, rows):
        raise MalformedModelError(f"{len(coefficients)} coefficients and {len(intercepts)} intercepts for {rows} rows")
    w = np.asarray(coefficients, np.float32).reshape(rows, -1)
    bias = ctx.const(np.asarray(intercepts, np.float32)) if intercepts else None
    return ctx.call("FullyConnected", _features(ctx), ctx.const(w), bias)


@converts("LinearClassifier", domain=ML)
def linear_classifier(ctx: NodeContext) -> list[Value | None]:
    """Integer labels and scores; one row of coefficients for two classes stands for the second class."""
    if ctx.get_strings("classlabels_strings", []):
        raise Unsupported("class labels that are strings are not supported", "Export integer labels.", "unsupported-type")
    labels = np.asarray(ctx.get_ints("classlabels_ints"), np.int64)
    intercepts, coefficients = ctx.get_floats("intercepts", []), ctx.get_floats("coefficients")
    width = ctx.static(ctx.input(0).shape[-1], "the number of features")
    rows, transform = len(coefficients) // max(1, width), _transform(ctx)
    scores = _linear(ctx, rows, coefficients, intercepts)
    if rows == 1 and len(labels) == 2:
        if transform not in ("NONE", "LOGISTIC"):
            raise Unsupported(f"the transform {transform} of one score for two classes is not supported")
        limit = 0.5 if transform == "LOGISTIC" else 0.0
        second = transformed(ctx, scores, transform)
        picked = ctx.cast(ctx.call("Greater", ctx.reshape(second, (-1,)), ctx.const(limit, F32)), I64)
        first = ctx.call("Sub", ctx.const(1.0, F32), second)
        return [ctx.call("Gather", ctx.const(labels), picked, axis=0), ctx.call("Concat", first, second, axis=1)]
    if rows != len(labels):
        raise MalformedModelError(f"{rows} rows of coefficients for {len(labels)} classes")
    best = ctx.call("ArgMax", scores, axis=1, keepdims=False)
    return [ctx.call("Gather", ctx.const(labels), best, axis=0), transformed(ctx, scores, transform)]


@converts("ZipMap", domain=ML)
def zip_map(ctx: NodeContext) -> Value:
    """A list of dictionaries from label to score; here the scores themselves, one column a label."""
    ctx.problems.note(f"ZipMap {ctx.name!r}: the output is the tensor of scores, one column a label, instead of a list of dictionaries")
    return ctx.input(0)
