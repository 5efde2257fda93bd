"""PT2E's quantize and dequantize operators: the model is imported as a quantized one and runs on integers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit.converters import Example, LoadOptions
from edgekit.reference import run_graph
from edgekit.types import I8
from edgekit_converters.pytorch import PyTorchConverter
from tests.require import require_module


@pytest.fixture(name="torch")
def _torch() -> Any:
    require_module("torch", "torch", "pip install torch")
    import torch
    import torch.ao.quantization.fx._decomposed  # enters the operators

    return torch


def _quantized_net(torch: Any) -> Any:
    """What ``convert_pt2e`` gives for a convolution, a relu and a linear layer."""
    ops = torch.ops.quantized_decomposed
    torch.manual_seed(1)

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("w", torch.randint(-127, 128, (6, 3, 3, 3), dtype=torch.int8))
            self.register_buffer("w_scale", torch.rand(6) * 0.01 + 0.001)
            self.register_buffer("w_zero", torch.zeros(6, dtype=torch.int64))
            self.register_buffer("v", torch.randint(-127, 128, (5, 6), dtype=torch.int8))
            self.bias = torch.nn.Parameter(torch.randn(6) * 0.1)

        def forward(self, x: Any) -> Any:
            q = ops.quantize_per_tensor(x, 0.02, 3, -128, 127, torch.int8)
            x = ops.dequantize_per_tensor(q, 0.02, 3, -128, 127, torch.int8)
            w = ops.dequantize_per_channel(self.w, self.w_scale, self.w_zero, 0, -127, 127, torch.int8)
            y = torch.relu(torch.nn.functional.conv2d(x, w, self.bias))
            q = ops.quantize_per_tensor(y, 0.03, -128, -128, 127, torch.int8)
            y = ops.dequantize_per_tensor(q, 0.03, -128, -128, 127, torch.int8)
            y = y.mean((2, 3))
            q = ops.quantize_per_tensor(y, 0.02, -128, -128, 127, torch.int8)
            y = ops.dequantize_per_tensor(q, 0.02, -128, -128, 127, torch.int8)
            v = ops.dequantize_per_tensor(self.v, 0.01, 0, -127, 127, torch.int8)
            z = torch.nn.functional.linear(y, v)
            q = ops.quantize_per_tensor(z, 0.05, 7, -128, 127, torch.int8)
            return ops.dequantize_per_tensor(q, 0.05, 7, -128, 127, torch.int8)

    return Net()


def test_a_quantized_model_runs_on_integers(torch: Any, tmp_path: Path) -> None:
    net, x = _quantized_net(torch), torch.randn(1, 3, 8, 8)
    graph = edgekit.load(net, (x,))
    want = net(x).detach().numpy()
    (got,) = run_graph(graph, {"x": x.numpy()}).values()
    assert np.abs(got - want).max() <= 0.05 + 1e-6  # one unit
    program = torch.export.export(net, (x,))
    torch.export.save(program, tmp_path / "net.pt2")
    done = edgekit.convert(tmp_path / "net.pt2", tmp_path / "net.ekm")
    heavy = [n for n in done.graph.nodes if n.op in ("Conv", "FullyConnected")]
    assert len(heavy) == 2 and all(n.output.dtype is I8 for n in heavy)
    with edgekit.Session(done.path) as session:
        (ran,) = session.run({"x": x.numpy()}).values()
    assert np.abs(ran - want).max() <= 0.05 + 1e-6


def _compare(torch: Any, run: Any, *inputs: Any) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def forward(self, *xs: Any) -> Any:
            return run(*xs)

    graph = PyTorchConverter().load(Net(), LoadOptions(example=Example(inputs)))
    got = list(run_graph(graph, {v.name: x.numpy() for v, x in zip(graph.inputs, inputs, strict=True)}).values())
    want = run(*inputs)
    for a, b in zip(got, want if isinstance(want, tuple) else (want,), strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-6, atol=1e-6)


def test_single_operators(torch: Any) -> None:
    ops, x = torch.ops.quantized_decomposed, torch.randn(3, 4) * 2
    scales, zeros = torch.tensor([0.02, 0.01, 0.05]), torch.tensor([0, 3, -5])
    _compare(torch, lambda a: ops.quantize_per_tensor(a, 0.02, 5, -128, 127, torch.int8), x)
    _compare(torch, lambda a: ops.quantize_per_tensor(a, 0.02, 5, 0, 255, torch.uint8), x)
    _compare(torch, lambda a: ops.quantize_per_tensor(a, 0.02, 5, -100, 90, torch.int8), x)
    _compare(torch, lambda a: ops.quantize_per_channel(a, scales, zeros, 0, -128, 127, torch.int8), x)
    _compare(
        torch,
        lambda a: ops.dequantize_per_channel(a, scales, zeros, 0, -128, 127, torch.int8),
        torch.randint(-128, 128, (3, 4), dtype=torch.int8),
    )
    _compare(torch, lambda a: ops.quantize_per_tensor.tensor(a, torch.tensor(0.02), torch.tensor(5), -128, 127, torch.int8), x)
    _compare(torch, lambda a: torch.fake_quantize_per_tensor_affine(a, 0.02, 5, -128, 127), x)
    _compare(torch, lambda a: torch.fake_quantize_per_channel_affine(a, scales, zeros.int(), 0, -128, 127), x)


def test_dynamic_quantization_is_arithmetic(torch: Any) -> None:
    ops, x = torch.ops.quantized_decomposed, torch.randn(3, 4) * 2

    def run(a: Any) -> Any:
        scale, zero = ops.choose_qparams.tensor(a, -128, 127, 1e-7, torch.int8)
        q = ops.quantize_per_tensor.tensor(a, scale, zero, -128, 127, torch.int8)
        return ops.dequantize_per_tensor.tensor(q, scale, zero, -128, 127, torch.int8)

    _compare(torch, run, x)
