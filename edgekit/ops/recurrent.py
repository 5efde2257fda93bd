"""LSTM, GRU and RNN with ONNX's weight layout, gate order and options (onnx.ai/onnx/operators).

Shapes, with D directions, S steps, B batch, I input size, H hidden size, G gates: ``x`` [S, B, I], ``w`` [D, G*H, I], ``r`` [D, G*H, H],
``b`` [D, 2*G*H] (input biases, then recurrent biases), ``sequence_lens`` [B], ``h0`` / ``c0`` [D, B, H]; outputs ``y`` [S, D, B, H],
``y_h`` and ``y_c`` [D, B, H]. With ``batch_first`` (ONNX layout 1): ``x`` [B, S, I], states [B, D, H], ``y`` [B, S, D, H]. Steps at and
behind a sequence's length give zeros in ``y`` and leave the states alone; the reverse direction begins at the sequence's own last step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgekit.ops.definition import Arg, Bool, Enum, Float, Floats, Int, Ints, Optional, Port, T, TypeVariable, op
from edgekit.ops.quant_math import dequantize
from edgekit.ops.traits import FloatOnly
from edgekit.types import F16, F32, I8, I32, I64, Array, Dim, QuantParams, TensorType

WEIGHT = TypeVariable("Weight")
RECURRENT = TypeVariable("Recurrent")
LENGTH = TypeVariable("Length")

ACTIVATIONS = (
    "Relu",
    "Tanh",
    "Sigmoid",
    "Affine",
    "LeakyRelu",
    "ThresholdedRelu",
    "ScaledTanh",
    "HardSigmoid",
    "Elu",
    "Softsign",
    "Softplus",
)
"""Names of the codes in the ``activations`` attribute (append-only)."""

ACTIVATION_DEFAULTS = {
    "Affine": (1.0, 0.0),
    "LeakyRelu": (0.01, 0.0),
    "ThresholdedRelu": (1.0, 0.0),
    "ScaledTanh": (1.0, 1.0),
    "HardSigmoid": (0.2, 0.5),
    "Elu": (1.0, 0.0),
}
"""alpha and beta of an activation that is given none; (0, 0) for those that take none."""

DIRECTION = Enum("direction", "forward", choices=("forward", "reverse", "bidirectional"))
ATTRS = (
    Int("hidden_size"),
    DIRECTION,
    Ints("activations", ()),
    Floats("activation_alpha", ()),
    Floats("activation_beta", ()),
    Float("clip", 0.0),
    Bool("batch_first", False),
)
TYPES = {T: (F32,), WEIGHT: (F32, F16, I8), RECURRENT: (F32, F16, I8), LENGTH: (I32, I64)}


def activation_code(name: str) -> int:
    """The code of an activation, by its ONNX name in any case.

    Raises:
        ValueError: there is none of that name.
    """
    for i, known in enumerate(ACTIVATIONS):
        if known.lower() == name.lower():
            return i
    raise ValueError(f"no recurrent activation {name!r}; one of {list(ACTIVATIONS)} is needed")


def _activate(code: int, alpha: float, beta: float) -> Callable[[Array], Array]:
    functions: dict[str, Callable[[Array], Array]] = {
        "Relu": lambda x: np.maximum(x, 0),
        "Tanh": np.tanh,
        "Sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
        "Affine": lambda x: alpha * x + beta,
        "LeakyRelu": lambda x: np.where(x < 0, alpha * x, x),
        "ThresholdedRelu": lambda x: np.where(x > alpha, x, 0.0),
        "ScaledTanh": lambda x: alpha * np.tanh(beta * x),
        "HardSigmoid": lambda x: np.clip(alpha * x + beta, 0.0, 1.0),
        "Elu": lambda x: np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x),
        "Softsign": lambda x: x / (1.0 + np.abs(x)),
        "Softplus": lambda x: np.logaddexp(0.0, x),
    }
    return functions[ACTIVATIONS[code]]


def _activations(attrs: dict[str, Any], defaults: Sequence[str]) -> list[list[Callable[[Array], Array]]]:
    """The activation functions of each direction."""
    d = _directions(attrs["direction"])
    codes = list(attrs["activations"]) or [activation_code(n) for n in defaults] * d
    pairs = [ACTIVATION_DEFAULTS.get(ACTIVATIONS[c], (0.0, 0.0)) for c in codes]
    alphas = attrs["activation_alpha"] or [a for a, _ in pairs]
    betas = attrs["activation_beta"] or [b for _, b in pairs]
    fns = [_activate(c, a, b) for c, a, b in zip(codes, alphas, betas, strict=True)]
    n = len(defaults)
    return [fns[i * n : i * n + n] for i in range(d)]


def _directions(direction: str) -> int:
    return 2 if direction == "bidirectional" else 1


def _infer(
    x: Arg,
    w: Arg,
    r: Arg,
    b: Arg | None,
    lens: Arg | None,
    states: Sequence[Arg | None],
    gates: int,
    per_direction: int,
    attrs: dict[str, Any],
) -> list[TensorType]:
    h, d = attrs["hidden_size"], _directions(attrs["direction"])
    if x.rank != 3 or h < 1:
        raise ValueError(f"an input of rank 3 and a positive hidden_size are needed, got rank {x.rank} and {h}")
    steps, batch = (x.shape[1], x.shape[0]) if attrs["batch_first"] else (x.shape[0], x.shape[1])
    state: tuple[Dim, ...] = (batch, d, h) if attrs["batch_first"] else (d, batch, h)
    want = [
        ("w", w, (d, gates * h, x.shape[2])),
        ("r", r, (d, gates * h, h)),
        ("b", b, (d, 2 * gates * h)),
        ("sequence_lens", lens, (batch,)),
    ]
    want += [("initial state", s, state) for s in states]
    for name, arg, shape in want:
        if arg is not None and (
            arg.rank != len(shape)
            or any(isinstance(p, int) and isinstance(q, int) and p != q for p, q in zip(arg.shape, shape, strict=True))
        ):
            raise ValueError(f"{name} needs the shape {[str(s) for s in shape]}, got {[str(s) for s in arg.shape]}")
    count = len(attrs["activations"])
    if count not in (0, d * per_direction) or any(not 0 <= c < len(ACTIVATIONS) for c in attrs["activations"]):
        raise ValueError(f"{d * per_direction} known activation codes are needed, got {attrs['activations']}")
    n = d * per_direction
    if len(attrs["activation_alpha"]) not in (0, n) or len(attrs["activation_beta"]) not in (0, n):
        raise ValueError(f"activation_alpha and activation_beta need {n} entries or none")
    y: tuple[Dim, ...] = (batch, steps, d, h) if attrs["batch_first"] else (steps, d, batch, h)
    return [TensorType(x.dtype, y), TensorType(x.dtype, state)]


def _weights(a: Array, q: QuantParams | None) -> Array:
    return (a if q is None else dequantize(a, q)).astype(np.float64)


Cell = Callable[[int, Array, list[Array]], list[Array]]


def _run(
    x: Array, lens: Array | None, states: list[Array | None], direction: str, hidden: int, batch_first: bool, cell: Cell
) -> tuple[Array, list[Array]]:
    """Drive ``cell(direction index, x_t [B, I], states) -> new states`` over the steps; the first state is what ``y`` collects."""
    xs = np.swapaxes(x, 0, 1) if batch_first else x
    steps, batch = xs.shape[:2]
    d = _directions(direction)
    lengths = np.full(batch, steps, np.int64) if lens is None else np.clip(lens.astype(np.int64), 0, steps)
    y = np.zeros((steps, d, batch, hidden), np.float64)
    finals: list[list[Array]] = []
    for k in range(d):
        backward = direction == "reverse" or k == 1
        now = []
        for s in states:
            s3 = None if s is None else (np.swapaxes(s, 0, 1) if batch_first else s)
            now.append(np.zeros((batch, hidden), np.float64) if s3 is None else s3[k].astype(np.float64))
        for t in range(steps):
            at = np.where(t < lengths, lengths - 1 - t, t) if backward else np.full(batch, t)
            live = (t < lengths)[:, None]
            new = cell(k, xs[at, np.arange(batch)].astype(np.float64), now)
            now = [np.where(live, n, o) for n, o in zip(new, now, strict=True)]
            y[at, k, np.arange(batch)] = np.where(live, now[0], 0.0)
        finals.append(now)
    ends = [np.stack([f[i] for f in finals]) for i in range(len(states))]
    if batch_first:
        y, ends = y.transpose(2, 0, 1, 3), [np.swapaxes(e, 0, 1) for e in ends]
    return np.ascontiguousarray(y).astype(np.float32), [np.ascontiguousarray(e).astype(np.float32) for e in ends]


def _clipper(clip: float) -> Callable[[Array], Array]:
    return (lambda v: np.clip(v, -clip, clip)) if clip > 0 else (lambda v: v)


@op(id=200, category="recurrent")
class LSTM:
    """Long short-term memory. Gates in the order input, output, forget, cell; activations f, g, h (default Sigmoid, Tanh, Tanh).

    ``p`` [D, 3*H] holds the peepholes of input, output and forget gate. ``input_forget`` couples the gates: ``f = 1 - i``.
    ``clip`` > 0 bounds what enters each activation of a gate, ``cell_clip`` > 0 the new cell state.
    """

    inputs = (
        Port("x", T),
        Port("w", WEIGHT),
        Port("r", RECURRENT),
        Optional("b", T),
        Optional("sequence_lens", LENGTH),
        Optional("h0", T),
        Optional("c0", T),
        Optional("p", T),
    )
    outputs = (Optional("y", T), Optional("y_h", T), Optional("y_c", T))
    attrs = (*ATTRS, Bool("input_forget", False), Float("cell_clip", 0.0))
    types = TYPES
    quant = FloatOnly()

    @staticmethod
    def infer(
        x: Arg, w: Arg, r: Arg, b: Arg | None, sequence_lens: Arg | None, h0: Arg | None, c0: Arg | None, p: Arg | None, **attrs: Any
    ) -> list[TensorType]:
        y, state = _infer(x, w, r, b, sequence_lens, (h0, c0), 4, 3, attrs)
        if p is not None and tuple(p.shape) != (_directions(attrs["direction"]), 3 * attrs["hidden_size"]):
            raise ValueError(f"peepholes of shape [directions, 3 * hidden_size] are needed, got {list(p.shape)}")
        return [y, state, state]

    @staticmethod
    def reference(
        x: Array,
        w: Array,
        r: Array,
        b: Array | None,
        sequence_lens: Array | None,
        h0: Array | None,
        c0: Array | None,
        p: Array | None,
        *,
        input_forget: bool,
        cell_clip: float,
        **attrs: Any,
    ) -> tuple[Array, Array, Array]:
        h, d = attrs["hidden_size"], _directions(attrs["direction"])
        w64, r64 = w.astype(np.float64), r.astype(np.float64)
        bias = np.zeros((d, 4 * h)) if b is None else b.astype(np.float64).reshape(d, 2, 4 * h).sum(axis=1)
        peep = np.zeros((d, 3, h)) if p is None else p.astype(np.float64).reshape(d, 3, h)
        fns, clip, hold = _activations(attrs, ("Sigmoid", "Tanh", "Tanh")), _clipper(attrs["clip"]), _clipper(cell_clip)

        def cell(k: int, xt: Array, states: list[Array]) -> list[Array]:
            ht, ct = states
            f, g, out = fns[k]
            gi, go, gf, gc = np.split(xt @ w64[k].T + ht @ r64[k].T + bias[k], 4, axis=1)
            i = f(clip(gi + peep[k, 0] * ct))
            forget = 1.0 - i if input_forget else f(clip(gf + peep[k, 2] * ct))
            c = hold(forget * ct + i * g(clip(gc)))
            return [f(clip(go + peep[k, 1] * c)) * out(c), c]

        y, (y_h, y_c) = _run(x, sequence_lens, [h0, c0], attrs["direction"], h, attrs["batch_first"], cell)
        return y, y_h, y_c

    @staticmethod
    def quant_reference(x: Array, w: Array, r: Array, *rest: Any, qin: tuple[QuantParams | None, ...], qout: Any, **attrs: Any) -> Any:
        return LSTM.reference(x, _weights(w, qin[1]), _weights(r, qin[2]), *rest, **attrs)


@op(id=201, category="recurrent")
class GRU:
    """Gated recurrent unit. Gates in the order update, reset, hidden; activations f, g (default Sigmoid, Tanh).

    ``linear_before_reset`` applies the reset gate after the recurrent product and its bias, instead of to the state before it.
    """

    inputs = (
        Port("x", T),
        Port("w", WEIGHT),
        Port("r", RECURRENT),
        Optional("b", T),
        Optional("sequence_lens", LENGTH),
        Optional("h0", T),
    )
    outputs = (Optional("y", T), Optional("y_h", T))
    attrs = (*ATTRS, Bool("linear_before_reset", False))
    types = TYPES
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, w: Arg, r: Arg, b: Arg | None, sequence_lens: Arg | None, h0: Arg | None, **attrs: Any) -> list[TensorType]:
        return _infer(x, w, r, b, sequence_lens, (h0,), 3, 2, attrs)

    @staticmethod
    def reference(
        x: Array,
        w: Array,
        r: Array,
        b: Array | None,
        sequence_lens: Array | None,
        h0: Array | None,
        *,
        linear_before_reset: bool,
        **attrs: Any,
    ) -> tuple[Array, Array]:
        h, d = attrs["hidden_size"], _directions(attrs["direction"])
        w64, r64 = w.astype(np.float64), r.astype(np.float64)
        bias = np.zeros((d, 2, 3 * h)) if b is None else b.astype(np.float64).reshape(d, 2, 3 * h)
        fns, clip = _activations(attrs, ("Sigmoid", "Tanh")), _clipper(attrs["clip"])

        def cell(k: int, xt: Array, states: list[Array]) -> list[Array]:
            (ht,) = states
            f, g = fns[k]
            xz, xr, xh = np.split(xt @ w64[k].T + bias[k, 0], 3, axis=1)
            rz, rr, rh = np.split(r64[k], 3, axis=0)
            bz, br, bh = np.split(bias[k, 1], 3)
            z = f(clip(xz + ht @ rz.T + bz))
            reset = f(clip(xr + ht @ rr.T + br))
            if linear_before_reset:
                n = g(clip(xh + reset * (ht @ rh.T + bh)))
            else:
                n = g(clip(xh + (reset * ht) @ rh.T + bh))
            return [(1.0 - z) * n + z * ht]

        y, (y_h,) = _run(x, sequence_lens, [h0], attrs["direction"], h, attrs["batch_first"], cell)
        return y, y_h

    @staticmethod
    def quant_reference(x: Array, w: Array, r: Array, *rest: Any, qin: tuple[QuantParams | None, ...], qout: Any, **attrs: Any) -> Any:
        return GRU.reference(x, _weights(w, qin[1]), _weights(r, qin[2]), *rest, **attrs)


@op(id=202, category="recurrent")
class RNN:
    """Simple recurrent layer: ``h = f(x @ w.T + h @ r.T + b)``; activation f (default Tanh)."""

    inputs = GRU.inputs
    outputs = GRU.outputs
    attrs = ATTRS
    types = TYPES
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, w: Arg, r: Arg, b: Arg | None, sequence_lens: Arg | None, h0: Arg | None, **attrs: Any) -> list[TensorType]:
        return _infer(x, w, r, b, sequence_lens, (h0,), 1, 1, attrs)

    @staticmethod
    def reference(
        x: Array, w: Array, r: Array, b: Array | None, sequence_lens: Array | None, h0: Array | None, **attrs: Any
    ) -> tuple[Array, Array]:
        h, d = attrs["hidden_size"], _directions(attrs["direction"])
        w64, r64 = w.astype(np.float64), r.astype(np.float64)
        bias = np.zeros((d, h)) if b is None else b.astype(np.float64).reshape(d, 2, h).sum(axis=1)
        fns, clip = _activations(attrs, ("Tanh",)), _clipper(attrs["clip"])

        def cell(k: int, xt: Array, states: list[Array]) -> list[Array]:
            return [fns[k][0](clip(xt @ w64[k].T + states[0] @ r64[k].T + bias[k]))]

        y, (y_h,) = _run(x, sequence_lens, [h0], attrs["direction"], h, attrs["batch_first"], cell)
        return y, y_h

    @staticmethod
    def quant_reference(x: Array, w: Array, r: Array, *rest: Any, qin: tuple[QuantParams | None, ...], qout: Any, **attrs: Any) -> Any:
        return RNN.reference(x, _weights(w, qin[1]), _weights(r, qin[2]), *rest, **attrs)
