"""Which function of keras.ops does what a function of TensorFlow does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
