"""TensorFlow's functions between layers of tf.keras 2: ``TFOpLambda``, ``SlicingOpLambda``, and ``TensorFlowOpLayer`` of TF 2.0 to 2.3.

Each is run as the function of keras.ops that does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.config import parse_json
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.layers.reshaping import resized
from edgekit_converters.keras.operations.elementwise import literal, promoted, real
from edgekit_converters.keras.operations.shapes import axes_of, sliced
from edgekit_converters.keras.registry import OPERATIONS, Result, layer
from edgekit_converters.keras.tensors import Call, Tensor, flatten


@dataclass(frozen=True)
class Rule:
    """How a function of TensorFlow is one of keras.ops.

    Attributes:
        op: of keras.ops.
        tensors: names of the arguments that may be tensors, behind the first one.
        settings: TensorFlow's argument names and the setting each becomes.
        fixed: settings that TensorFlow has other defaults for.
    """

    op: str
    tensors: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)


def _two(op: str) -> Rule:
    return Rule(op, ("y",))


_REDUCE = {"axis": "axis", "keepdims": "keepdims", "keep_dims": "keepdims"}
_AXIS = {"axis": "axis"}
RULES: dict[str, Rule] = {
    **{f"math.{n}": _two(o) for n, o in {
        "add": "Add", "subtract": "Subtract", "multiply": "Multiply", "divide": "Divide", "truediv": "Divide", "floordiv": "FloorDivide",
        "floormod": "Mod", "mod": "Mod", "maximum": "Maximum", "minimum": "Minimum", "pow": "Power", "equal": "Equal",
        "not_equal": "NotEqual", "less": "Less", "less_equal": "LessEqual", "greater": "Greater", "greater_equal": "GreaterEqual",
        "logical_and": "LogicalAnd", "logical_or": "LogicalOr", "logical_xor": "LogicalXor", "divide_no_nan": "DivideNoNan",
        "atan2": "Arctan2", "scalar_mul": "Multiply",
    }.items()},
    **{f"__operators__.{n}": _two(o) for n, o in {
        "add": "Add", "sub": "Subtract", "mul": "Multiply", "truediv": "Divide", "eq": "Equal", "ne": "NotEqual",
    }.items()},
    **{f"math.{n}": Rule(o) for n, o in {
        "abs": "Absolute", "negative": "Negative", "sign": "Sign", "sqrt": "Sqrt", "rsqrt": "Rsqrt", "square": "Square", "exp": "Exp",
        "log": "Log", "log1p": "Log1p", "expm1": "Expm1", "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Arcsin", "acos": "Arccos",
        "atan": "Arctan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "asinh": "Arcsinh", "acosh": "Arccosh", "atanh": "Arctanh",
        "erf": "Erf", "sigmoid": "Sigmoid", "softplus": "Softplus", "log_sigmoid": "LogSigmoid", "reciprocal": "Reciprocal",
        "floor": "Floor", "ceil": "Ceil", "round": "Round", "is_nan": "Isnan", "is_inf": "Isinf", "is_finite": "Isfinite",
        "logical_not": "LogicalNot",
    }.items()},
    **{f"nn.{n}": Rule(o) for n, o in {
        "relu": "Relu", "relu6": "Relu6", "sigmoid": "Sigmoid", "tanh": "Tanh", "elu": "Elu", "selu": "Selu", "softplus": "Softplus",
        "softsign": "Softsign", "silu": "Silu", "swish": "Silu",
    }.items()},
    **{f"math.reduce_{n}": Rule(o, (), _REDUCE) for n, o in {
        "mean": "Mean", "sum": "Sum", "max": "Max", "min": "Min", "prod": "Prod", "any": "Any", "all": "All", "std": "Std",
        "variance": "Var", "logsumexp": "Logsumexp",
    }.items()},
    "nn.leaky_relu": Rule("LeakyRelu", (), {"alpha": "negative_slope"}),
    "nn.gelu": Rule("Gelu", (), {"approximate": "approximate"}, {"approximate": False}),
    "nn.softmax": Rule("Softmax", (), _AXIS),
    "nn.log_softmax": Rule("LogSoftmax", (), _AXIS),
    "math.argmax": Rule("Argmax", (), _AXIS, {"axis": 0}),
    "math.argmin": Rule("Argmin", (), _AXIS, {"axis": 0}),
    "math.cumsum": Rule("Cumsum", (), _AXIS, {"axis": 0}),
    "math.top_k": Rule("TopK", (), {"k": "k"}, {"k": 1}),
    "reshape": Rule("Reshape", (), {"shape": "newshape"}),
    "transpose": Rule("Transpose", (), {"perm": "axes"}),
    "concat": Rule("Concatenate", (), _AXIS),
    "stack": Rule("Stack", (), _AXIS),
    "unstack": Rule("Unstack", (), _AXIS),
    "squeeze": Rule("Squeeze", (), {"axis": "axis", "squeeze_dims": "axis"}),
    "expand_dims": Rule("ExpandDims", (), _AXIS),
    "tile": Rule("Tile", (), {"multiples": "repeats"}),
    "repeat": Rule("Repeat", (), {"repeats": "repeats", "axis": "axis"}),
    "reverse": Rule("Flip", (), _AXIS),
    "roll": Rule("Roll", (), {"shift": "shift", "axis": "axis"}),
    "cast": Rule("Cast", (), {"dtype": "dtype"}),
    "identity": Rule("Copy"),
    "stop_gradient": Rule("StopGradient"),
    "convert_to_tensor": Rule("Copy"),
    "zeros_like": Rule("ZerosLike"),
    "ones_like": Rule("OnesLike"),
    "shape": Rule("Shape"),
    "broadcast_to": Rule("BroadcastTo", (), {"shape": "shape"}),
    "where": Rule("Where", ("x", "y")),
    "clip_by_value": Rule("Clip", (), {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "one_hot": Rule("OneHot", (), {"depth": "num_classes", "axis": "axis", "dtype": "dtype"}),
}  # fmt: skip


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


def _value(ctx: LayerContext, given: Any) -> Value:
    if isinstance(given, Tensor) and given.value is not None:
        return given.value
    return literal(ctx, given)


def _matmul(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Value:
    a, b = promoted(ctx, real(ctx, _value(ctx, first)), real(ctx, _value(ctx, given.get("b"))))
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
    x = real(ctx, _value(ctx, first))
    axes = axes_of(ctx, len(x.shape), given.get("axis", given.get("dim")))
    total = ctx.call("ReduceSum", ctx.call("Mul", x, x), axes=axes, keepdims=True)
    return ctx.call("Mul", x, ctx.call("Rsqrt", ctx.clip(total, low=float(given.get("epsilon") or 1e-12))))


def _add_n(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Value:
    values = [_value(ctx, t) for t in flatten(first)]
    found = values[0]
    for v in values[1:]:
        found = ctx.call("Add", found, v)
    return found


def _squared_difference(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Value:
    a = _value(ctx, first)
    other = given.get("y")
    b = _value(ctx, other) if isinstance(other, Tensor) else literal(ctx, other, a.dtype)
    return ctx.call("SquaredDifference", *promoted(ctx, a, b))


def _resize(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Value:
    size = given.get("size")
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(n, int) for n in size):
        raise Unsupported("a size computed at run time is not supported.", reason="dynamic-input")
    if given.get("preserve_aspect_ratio"):
        raise Unsupported("preserve_aspect_ratio=True is not supported.")
    method = str(given.get("method") or "bilinear").lower()
    x = _value(ctx, first)
    return resized(ctx, x if method == "nearest" else real(ctx, x), "NHWC", size, method, bool(given.get("antialias")))


def _blocks(op: str) -> Callable[[LayerContext, Any, Mapping[str, Any]], Value]:
    def convert(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Value:
        layout = "NCHW" if given.get("data_format") == "NCHW" else "NHWC"
        return ctx.call(op, _value(ctx, first), block_size=int(given.get("block_size") or 0), layout=layout)

    return convert


def _slice(ctx: LayerContext, first: Any, given: Mapping[str, Any]) -> Value:
    begin, size = given.get("begin"), given.get("size")
    if not isinstance(begin, list) or not isinstance(size, list):
        raise Unsupported("ends computed at run time are not supported.", reason="dynamic-input")
    key = [slice(int(b), None if n == -1 else int(b) + int(n)) for b, n in zip(begin, size, strict=True)]
    return sliced(ctx, _value(ctx, first), key)


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


# -- TF 2.0 to 2.3 ------------------------------------------------------------------------------------------------------------

#: operators of a NodeDef: the function, and the names of the inputs behind the first
NODES: dict[str, tuple[str, tuple[str, ...]]] = {
    **{op: (f"math.{name}", ("y",)) for op, name in {
        "Add": "add", "AddV2": "add", "Sub": "subtract", "Mul": "multiply", "RealDiv": "divide", "Div": "divide", "FloorDiv": "floordiv",
        "FloorMod": "floormod", "Maximum": "maximum", "Minimum": "minimum", "Pow": "pow", "Equal": "equal", "NotEqual": "not_equal",
        "Less": "less", "LessEqual": "less_equal", "Greater": "greater", "GreaterEqual": "greater_equal",
        "LogicalAnd": "logical_and", "LogicalOr": "logical_or", "SquaredDifference": "squared_difference", "BiasAdd": "add",
    }.items()},
    **{op: (f"math.{op.lower()}", ()) for op in (
        "Abs", "Sign", "Sqrt", "Rsqrt", "Square", "Exp", "Log", "Log1p", "Expm1", "Sin", "Cos", "Tanh", "Erf", "Sigmoid", "Softplus",
        "Reciprocal", "Floor", "Ceil", "Round",
    )},
    **{op: (f"nn.{op.lower()}", ()) for op in ("Relu", "Relu6", "Elu", "Selu", "Softsign", "Softmax")},
    **{op: (f"math.reduce_{op.lower()}", ("axis",)) for op in ("Mean", "Sum", "Max", "Min", "Prod", "Any", "All")},
    "Neg": ("math.negative", ()),
    "LogSoftmax": ("nn.log_softmax", ()),
    "LeakyRelu": ("nn.leaky_relu", ()),
    "Identity": ("identity", ()),
    "StopGradient": ("stop_gradient", ()),
    "Reshape": ("reshape", ("shape",)),
    "Transpose": ("transpose", ("perm",)),
    "ExpandDims": ("expand_dims", ("axis",)),
    "Squeeze": ("squeeze", ()),
    "Tile": ("tile", ("multiples",)),
    "Pad": ("pad", ("paddings",)),
    "PadV2": ("pad", ("paddings", "constant_values")),
    "MatMul": ("linalg.matmul", ("b",)),
    "BatchMatMulV2": ("linalg.matmul", ("b",)),
    "GatherV2": ("gather", ("indices", "axis")),
    "Slice": ("slice", ("begin", "size")),
    "ArgMax": ("math.argmax", ("axis",)),
    "ResizeBilinear": ("image.resize", ("size",)),
    "ResizeNearestNeighbor": ("image.resize", ("size",)),
    "ReverseV2": ("reverse", ("axis",)),
    "SelectV2": ("where", ("x", "y")),
    "Shape": ("shape", ()),
    "DepthToSpace": ("nn.depth_to_space", ()),
    "SpaceToDepth": ("nn.space_to_depth", ()),
}  # fmt: skip


@layer("TensorFlowOpLayer")
def node_layer(ctx: LayerContext) -> Result:
    """A NodeDef in JSON, with its constant inputs by position."""
    node = ctx.get("node_def")
    node = parse_json(node, "node_def") if isinstance(node, str) else node
    if not isinstance(node, Mapping) or not isinstance(node.get("op"), str):
        raise MalformedModelError("node_def cannot be read")
    op = str(node["op"])
    inputs: list[Any] = [*ctx.tensors]
    constants = ctx.get("constants", default=None) or {}
    for position in sorted(constants, key=int):
        inputs.insert(int(position), constants[position])
    given = {k: _attribute(v) for k, v in (node.get("attr") or {}).items() if isinstance(v, Mapping)}
    if op == "StridedSlice":
        return _strided(ctx, inputs, given)
    if op in ("ConcatV2", "Pack"):
        axis = inputs.pop() if op == "ConcatV2" else given.get("axis") or 0
        return tf_call(ctx, "concat" if op == "ConcatV2" else "stack", inputs, {"axis": axis})
    if op == "Cast":
        kind = str(given.get("DstT", "")).removeprefix("DT_").lower()
        kind = {"float": "float32", "half": "float16", "double": "float64"}.get(kind, kind)
        return tf_call(ctx, "cast", inputs[0], {"dtype": kind})
    if op not in NODES:
        raise Unsupported(
            f"TensorFlow's operator {op} is not supported here.", "Save the model as a SavedModel and convert that.", "unsupported-op"
        )
    name, names = NODES[op]
    more: dict[str, Any] = {"keepdims": given.get("keep_dims")}
    if op.startswith("Resize"):
        if not given.get("half_pixel_centers"):
            raise Unsupported("only half_pixel_centers=true is supported.")
        more["method"] = "bilinear" if op == "ResizeBilinear" else "nearest"
    if op == "Squeeze":
        more["axis"] = given.get("squeeze_dims") or None
    for k in ("alpha", "block_size", "data_format", "transpose_a", "transpose_b"):
        if k in given:
            more[k] = given[k]
    if op == "BatchMatMulV2":
        more |= {"transpose_a": given.get("adj_x"), "transpose_b": given.get("adj_y")}
    more |= dict(zip(names, inputs[1:], strict=False))
    return tf_call(ctx, name, inputs[0], more)


def _attribute(value: Mapping[str, Any]) -> Any:
    """An AttrValue in protobuf's JSON form."""
    for kind, content in value.items():
        if kind == "i":
            return int(content)
        if kind == "list" and isinstance(content, Mapping):
            return [int(i) for i in content.get("i", [])]
        return content
    return None


def _strided(ctx: LayerContext, inputs: Sequence[Any], given: Mapping[str, Any]) -> Value:
    """StridedSlice with constant ends: its masks say which ends are open, which entries are new or dropped dimensions."""
    if len(inputs) != 4 or any(isinstance(i, Tensor) for i in inputs[1:]):
        raise Unsupported("ends computed at run time are not supported.", reason="dynamic-input")
    begin, end, strides = (list(i) for i in inputs[1:])

    def bit(name: str, i: int) -> bool:
        return bool(int(given.get(name) or 0) >> i & 1)

    key: list[Any] = []
    for i, (b, e, s) in enumerate(zip(begin, end, strides, strict=True)):
        if bit("ellipsis_mask", i):
            key.append(Ellipsis)
        elif bit("new_axis_mask", i):
            key.append(None)
        elif bit("shrink_axis_mask", i):
            key.append(int(b))
        else:
            key.append(slice(None if bit("begin_mask", i) else int(b), None if bit("end_mask", i) else int(e), int(s)))
    return sliced(ctx, _value(ctx, inputs[0]), key)
