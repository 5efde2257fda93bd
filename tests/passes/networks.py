"""Networks that tests convert: MobileNetV2 (Sandler et al., 2018) and pieces of others, with random weights, channels first."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.types import F32


class Network:
    """A builder with layers."""

    def __init__(self, name: str) -> None:
        self.b = GraphBuilder(name)
        self.rng = np.random.default_rng(0)

    def floats(self, *shape: int) -> Value:
        return self.b.constant(self.rng.standard_normal(shape, dtype=np.float32) * np.float32(0.1), "w")

    def ints(self, *values: int) -> Value:
        return self.b.constant(np.array(values, np.int64), "i")

    def conv(self, x: Value, out: int, k: int = 3, stride: int = 1, groups: int = 1) -> Value:
        n = len(x.shape) - 2
        w = self.floats(out, *[k] * n, x.shape[1] // groups)
        attrs: dict[str, Any] = {"strides": [stride] * n, "pads": [k // 2] * 2 * n, "dilations": [1] * n}
        return self.b.call("Conv", x, w, groups=groups, layout="NCHW", **attrs)

    def norm(self, x: Value) -> Value:
        c = x.shape[1]
        variance = self.b.constant(np.full(c, 0.5, np.float32), "var")
        return self.b.call("BatchNorm", x, self.floats(c), self.floats(c), self.floats(c), variance, layout="NCHW")

    def relu6(self, x: Value) -> Value:
        return self.b.call("Clip", x, min=0, max=6)


def mobilenet_v2(size: int = 224, classes: int = 1000) -> Graph:
    """MobileNetV2 1.0 as PyTorch exports it: batch norms apart, mean over the last two dimensions, Gemm."""
    net = Network("mobilenet_v2")
    x = net.relu6(net.norm(net.conv(net.b.input("x", F32, (1, 3, size, size)), 32, stride=2)))
    for t, c, n, s in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(n):
            stride, before, wide = s if i == 0 else 1, x, x.shape[1] * t
            y = net.relu6(net.norm(net.conv(x, wide, 1))) if t > 1 else x
            y = net.relu6(net.norm(net.conv(y, wide, 3, stride, groups=wide)))
            y = net.norm(net.conv(y, c, 1))
            x = net.b.call("Add", before, y) if stride == 1 and before.shape == y.shape else y
    x = net.relu6(net.norm(net.conv(x, 1280, 1)))
    x = net.b.call("ReduceMean", x, axes=[2, 3], keepdims=False)
    x = net.b.call("Add", net.b.call("MatMul", x, net.floats(1280, classes)), net.floats(classes))
    net.b.output(x, "y")
    return net.b.graph
