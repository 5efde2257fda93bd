"""How each operator commutes with a permutation of its tensors.

``through(node, port, perm)`` answers: when this tensor of the node is stored under ``perm``, how are the others stored, and with which
attributes and constants does the operator then compute the same? One function serves a family of operators, found by their
category or attributes; only what is particular to an operator is listed by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgekit.arrays import permuted
from edgekit.ir import Node, Value
from edgekit.passes.canonicalize.facts import ints, permutation
from edgekit.passes.layout.permutation import Perm, between, channels_last, compose, inverse, through_reshape
from edgekit.types import Array


@dataclass(frozen=True)
class Port:
    """An input or an output of a node."""

    is_input: bool
    index: int


@dataclass(frozen=True)
class Commuted:
    """A node on permuted tensors.

    Attributes:
        inputs: how each input has to be stored; None for inputs that stay as they are.
        outputs: how each output is stored then.
        attrs: attributes that change.
        constants: new contents of constant inputs (or new constant inputs), by position.
    """

    inputs: tuple[Perm | None, ...]
    outputs: tuple[Perm, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[int, Array] = field(default_factory=dict)


POINTWISE = frozenset({"elementwise", "activation", "comparison", "logical", "math", "quantization"})


def converts_layout(node: Node) -> bool:
    """True for operators that compute in channels-first order now and can compute in channels-last order."""
    return bool(node.attrs.get("layout") == "NCHW")


def through(node: Node, port: Port, perm: Perm) -> Commuted | None:
    """The node with one tensor stored under ``perm``, None where the operator needs it as it is."""
    handler = _handler(node)
    return None if handler is None else handler(node, port, perm)


Handler = Callable[[Node, Port, Perm], Commuted | None]


def _handler(node: Node) -> Handler | None:
    if "layout" in node.attrs:
        return _layout_attribute
    if node.op in _BY_NAME:
        return _BY_NAME[node.op]
    if node.definition.category in POINTWISE:
        return _pointwise
    if "keepdims" in node.attrs:
        return _reduction
    return None


def to_channels_last(node: Node) -> Commuted:
    """A node with the attribute ``layout``, in channels-last order."""
    x, y = node.input(0), node.outputs[0]
    ins = (channels_last(len(x.shape)), *(None for _ in node.inputs[1:]))
    return Commuted(ins, (channels_last(len(y.shape)),), {"layout": "NHWC"})


def _layout_attribute(node: Node, port: Port, perm: Perm) -> Commuted | None:
    if not converts_layout(node) or (port.is_input and port.index != 0):
        return None
    return to_channels_last(node)


def _data(node: Node, i: int) -> Value | None:
    """Input ``i`` if it is there and computed at run time."""
    v = node.inputs[i] if i < len(node.inputs) else None
    return v if v is not None and v.const is None else None


def _pointwise(node: Node, port: Port, perm: Perm) -> Commuted | None:
    """Element by element, with numpy broadcasting."""
    rank = len(node.outputs[0].shape)
    if len(perm) != rank or any(len(v.shape) != rank for v in node.outputs):
        return None
    ins: list[Perm | None] = []
    constants: dict[int, Array] = {}
    for i, v in enumerate(node.inputs):
        if v is None:
            ins.append(None)
        elif len(v.shape) == rank:
            ins.append(perm)
        elif all(d == 1 for d in v.shape):
            ins.append(None)
        elif v.const is not None and (v.quant is None or v.quant.is_per_tensor):
            ins.append(None)
            full = v.const.reshape((1,) * (rank - v.const.ndim) + v.const.shape)
            constants[i] = permuted(full, perm)
        else:
            return None
    return Commuted(tuple(ins), (perm,) * len(node.outputs), {}, constants)


def _first_only(node: Node, port: Port, perm: Perm, **attrs: Any) -> Commuted | None:
    """One data input; the outputs have its rank and are stored as it is."""
    if (port.is_input and port.index != 0) or any(len(v.shape) != len(perm) for v in (node.input(0), *node.outputs)):
        return None
    return Commuted((perm, *(None for _ in node.inputs[1:])), (perm,) * len(node.outputs), attrs)


def _axis(node: Node, port: Port, perm: Perm) -> Commuted | None:
    """All inputs and outputs have one rank; the attribute ``axis`` names a dimension."""
    axis = node.attrs["axis"] % len(perm) if perm else 0
    ranks = {len(v.shape) for v in (*node.inputs, *node.outputs) if v is not None}
    if ranks != {len(perm)}:
        return None
    ins = tuple(None if v is None else perm for v in node.inputs)
    return Commuted(ins, (perm,) * len(node.outputs), {"axis": perm.index(axis)})


def _first_axis(node: Node, port: Port, perm: Perm) -> Commuted | None:
    """One data input; the attribute ``axis`` names a dimension of it."""
    if len(perm) != len(node.input(0).shape) or not perm:
        return None
    return _first_only(node, port, perm, axis=perm.index(node.attrs["axis"] % len(perm)))


def _compress(node: Node, port: Port, perm: Perm) -> Commuted | None:
    return None if node.attrs["flat"] else _first_axis(node, port, perm)


def _reduction(node: Node, port: Port, perm: Perm) -> Commuted | None:
    """``axes`` or ``axis`` with ``keepdims``."""
    rank = len(node.input(0).shape)
    if "axes" in node.attrs:
        axes = tuple(a % rank for a in node.attrs["axes"]) or tuple(range(rank))
    else:
        axes = (node.attrs["axis"] % rank,)

    def attrs(p: Perm) -> dict[str, Any]:
        at = sorted(p.index(a) for a in axes)
        return {"axes": () if not node.attrs["axes"] else tuple(at)} if "axes" in node.attrs else {"axis": at[0]}

    if node.attrs["keepdims"]:
        return _first_only(node, port, perm, **attrs(perm)) if len(perm) == rank else None
    kept = [i for i in range(rank) if i not in axes]
    if not port.is_input:
        return None
    out = tuple(kept.index(i) for i in perm if i in kept)
    return Commuted((perm,), (out,) * len(node.outputs), attrs(perm))


def _gather(node: Node, port: Port, perm: Perm) -> Commuted | None:
    x, index = node.input(0), node.input(1)
    rank = len(x.shape)
    axis = node.attrs["axis"] % rank
    if len(index.shape) == 1:
        return _first_axis(node, port, perm)
    if len(index.shape) == 0 and port == Port(True, 0):
        kept = [i for i in range(rank) if i != axis]
        return Commuted((perm, None), (tuple(kept.index(i) for i in perm if i != axis),), {"axis": perm.index(axis)})
    return None


def _slice(node: Node, port: Port, perm: Perm) -> Commuted | None:
    done = _first_only(node, port, perm)
    count = node.input(1).shape[0]
    if done is None or not isinstance(count, int):
        return None
    axes = ints(node, 3) if node.has_input(3) else list(range(count))
    if axes is None:
        return None
    ins = done.inputs if len(done.inputs) > 3 else (*done.inputs, None)
    return Commuted(ins, done.outputs, {}, {3: np.array([perm.index(a % len(perm)) for a in axes], np.int64)})


def _pad(node: Node, port: Port, perm: Perm) -> Commuted | None:
    done = _first_only(node, port, perm)
    if done is None:
        return None
    rank = len(perm)
    if node.has_input(3):
        axes = ints(node, 3)
        if axes is None:
            return None
        return Commuted(done.inputs, done.outputs, {}, {3: np.array([perm.index(a % rank) for a in axes], np.int64)})
    pads = ints(node, 1)
    if pads is None:
        return None
    return Commuted(done.inputs, done.outputs, {}, {1: np.array([pads[p] for p in perm] + [pads[rank + p] for p in perm], np.int64)})


def _per_dimension(*positions: int) -> Handler:
    """Constant inputs that hold one entry a dimension (or two lists of them: starts, then ends)."""

    def handler(node: Node, port: Port, perm: Perm) -> Commuted | None:
        done = _first_only(node, port, perm)
        if done is None:
            return None
        constants = {}
        for i in positions:
            if not node.has_input(i):
                continue
            a = node.input(i).const
            if a is None or a.size % len(perm):
                return None
            constants[i] = np.ascontiguousarray(a.reshape(-1, len(perm))[:, list(perm)].reshape(-1))
        return Commuted(done.inputs, done.outputs, {}, constants)

    return handler


def _expand(node: Node, port: Port, perm: Perm) -> Commuted | None:
    shape = node.input(1).const
    if shape is None or shape.size > len(perm):
        return None
    done = _first_only(node, port, perm)
    if done is None:
        return None
    full = np.concatenate([np.ones(len(perm) - shape.size, np.int64), shape.reshape(-1)])
    return Commuted(done.inputs, done.outputs, {}, {1: full[list(perm)]})


def _cumsum(node: Node, port: Port, perm: Perm) -> Commuted | None:
    axis = ints(node, 1)
    done = _first_only(node, port, perm)
    if axis is None or done is None:
        return None
    old = node.input(1)
    return Commuted(
        done.inputs, done.outputs, {}, {1: np.array(perm.index(axis[0] % len(perm)), old.dtype.numpy).reshape(old.type.static_shape())}
    )


def _trailing(count: Callable[[Node], int]) -> Handler:
    """Operators that work on the last dimensions: the others may change places."""

    def handler(node: Node, port: Port, perm: Perm) -> Commuted | None:
        fixed = count(node)
        if perm[len(perm) - fixed :] != tuple(range(len(perm) - fixed, len(perm))):
            return None
        return _first_only(node, port, perm)

    return handler


def _normalized(node: Node) -> int:
    rank = len(node.input(0).shape)
    return rank - int(node.attrs["axis"]) % rank


def _reshape(node: Node, port: Port, perm: Perm) -> Commuted | None:
    x, y = node.input(0), node.outputs[0]
    if x.quant is not None and x.quant.axis is not None:
        return None
    if port == Port(True, 0):
        other = through_reshape(x.shape, y.shape, perm)
        pair = None if other is None else (perm, other)
    elif not port.is_input:
        other = through_reshape(y.shape, x.shape, perm)
        pair = None if other is None else (other, perm)
    else:
        return None
    if pair is None:
        return None
    target = [y.shape[i] for i in pair[1]]
    if sum(not isinstance(d, int) for d in target) > 1:
        return None
    return Commuted(
        (pair[0], None), (pair[1],), {"allow_zero": True}, {1: np.array([d if isinstance(d, int) else -1 for d in target], np.int64)}
    )


def elided_transpose(node: Node, port: Port, perm: Perm) -> Commuted:
    """A Transpose as a mere renaming: input and output are the same memory."""
    p = permutation(node)
    if port.is_input:
        return Commuted((perm,), (compose(inverse(p), perm),))
    return Commuted((compose(p, perm),), (perm,))


def remaining_permutation(node: Node, stored_input: Perm, stored_output: Perm) -> Perm:
    """What a Transpose still has to do between an input and an output that are stored permuted."""
    return between(stored_input, compose(permutation(node), stored_output))


_BY_NAME: dict[str, Handler] = {
    **dict.fromkeys(("Concat", "Split", "Softmax", "LogSoftmax", "Hardmax", "LpNormalize", "GatherElements"), _axis),
    **dict.fromkeys(("TopK",), _first_axis),
    "Lookup": _first_only,
    "Identity": _first_only,
    "Compress": _compress,
    "Gather": _gather,
    "Slice": _slice,
    "Pad": _pad,
    "Resize": _per_dimension(1, 2, 3),
    "Tile": _per_dimension(1),
    "Expand": _expand,
    "CumSum": _cumsum,
    "FullyConnected": _trailing(lambda node: 1),
    "LayerNorm": _trailing(_normalized),
    "RmsNorm": _trailing(_normalized),
    "Reshape": _reshape,
}
