"""Graphs whose dimensions are known only at run time go through the whole pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.passes import optimize
from edgekit.passes.layout.assign_layout import transposes
from edgekit.symbolic import SymDim
from edgekit.types import F32, Dim
from tests.passes.networks import Network
from tests.passes.test_contract import assert_same_numbers, interface

N, H, W = SymDim.symbol("N", 1, 4), SymDim.symbol("H", 8, 32), SymDim.symbol("W", 8, 32)


@pytest.mark.parametrize("shape", [(N, 3, 16, 12), (1, 3, H, W), (N, 3, H, W)], ids=["batch", "image", "all"])
def test_detector(shape: tuple[Dim, ...]) -> None:
    net = Network("dynamic")
    x = net.b.input("x", F32, shape)
    a = net.relu6(net.norm(net.conv(x, 8, stride=2)))
    b = net.relu6(net.norm(net.conv(a, 8, groups=8)))
    y = net.b.call("Concat", net.b.call("Add", a, b), net.conv(b, 4, 1), axis=1)
    gate = net.b.call("Sigmoid", net.conv(net.b.call("GlobalAveragePool", y, layout="NCHW"), 12, 1))
    y = net.b.call("Mul", y, gate)
    head = net.b.call("Transpose", net.conv(y, 6, 1), perm=[0, 2, 3, 1])
    batch = net.b.call("Slice", net.b.call("Shape", head), net.ints(0), net.ints(1))
    target = net.b.call("Concat", batch, net.ints(-1, 2), axis=0)
    net.b.output(net.b.call("Softmax", net.b.call("Reshape", head, target), axis=-1), "scores")
    net.b.output(net.b.call("ReduceMean", y, axes=[2, 3], keepdims=False), "mean")
    graph = net.b.graph
    done, _ = optimize(graph)
    assert interface(done) == interface(graph)
    assert not any(n.attrs.get("layout") == "NCHW" for n in done.nodes)
    assert [n.input(0).name for n in transposes(done)] == ["x"]
    for n, h, w in [(1, 16, 12), (3, 16, 12), (1, 9, 30), (4, 8, 8)]:
        fits = [(d == v if isinstance(d, int) else True) for d, v in zip(shape, (n, 3, h, w), strict=True)]
        if all(fits):
            feeds = {"x": net.rng.standard_normal((n, 3, h, w), dtype=np.float32)}
            assert_same_numbers(graph, done, feeds)


def test_resize_to_the_size_of_another_tensor() -> None:
    net = Network("fpn")
    x = net.b.input("x", F32, (1, 3, H, W))
    small = net.conv(net.conv(x, 4, stride=2), 4, stride=2)
    big = net.conv(x, 4)
    spatial = net.b.call("Slice", net.b.call("Shape", big), net.ints(2), net.ints(4))
    sizes = net.b.call("Concat", net.ints(1, 4), spatial, axis=0)
    net.b.output(net.b.call("Add", big, net.b.call("Resize", small, sizes, None, mode="linear")), "y")
    done, _ = optimize(net.b.graph)
    for h, w in [(8, 8), (17, 30)]:
        assert_same_numbers(net.b.graph, done, {"x": net.rng.standard_normal((1, 3, h, w), dtype=np.float32)})


def test_flattened_sizes_are_followed_through_sums_and_products() -> None:
    """Tensordot of TensorFlow: the free dimensions are gathered from the shape and multiplied."""
    net = Network("tensordot")
    x = net.b.input("x", F32, (N, 5, 7))
    free = net.b.call("Gather", net.b.call("Shape", x), net.ints(0, 1), axis=0)
    rows = net.b.call("ReduceProd", free, axes=[0], keepdims=True)
    flat = net.b.call("Reshape", x, net.b.call("Concat", rows, net.ints(7), axis=0))
    assert flat.shape == (N * 5, 7)
    total = net.b.call("ReduceSum", free, axes=[0], keepdims=True)
    assert net.b.known_value(total) is not None and net.b.known_value(total)[0] == N + 5  # type: ignore[index]
