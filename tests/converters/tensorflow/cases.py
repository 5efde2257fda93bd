"""Single operators with their values in numpy: run by the importer's tests, and by TensorFlow itself where it is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgekit.types import Array
from tests.converters.tensorflow.models import Maker, Shape, Type

R = np.random.default_rng(11)


@dataclass(frozen=True)
class K:
    """An input that is a constant of the graph."""

    array: Array


@dataclass(frozen=True)
class Case:
    """One node.

    Attributes:
        op: its operator.
        inputs: arrays to feed, or ``K`` constants.
        want: the outputs, or a function of the inputs' arrays that gives them.
        attrs: attributes; ``T`` is added from the first fed input where it is absent.
        name: tells cases of one operator apart.
        tolerance: relative to the outputs' range.
    """

    op: str
    inputs: Sequence[Any]
    want: Any
    attrs: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    tolerance: float = 1e-5

    @property
    def id(self) -> str:
        return f"{self.op}-{self.name}" if self.name else self.op

    def graph(self) -> Any:
        """The GraphDef: inputs ``in0`` and so on, then the node ``out``."""
        m = Maker()
        names = []
        for k, i in enumerate(self.inputs):
            a = np.asarray(i.array if isinstance(i, K) else i)
            names.append(m.const(a, f"in{k}") if isinstance(i, K) else m.input(f"in{k}", a.shape, a.dtype.name))
        first = np.asarray(self.inputs[0].array if isinstance(self.inputs[0], K) else self.inputs[0]).dtype.name
        m.add(self.op, *names, name="out", **{**({} if "T" in self.attrs else {"T": Type(first)}), **self.attrs})
        return m.graph()

    @property
    def feeds(self) -> dict[str, Array]:
        """What to feed, by input name."""
        return {f"in{k}": np.asarray(i) for k, i in enumerate(self.inputs) if not isinstance(i, K)}

    @property
    def expected(self) -> list[Array]:
        """The outputs."""
        arrays = [np.asarray(i.array if isinstance(i, K) else i) for i in self.inputs]
        found = self.want(*arrays) if callable(self.want) else self.want
        return [np.asarray(a) for a in found] if isinstance(found, tuple) else [np.asarray(found)]


def f(*shape: int, low: float = -3.0, high: float = 3.0) -> Array:
    """Random float32."""
    return R.uniform(low, high, shape).astype(np.float32)


def n(*shape: int, low: int = -9, high: int = 9, dtype: Any = np.int32) -> Array:
    """Random integers without 0."""
    a = R.integers(low, high, shape)
    return np.where(a == 0, 1, a).astype(dtype)


def k(*numbers: int, dtype: Any = np.int32) -> K:
    """A constant list of integers."""
    return K(np.asarray(numbers, dtype))


def s(number: int, dtype: Any = np.int32) -> K:
    """A constant scalar integer."""
    return K(np.asarray(number, dtype))


X, Y = f(2, 3, 4), f(3, 1)
POSITIVE = f(2, 3, 4, low=0.1)
UNIT = f(2, 3, 4, low=-0.95, high=0.95)
INTS, OTHERS = n(2, 6), n(6)
B, C = R.random((2, 3, 4)) > 0.5, R.random((3, 1)) > 0.5


def erf(x: Array) -> Array:
    import math

    return np.vectorize(math.erf)(x)


BINARY: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "AddV2": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "SquaredDifference": lambda a, b: (a - b) ** 2,
    "FloorDiv": np.floor_divide,
    "FloorMod": np.mod,
    "Atan2": np.arctan2,
    "Less": np.less,
    "LessEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterEqual": np.greater_equal,
    "Equal": np.equal,
    "NotEqual": np.not_equal,
    "Div": np.divide,
}
UNARY: dict[str, tuple[Array, Callable[..., Any]]] = {
    "Abs": (X, np.abs),
    "Neg": (X, np.negative),
    "Exp": (X, np.exp),
    "Log": (POSITIVE, np.log),
    "Sqrt": (POSITIVE, np.sqrt),
    "Rsqrt": (POSITIVE, lambda x: 1 / np.sqrt(x)),
    "Reciprocal": (POSITIVE, lambda x: 1 / x),
    "Floor": (X, np.floor),
    "Ceil": (X, np.ceil),
    "Sign": (X, np.sign),
    "Sin": (X, np.sin),
    "Cos": (X, np.cos),
    "Tan": (UNIT, np.tan),
    "Asin": (UNIT, np.arcsin),
    "Acos": (UNIT, np.arccos),
    "Atan": (X, np.arctan),
    "Sinh": (X, np.sinh),
    "Cosh": (X, np.cosh),
    "Asinh": (X, np.arcsinh),
    "Acosh": (POSITIVE + 1, np.arccosh),
    "Atanh": (UNIT, np.arctanh),
    "Tanh": (X, np.tanh),
    "Sigmoid": (X, lambda x: 1 / (1 + np.exp(-x))),
    "Erf": (X, erf),
    "Erfc": (X, lambda x: 1 - erf(x)),
    "Relu": (X, lambda x: np.maximum(x, 0)),
    "Relu6": (X * 4, lambda x: np.clip(x, 0, 6)),
    "Elu": (X, lambda x: np.where(x < 0, np.expm1(x), x)),
    "Softplus": (X, lambda x: np.log1p(np.exp(x))),
    "Softsign": (X, lambda x: x / (1 + np.abs(x))),
    "Rint": (X * 2, np.rint),
    "Round": (np.array([0.5, 1.5, -2.5, 0.2], np.float32), np.rint),
    "Square": (X, np.square),
    "Log1p": (POSITIVE, np.log1p),
    "Expm1": (X, np.expm1),
    "IsNan": (np.array([1, np.nan], np.float32), np.isnan),
    "IsInf": (np.array([1, -np.inf], np.float32), np.isinf),
    "IsFinite": (np.array([1, np.nan, np.inf], np.float32), np.isfinite),
    "ZerosLike": (X, np.zeros_like),
    "OnesLike": (X, np.ones_like),
    "L2Loss": (X, lambda x: (x**2).sum() / 2),
    "Selu": (X, lambda x: 1.05070098 * np.where(x < 0, 1.67326324 * np.expm1(x), x)),
}


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


ELEMENTWISE = [
    *(Case(op, [X, Y], want) for op, want in BINARY.items()),
    *(Case(op, [INTS, OTHERS], want, name="int") for op, want in BINARY.items() if op not in ("RealDiv", "Atan2", "Div")),
    Case("Div", [INTS, OTHERS], lambda a, b: np.trunc(a / b).astype(np.int32), name="int"),
    Case("TruncateDiv", [INTS, OTHERS], lambda a, b: np.trunc(a / b).astype(np.int32)),
    Case("TruncateMod", [INTS, OTHERS], np.fmod),
    Case("Pow", [POSITIVE, Y], np.power),
    *(Case(op, [x], want) for op, (x, want) in UNARY.items()),
    Case("Invert", [INTS], np.invert),
    Case("LogicalNot", [B], np.logical_not, {"T": Type("bool")}),
    Case("LogicalAnd", [B, C], np.logical_and),
    Case("LogicalOr", [B, C], np.logical_or),
    Case("BitwiseAnd", [INTS, OTHERS], np.bitwise_and),
    Case("BitwiseOr", [INTS, OTHERS], np.bitwise_or),
    Case("BitwiseXor", [INTS, OTHERS], np.bitwise_xor),
    Case("LeftShift", [np.abs(INTS), np.abs(OTHERS)], np.left_shift),
    Case("RightShift", [INTS, np.abs(OTHERS)], np.right_shift),
    Case("DivNoNan", [X, np.where(B, 0, X)], lambda a, b: np.where(b == 0, 0, a / np.where(b == 0, 1, b))),
    Case("MulNoNan", [X, np.where(B, 0, X)], np.multiply),
    Case("Xlogy", [np.where(B, 0, X), POSITIVE], lambda a, b: a * np.log(b)),
    Case("Xlog1py", [np.where(B, 0, X), POSITIVE], lambda a, b: a * np.log1p(b)),
    Case("Xdivy", [np.where(B, 0, X), POSITIVE], np.divide),
    Case("LeakyRelu", [X], lambda x: np.where(x < 0, 0.3 * x, x), {"alpha": 0.3}),
    Case("ClipByValue", [X, np.float32(-1), np.float32(2)], np.clip),
    Case("SelectV2", [B, X, Y], np.where, {"T": Type("float32")}),
    Case("Select", [np.array([True, False]), X, -X], lambda c, a, b: np.stack([a[0], b[1]]), {"T": Type("float32")}),
    Case("AddN", [X, X, X], lambda a, b, c: a + b + c, {"N": 3}),
    Case("BiasAdd", [X, f(4)], lambda x, b: x + b),
    Case("BiasAdd", [f(1, 3, 2, 2), f(3)], lambda x, b: x + b[:, None, None], {"data_format": "NCHW"}, "NCHW"),
    Case("Any", [B, k(1, -1)], lambda x, a: x.any((1, 2)), {"keep_dims": False, "T": Type("bool")}),
    Case("All", [B, k(1)], lambda x, a: x.all(1, keepdims=True), {"keep_dims": True}),
    Case("Cast", [X], lambda x: x.astype(np.int32), {"SrcT": Type("float32"), "DstT": Type("int32")}),
    Case("Softmax", [X], softmax),
    Case("LogSoftmax", [X], lambda x: np.log(softmax(x))),
]
REDUCTIONS = [
    *(
        Case(op, [X, k(0, -1)], lambda x, a, w=w: w(x, (0, 2)), {"keep_dims": False, "Tidx": Type("int32")})
        for op, w in (("Sum", np.sum), ("Mean", np.mean), ("Max", np.max), ("Min", np.min), ("Prod", np.prod))
    ),
    Case("Sum", [X, s(1)], lambda x, a: x.sum(1, keepdims=True), {"keep_dims": True}, "keep"),
    Case("Sum", [X, k()], lambda x, a: x, {"keep_dims": False}, "no-axes"),
    Case("EuclideanNorm", [X, k(1)], lambda x, a: np.sqrt((x * x).sum(1)), {"keep_dims": False}),
    Case("ArgMax", [X, s(1)], lambda x, a: x.argmax(1), {"output_type": Type("int64")}),
    Case("ArgMin", [X, s(-1)], lambda x, a: x.argmin(-1).astype(np.int32), {"output_type": Type("int32")}),
    Case("Cumsum", [X, s(1)], lambda x, a: x.cumsum(1), {"exclusive": False, "reverse": False}),
    Case(
        "Cumsum", [X, s(2)], lambda x, a: np.flip(np.flip(x, 2).cumsum(2), 2) - x, {"exclusive": True, "reverse": True}, "exclusive-reverse"
    ),
    Case("Cumprod", [X, s(1)], lambda x, a: x.cumprod(1)),
    Case(
        "UnsortedSegmentSum",
        [f(4, 2), np.array([2, 0, 2, 1], np.int32), s(3)],
        lambda x, i, c: np.stack([x[1], x[3], x[0] + x[2]]),
        {"Tindices": Type("int32"), "Tnumsegments": Type("int32")},
    ),
]

T5 = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)


def strided(
    name: str, want: Callable[[Array], Array], first: Sequence[int], last: Sequence[int], steps: Sequence[int], **masks: int
) -> Case:
    attrs: dict[str, Any] = {"Index": Type("int32"), **{f"{m}_mask": v for m, v in masks.items()}}
    return Case("StridedSlice", [T5, k(*first), k(*last), k(*steps)], lambda x, *_: want(x), attrs, name)


SHAPES = [
    Case("Reshape", [X, k(4, -1)], lambda x, _: x.reshape(4, -1)),
    Case("Squeeze", [f(1, 3, 1, 2)], lambda x: x.reshape(3, 1, 2), {"squeeze_dims": [0]}),
    Case("Squeeze", [f(1, 3, 1, 2)], lambda x: x.reshape(3, 2), {"squeeze_dims": []}, "all"),
    Case("ExpandDims", [X, s(-1)], lambda x, _: x[..., None]),
    Case("Transpose", [X, k(2, 0, 1)], lambda x, p: x.transpose(2, 0, 1)),
    Case("ConcatV2", [X, X, s(-1)], lambda a, b, _: np.concatenate([a, b], -1), {"N": 2}),
    Case("Concat", [s(1), X, X], lambda _, a, b: np.concatenate([a, b], 1), {"N": 2, "T": Type("float32")}),
    Case("Pack", [X, X], lambda a, b: np.stack([a, b], -1), {"N": 2, "axis": -1}),
    Case("Unpack", [X], lambda x: tuple(x[:, i] for i in range(3)), {"num": 3, "axis": 1}),
    Case("Split", [s(2), X], lambda _, x: tuple(np.split(x, 2, 2)), {"num_split": 2, "T": Type("float32")}),
    Case("SplitV", [X, k(1, -1), s(2)], lambda x, *_: (x[..., :1], x[..., 1:]), {"num_split": 2, "Tlen": Type("int32")}),
    Case("Tile", [X, k(1, 2, 3)], lambda x, r: np.tile(x, (1, 2, 3))),
    Case("BroadcastTo", [Y, k(2, 3, 4)], lambda x, _: np.broadcast_to(x, (2, 3, 4))),
    Case("Fill", [k(2, 3), np.float32(7)], lambda _, v: np.full((2, 3), v), {"T": Type("float32")}),
    Case("Range", [s(2), s(11), s(3)], lambda a, b, c: np.arange(2, 11, 3, dtype=np.int32), {"Tidx": Type("int32")}),
    Case("LinSpace", [K(np.float32(1)), K(np.float32(3)), s(5)], lambda a, b, c: np.linspace(1, 3, 5, dtype=np.float32)),
    Case("Pad", [X, K(np.array([[1, 0], [0, 2], [1, 1]], np.int32))], lambda x, p: np.pad(x, p)),
    Case("PadV2", [X, K(np.array([[1, 0], [0, 2], [1, 1]], np.int32)), np.float32(9)], lambda x, p, v: np.pad(x, p, constant_values=9)),
    Case("MirrorPad", [X, K(np.array([[1, 0], [2, 2], [1, 3]], np.int32))], lambda x, p: np.pad(x, p, "reflect"), {"mode": "REFLECT"}),
    Case(
        "MirrorPad",
        [X, K(np.array([[1, 0], [3, 2], [1, 4]], np.int32))],
        lambda x, p: np.pad(x, p, "symmetric"),
        {"mode": "SYMMETRIC"},
        "symmetric",
    ),
    Case(
        "DepthToSpace",
        [f(1, 2, 3, 8)],
        lambda x: x.reshape(1, 2, 3, 2, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(1, 4, 6, 2),
        {"block_size": 2, "data_format": "NHWC"},
    ),
    Case(
        "SpaceToDepth",
        [f(1, 4, 6, 2)],
        lambda x: x.reshape(1, 2, 2, 3, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(1, 2, 3, 8),
        {"block_size": 2, "data_format": "NHWC"},
    ),
    Case("Roll", [X, k(1, -2), k(1, 2)], lambda x, *_: np.roll(x, (1, -2), (1, 2)), {"Tshift": Type("int32"), "Taxis": Type("int32")}),
    Case("MatrixBandPart", [f(2, 4, 5), s(1, np.int64), s(-1, np.int64)], lambda x, *_: np.triu(x, -1)),
    Case("MatrixDiag", [f(2, 3)], lambda x: x[:, :, None] * np.eye(3, dtype=np.float32)),
    Case("Where", [B], lambda x: np.argwhere(x), {"T": Type("bool")}),
    Case(
        "OneHot",
        [np.array([0, 2, -1, 5], np.int32), s(3), np.float32(5), np.float32(-1)],
        lambda i, *_: np.where(i[:, None] == np.arange(3), 5, -1).astype(np.float32),
        {"axis": -1, "T": Type("float32"), "TI": Type("int32")},
    ),
    Case("Shape", [X], lambda x: np.array(x.shape, np.int32), {"out_type": Type("int32")}),
    Case("Rank", [X], lambda x: np.int32(3)),
    Case("Size", [X], lambda x: np.int32(24), {"out_type": Type("int32")}),
    Case("InvertPermutation", [k(2, 0, 1)], np.array([1, 2, 0], np.int32)),
    strided("plain", lambda x: x[0:1, 1:3, ::2, 4:0:-1], (0, 1, 0, 4), (1, 3, 4, 0), (1, 1, 2, -1)),
    strided("masks", lambda x: x[:2, :, ::-1], (0, 9, 9), (2, 9, 9), (1, 1, -1), begin=6, end=6),
    strided("shrink", lambda x: x[1, :, -1], (1, 0, -1), (2, 3, 0), (1, 1, 1), shrink_axis=5),
    strided("new-axis", lambda x: x[:, None, 1:2], (0, 0, 1), (2, 1, 2), (1, 1, 1), new_axis=2),
    strided("ellipsis", lambda x: x[..., 2:4], (0, 2), (0, 4), (1, 1), ellipsis=1),
    strided("all", lambda x: x[1, ..., None, 0:3], (1, 0, 0, 0), (2, 0, 0, 3), (1, 1, 1, 1), shrink_axis=1, ellipsis=2, new_axis=4),
    Case(
        "StridedSlice",
        [T5, np.array([1, 0], np.int32), np.array([2, 0], np.int32), k(1, 1)],
        lambda x, b, e, _: x[1, 0],
        {"Index": Type("int32"), "shrink_axis_mask": 3},
        "fed",
    ),
    Case("Slice", [X, k(0, 1, 2), k(2, -1, 1)], lambda x, *_: x[0:2, 1:, 2:3], {"Index": Type("int32")}),
    Case("Slice", [X, np.array([0, 1, 2], np.int32), k(2, 2, 1)], lambda x, *_: x[0:2, 1:3, 2:3], {"Index": Type("int32")}, "fed"),
    Case(
        "GatherV2",
        [X, np.array([[2, 0], [1, 1]], np.int32), s(1)],
        lambda x, i, _: np.take(x, i, 1),
        {"Tparams": Type("float32"), "Tindices": Type("int32"), "Taxis": Type("int32")},
    ),
    Case(
        "GatherV2",
        [f(2, 3, 4, 5), np.array([[3, 0], [1, 1]], np.int32), s(2)],
        lambda x, i, _: np.stack([np.take(x[b], i[b], 1) for b in range(2)]),
        {"Tparams": Type("float32"), "Tindices": Type("int32"), "Taxis": Type("int32"), "batch_dims": 1},
        "batch",
    ),
    Case(
        "GatherNd",
        [X, np.array([[0, 2], [1, 1]], np.int32)],
        lambda x, i: x[i[:, 0], i[:, 1]],
        {"Tparams": Type("float32"), "Tindices": Type("int32")},
    ),
    Case(
        "ScatterNd",
        [np.array([[1], [3], [1]], np.int32), f(3, 2), k(4, 2)],
        lambda i, u, _: np.stack([0 * u[0], u[0] + u[2], 0 * u[0], u[1]]),
        {"Tindices": Type("int32"), "T": Type("float32")},
    ),
    Case(
        "SparseToDense",
        [np.array([1, 3], np.int64), np.array([5], np.int64), f(2), np.float32(-1)],
        lambda i, n, v, d: np.array([d, v[0], d, v[1], d], np.float32),
        {"Tindices": Type("int64"), "T": Type("float32")},
    ),
    Case(
        "SparseToDense",
        [np.array([[0, 1], [1, 0]], np.int32), k(2, 2), np.float32(3), np.float32(0)],
        lambda i, n, v, d: np.array([[0, v], [v, 0]], np.float32),
        {"Tindices": Type("int32"), "T": Type("float32")},
    ),
    Case(
        "TensorScatterUpdate",
        [f(4, 2), np.array([[1], [3]], np.int32), f(2, 2)],
        lambda x, i, u: np.stack([x[0], u[0], x[2], u[1]]),
        {"Tindices": Type("int32")},
    ),
    Case(
        "TensorScatterSub",
        [f(4, 2), np.array([[1], [3]], np.int32), f(2, 2)],
        lambda x, i, u: np.stack([x[0], x[1] - u[0], x[2], x[3] - u[1]]),
        {"Tindices": Type("int32")},
    ),
    Case("ReverseV2", [X, k(0, 2)], lambda x, _: np.flip(x, (0, 2)), {"Tidx": Type("int32")}),
    Case(
        "ReverseSequence",
        [f(2, 4, 3), np.array([2, 4], np.int32)],
        lambda x, n: np.stack([np.concatenate([x[b, : n[b]][::-1], x[b, n[b] :]]) for b in range(2)]),
        {"seq_dim": 1, "batch_dim": 0, "Tlen": Type("int32")},
    ),
    Case(
        "TopKV2", [X, s(2)], lambda x, _: (np.sort(x, -1)[..., :-3:-1], np.argsort(x, -1)[..., :-3:-1].astype(np.int32)), {"sorted": True}
    ),
    Case(
        "SpaceToBatchND",
        [f(1, 4, 5, 2), k(2, 2), K(np.array([[0, 0], [1, 0]], np.int32))],
        lambda x, *_: np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 0))).reshape(1, 2, 2, 3, 2, 2).transpose(2, 4, 0, 1, 3, 5).reshape(4, 2, 3, 2),
        {"Tblock_shape": Type("int32"), "Tpaddings": Type("int32")},
    ),
    Case(
        "BatchToSpaceND",
        [f(4, 2, 3, 2), k(2, 2), K(np.array([[0, 1], [1, 0]], np.int32))],
        lambda x, *_: x.reshape(2, 2, 1, 2, 3, 2).transpose(2, 3, 0, 4, 1, 5).reshape(1, 4, 6, 2)[:, :3, 1:],
        {"Tblock_shape": Type("int32"), "Tcrops": Type("int32")},
    ),
    Case("Bincount", [np.array([1, 3, 1], np.int32), s(5), K(np.zeros(0, np.int32))], np.array([0, 2, 0, 1, 0], np.int32)),
]

MORE = [
    Case("InvertPermutation", [np.array([2, 0, 1], np.int32)], np.array([1, 2, 0], np.int32), name="fed"),
    Case("MatrixDiagPart", [f(2, 3, 3)], lambda x: np.diagonal(x, axis1=1, axis2=2)),
    Case("MatrixSetDiag", [f(2, 3, 3), f(2, 3)], lambda x, d: np.where(np.eye(3, dtype=bool), d[:, None], x)),
    Case("SegmentMean", [f(3, 2), k(0, 0, 2)], lambda x, _: np.stack([x[:2].mean(0), 0 * x[0], x[2]]), {"Tindices": Type("int32")}),
    Case("Bucketize", [X], lambda x: np.digitize(x, [-1, 0, 1]).astype(np.int32), {"boundaries": [-1.0, 0.0, 1.0]}),
    Case("LowerBound", [K(np.array([[-1, 0, 1]], np.float32)), f(1, 9)], lambda b, x: np.searchsorted(b[0], x).astype(np.int32)),
    Case("UpperBound", [K(np.array([[-1, 0, 1]], np.float32)), f(1, 9)], lambda b, x: np.searchsorted(b[0], x, "right").astype(np.int32)),
    Case(
        "Dilation2D",
        [f(1, 4, 4, 2), K(np.zeros((2, 2, 2), np.float32))],
        lambda x, _: np.max([x[:, i : i + 3, j : j + 3] for i in range(2) for j in range(2)], axis=0),
        {"strides": [1, 1, 1, 1], "rates": [1, 1, 1, 1], "padding": "VALID"},
    ),
]

SINGLE = [*ELEMENTWISE, *REDUCTIONS, *SHAPES, *MORE]
__all__ = ["SINGLE", "Case", "K", "Shape"]
