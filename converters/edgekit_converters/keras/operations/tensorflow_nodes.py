"""``TensorFlowOpLayer`` of TF 2.0 to 2.3: single operators between layers, as NodeDef in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.config import parse_json
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.operations.indexing import sliced
from edgekit_converters.keras.operations.tensorflow import tf_call, value_of
from edgekit_converters.keras.registry import Result, layer
from edgekit_converters.keras.tensors import Tensor

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
    return sliced(ctx, value_of(ctx, inputs[0]), key)
