"""TensorFlow's functions between layers of tf.keras 2: ``TFOpLambda``, ``SlicingOpLambda``, and ``TensorFlowOpLayer`` of TF 2.0 to 2.3.

Each is run as the function of keras.ops that does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.layers.reshaping import resized
from edgekit_converters.keras.operations.arguments import axes_of, literal, promoted, real
from edgekit_converters.keras.operations.indexing import sliced
from edgekit_converters.keras.operations.tensorflow_rules import RULES, Rule
from edgekit_converters.keras.registry import OPERATIONS, Result, layer
from edgekit_converters.keras.tensors import Call, Tensor, flatten


def run_rule(ctx: LayerContext, rule: Rule, first: Any, given: Mapping[str, Any]) -> Result:
    """Run a function of keras.ops with TensorFlow's arguments."""
    config: dict[str, Any] = dict(rule.fixed)
    kwargs: dict[str, Any] = {}
    for name, setting in rule.settings.items():
        value = given.get(name)
        if isinstance(value, Tensor):
            known = None if value.value is None else ctx.numbers(value.value)
            if known is None:
                kwargs[setting] = value
                config.pop(setting, None)
                continue
            value = known.tolist()
        if value is not None:
            if any(isinstance(v, Tensor) for v in flatten(value)):
                kwargs[setting] = value
                config.pop(setting, None)
            else:
                config[setting] = value
    args = [first, *(given.get(n) for n in rule.tensors)]
    return run_operation(ctx, rule.op, args, config, kwargs)


def run_operation(ctx: LayerContext, op: str, args: Sequence[Any], config: Mapping[str, Any], kwargs: Mapping[str, Any]) -> Result:
    """Run a function of keras.ops in place of the layer."""
    convert = OPERATIONS.find(op)
    if convert is None:
        raise Unsupported(f"{op} is not supported.")
    own = replace(ctx.layer, class_name=op, module="keras.ops", config=config, kind=None)
    inner = LayerContext(ctx.importer, own, Call(list(args), dict(kwargs)), ctx.name)
    return convert(inner)


# -- functions without a counterpart ------------------------------------------------------------------------------------------


def value_of(ctx: LayerContext, given: Any) -> Value:
    if isinstance(given, Tensor) and given.value is not None:
        return given.value
    return literal(ctx, given)


def _matmul(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Value:
    a, b = promoted(ctx, real(ctx, value_of(ctx, first)), real(ctx, value_of(ctx, given.get("b"))))
    swap = [bool(given.get(f"transpose_{n}") or given.get(f"adj_{n}")) for n in "ab"]
    return ctx.call("MatMul", a, b, transpose_a=swap[0], transpose_b=swap[1])


def _split(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Result:
    cuts = given.get("num_or_size_splits")
    if isinstance(cuts, list):
        cuts = [int(c) for c in np.cumsum(cuts)[:-1]]
    return run_operation(ctx, "Split", [first], {"indices_or_sections": cuts, "axis": given.get("axis") or 0}, {})


def _pad(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Result:
    mode = str(given.get("mode") or "CONSTANT").lower()
    config = {"pad_width": given.get("paddings"), "mode": mode}
    return run_operation(ctx, "Pad", [first], config, {"constant_values": given.get("constant_values") or 0} if mode == "constant" else {})


def _gather(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Result:
    if given.get("batch_dims"):
        raise Unsupported("batch_dims is not supported.")
    return run_operation(ctx, "Take", [first, given.get("indices")], {"axis": given.get("axis") or 0}, {})


def _l2_normalize(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Value:
    x = real(ctx, value_of(ctx, first))
    axes = axes_of(ctx, len(x.shape), given.get("axis", given.get("dim")))
    total = ctx.call("ReduceSum", ctx.call("Mul", x, x), axes=axes, keepdims=True)
    return ctx.call("Mul", x, ctx.call("Rsqrt", ctx.clip(total, low=float(given.get("epsilon") or 1e-12))))


def _add_n(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Value:
    values = [value_of(ctx, t) for t in flatten(first)]
    found = values[0]
    for v in values[1:]:
        found = ctx.call("Add", found, v)
    return found


def _squared_difference(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Value:
    a = value_of(ctx, first)
    other = given.get("y")
    b = value_of(ctx, other) if isinstance(other, Tensor) else literal(ctx, other, a.dtype)
    return ctx.call("SquaredDifference", *promoted(ctx, a, b))


def _resize(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Value:
    size = given.get("size")
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(n, int) for n in size):
        raise Unsupported("a size computed at run time is not supported.", reason="dynamic-input")
    if given.get("preserve_aspect_ratio"):
        raise Unsupported("preserve_aspect_ratio=True is not supported.")
    method = str(given.get("method") or "bilinear").lower()
    x = value_of(ctx, first)
    return resized(ctx, x if method == "nearest" else real(ctx, x), "NHWC", size, method, bool(given.get("antialias")))


def _blocks(op: str) -> Callable[[LayerContext, Any, Mapping[str, Any]], Value]:
    def convert(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Value:
        layout = "NCHW" if given.get("data_format") == "NCHW" else "NHWC"
        return ctx.call(op, value_of(ctx, first), block_size=int(given.get("block_size") or 0), layout=layout)

    return convert


def _slice(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Value:
    begin, size = given.get("begin"), given.get("size")
    if not isinstance(begin, list) or not isinstance(size, list):
        raise Unsupported("ends computed at run time are not supported.", reason="dynamic-input")
    key = [slice(int(b), None if n == -1 else int(b) + int(n)) for b, n in zip(begin, size, strict=True)]
    return sliced(ctx, value_of(ctx, first), key)


FUNCTIONS: dict[str, Callable[[LayerContext, Any, Mapping[str, Any]], Result]] = {
    "linalg.matmul": _matmul,
    "split": _split,
    "pad": _pad,
    "gather": _gather,
    "math.l2_normalize": _l2_normalize,
    "nn.l2_normalize": _l2_normalize,
    "linalg.l2_normalize": _l2_normalize,
    "math.add_n": _add_n,
    "math.accumulate_n": _add_n,
    "math.squared_difference": _squared_difference,
    "image.resize": _resize,
    "nn.depth_to_space": _blocks("DepthToSpace"),
    "nn.space_to_depth": _blocks("SpaceToDepth"),
    "slice": _slice,
}


@layer("TFOpLambda")
def tf_function(ctx: LayerContext) -> Result:
    """A function of TensorFlow by its public name, e.g. ``math.reduce_mean``."""
    name = str(ctx.get("function", "symbol")).removeprefix("tf.").removeprefix("compat.v1.")
    args = ctx.arguments.args
    return tf_call(ctx, name, args[0] if args else None, ctx.arguments.kwargs)


def tf_call(ctx: LayerContext, name: str, first: Any, given: Mapping[str, Any]) -> Result:
    """Run one function of TensorFlow.

    Raises:
        Unsupported: there is no converter for it.
    """
    if name in FUNCTIONS:
        return FUNCTIONS[name](ctx, first, given)
    for known in (name, f"math.{name}"):
        if known in RULES:
            return run_rule(ctx, RULES[known], first, given)
    if name in ("einsum", "linalg.einsum"):  # tf.keras writes down the equation alone
        raise Unsupported("the file does not say what tf.einsum was called on.", "Use keras.layers.EinsumDense, Dot or tf.linalg.matmul.")
    raise Unsupported(
        f"TensorFlow's function tf.{name} is not supported here.",
        "Save the model as a SavedModel (model.export(folder)) and convert that, or use layers of Keras.",
        "unsupported-op",
    )


@layer("SlicingOpLambda")
def slicing(ctx: LayerContext) -> Value:
    """``x[...]`` in tf.keras 2."""
    given = ctx.arguments.kwargs.get("slice_spec")
    if given is None and len(ctx.arguments.args) > 1:
        given = ctx.arguments.args[1]
    if given is None:
        raise MalformedModelError("slice_spec is missing")
    return sliced(ctx, ctx.x, [_index(g) for g in (given if isinstance(given, list) else [given])])


def _index(given: Any) -> Any:
    if isinstance(given, Mapping):
        if given.get("class_name") == "__ellipsis__":
            return Ellipsis
        return slice(given.get("start"), given.get("stop"), given.get("step"))
    return given
