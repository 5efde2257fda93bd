"""Small one-operator models that load one part of a machine each: what ``edgekit profile`` times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.types import F32, I8, QuantParams, TensorType

_Q = QuantParams.per_tensor(0.05, 3)


@dataclass(frozen=True)
class Probe:
    """A model of one operator and the family it stands for."""

    name: str
    family: str
    dtype: str
    graph: Graph


def _conv(b: GraphBuilder, x: Value, out: int, kernel: int, groups: int, dtype: str) -> Value:
    r = np.random.default_rng(0)
    shape = (out, kernel, kernel, x.shape[-1] // groups)
    pad = kernel // 2
    if dtype == "int8":
        q = QuantParams.per_channel(np.full(out, 0.01), 0)
        w = b.constant(r.integers(-127, 128, shape).astype(np.int8), "w", quant=q)
        bias = b.constant(np.zeros(out, np.int32), "b", quant=QuantParams.per_channel(np.full(out, 0.0005), 0))
    else:
        w = b.constant(r.standard_normal(shape).astype(np.float32), "w")
        bias = b.constant(np.zeros(out, np.float32), "b")
    return b.call("Conv", x, w, bias, strides=(1, 1), pads=(pad,) * 4, dilations=(1, 1), groups=groups, layout="NHWC")


def probes(dtype: str) -> Iterator[Probe]:
    """Three sizes of every family: ``dense`` 3x3, ``pointwise`` 1x1, ``depthwise`` 3x3, ``grouped`` 3x3 and ``memory`` (Add).

    Args:
        dtype: ``"f32"`` or ``"int8"``.
    """
    plan = {
        "dense": ((28, 32, 32, 3, 1), (28, 64, 64, 3, 1), (14, 128, 128, 3, 1), (56, 16, 16, 3, 1)),
        "pointwise": ((56, 32, 64, 1, 1), (28, 96, 96, 1, 1), (14, 256, 256, 1, 1), (112, 16, 32, 1, 1)),
        "depthwise": ((56, 64, 64, 3, 64), (28, 128, 128, 3, 128), (112, 32, 32, 3, 32), (14, 384, 384, 3, 384)),
        "grouped": ((28, 64, 64, 3, 8), (28, 128, 128, 3, 8), (14, 128, 128, 3, 16)),
        "memory": ((14, 64, 0, 0, 0), (56, 64, 0, 0, 0), (112, 64, 0, 0, 0), (7, 32, 0, 0, 0)),
    }
    for family, sizes in plan.items():
        for side, channels, out, kernel, groups in sizes:
            b = GraphBuilder(f"{family}_{side}_{channels}")
            quant = _Q if dtype == "int8" else None
            x = b.input("x", I8 if quant else F32, (1, side, side, channels), quant)
            y = b.call("Add", x, x) if family == "memory" else _conv(b, x, out, kernel, groups, dtype)
            y.type = TensorType(y.dtype, y.shape, quant)
            b.output(y, "y")
            yield Probe(b.graph.name, family, dtype, b.graph)
