"""Writes a transformer down as ATen nodes, for the PyTorch importer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgekit.errors import ConversionError, MalformedModelError
from edgekit.types import Array
from edgekit_converters.pytorch.program import Program, ProgramInput, ProgramOutput, Ref, SourceGraph, SourceNode, TensorMeta, TorchType

#: by the name in the config: the operator and its arguments
ACTIVATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "gelu": ("aten.gelu.default", {}),
    "gelu_new": ("aten.gelu.default", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("aten.gelu.default", {"approximate": "tanh"}),
    "relu": ("aten.relu.default", {}),
    "silu": ("aten.silu.default", {}),
    "swish": ("aten.silu.default", {}),
    "tanh": ("aten.tanh.default", {}),
}


class Config:
    """Checked access to a ``config.json``."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data

    def integer(self, *names: str, default: int | None = None) -> int:
        """The first of several names that is there."""
        v = next((self.data[n] for n in names if self.data.get(n) is not None), default)
        if not isinstance(v, int) or isinstance(v, bool) or not 0 <= v < 1 << 31:
            raise MalformedModelError(f"config.json: {names[0]!r} is no number of use: {v!r}")
        return v

    def real(self, *names: str, default: float) -> float:
        """A number."""
        v = next((self.data[n] for n in names if self.data.get(n) is not None), default)
        if not isinstance(v, int | float) or isinstance(v, bool):
            raise MalformedModelError(f"config.json: {names[0]!r} is no number: {v!r}")
        return float(v)

    def text(self, *names: str, default: str) -> str:
        """A string."""
        v = next((self.data[n] for n in names if self.data.get(n) is not None), default)
        if not isinstance(v, str):
            raise MalformedModelError(f"config.json: {names[0]!r} is no text: {v!r}")
        return v


class Network:
    """A program under construction: methods add nodes and return the names of their results.

    Args:
        weights: arrays by name.
        prefix: of the names of the body's weights.
    """

    def __init__(self, weights: Mapping[str, Array], prefix: str) -> None:
        self.weights = weights
        self.prefix = prefix
        self.nodes: list[SourceNode] = []
        self.metas: dict[str, TensorMeta] = {}
        self.inputs: list[ProgramInput] = []
        self.outputs: list[tuple[str, Ref]] = []
        self.ranges: dict[str, tuple[int, int | None]] = {}
        self._used: dict[str, str] = {}

    def input(self, name: str, dtype: str, sizes: Sequence[int | str]) -> Ref:
        """A graph input."""
        self.inputs.append(ProgramInput(name, "user"))
        self.metas[name] = TensorMeta(TorchType(dtype), tuple(sizes))
        return Ref(name)

    def has(self, name: str, head: bool = False) -> bool:
        """Whether there is a weight of that name below the prefix (of the whole file for a head)."""
        return self._stored(name, head) is not None

    def _stored(self, name: str, head: bool) -> str | None:
        full = name if head else self.prefix + name
        old = full.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        return next((n for n in (full, old) if n in self.weights), None)

    def weight(self, name: str, head: bool = False) -> Ref:
        """A weight.

        Raises:
            MalformedModelError: there is none of that name.
        """
        found = self._stored(name, head)
        if found is None:
            raise MalformedModelError(f"the weight {name if head else self.prefix + name!r} is missing")
        if found not in self._used:
            self._used[found] = f"w_{found.replace('.', '_')}"
            self.inputs.append(ProgramInput(self._used[found], "weight", found))
        return Ref(self._used[found])

    def add(self, target: str, name: str = "", /, **args: Any) -> Ref:
        """A node of one result."""
        label = name or f"{target.split('.')[1]}_{len(self.nodes)}"
        self.nodes.append(SourceNode(target, args, [label], label))
        return Ref(label)

    def linear(self, x: Ref, name: str, head: bool = False) -> Ref:
        """``x @ weight.T + bias``."""
        bias = self.weight(f"{name}.bias", head) if self.has(f"{name}.bias", head) else None
        return self.add("aten.linear.default", name, input=x, weight=self.weight(f"{name}.weight", head), bias=bias)

    def norm(self, x: Ref, name: str, size: int, eps: float, head: bool = False) -> Ref:
        """A layer norm over the last dimension."""
        w, b = self.weight(f"{name}.weight", head), self.weight(f"{name}.bias", head)
        return self.add("aten.layer_norm.default", name, input=x, normalized_shape=[size], weight=w, bias=b, eps=eps)

    def activation(self, x: Ref, kind: str) -> Ref:
        """One of the activations a config may name.

        Raises:
            ConversionError: it is none that is known.
        """
        known = ACTIVATIONS.get(kind)
        if kind == "quick_gelu":
            gate = self.add("aten.sigmoid.default", self=self.add("aten.mul.Scalar", self=x, other=1.702))
            return self.add("aten.mul.Tensor", self=x, other=gate)
        if known is None:
            raise ConversionError(f"the activation {kind!r} of config.json is not known; known are {', '.join(sorted(ACTIVATIONS))}")
        return self.add(known[0], self=x, **known[1])

    def plus(self, a: Ref, b: Ref) -> Ref:
        """The sum of two tensors."""
        return self.add("aten.add.Tensor", self=a, other=b)

    def attention(self, q: Ref, k: Ref, v: Ref, heads: int, size: int, mask: Ref | None) -> Ref:
        """Self-attention over [batch, length, heads * size]."""
        parts = []
        for t in (q, k, v):
            wide = self.add("aten.unflatten.int", self=t, dim=2, sizes=[heads, size])
            parts.append(self.add("aten.transpose.int", self=wide, dim0=1, dim1=2))
        y = self.add("aten.scaled_dot_product_attention.default", query=parts[0], key=parts[1], value=parts[2], attn_mask=mask)
        y = self.add("aten.transpose.int", self=y, dim0=1, dim1=2)
        return self.add("aten.flatten.using_ints", self=y, start_dim=2, end_dim=3)

    def first_row(self, x: Ref) -> Ref:
        """The first position of every sequence."""
        return self.add("aten.select.int", self=x, dim=1, index=0)

    def give(self, name: str, value: Ref) -> None:
        """Make a value an output."""
        self.outputs.append((name, value))

    def program(self, facts: Mapping[str, str]) -> Program:
        """The finished program."""
        graph = SourceGraph([i.name for i in self.inputs], self.nodes, [r for _, r in self.outputs])
        outputs = [ProgramOutput("user", r) for _, r in self.outputs]
        names = [n for n, _ in self.outputs]
        return Program(graph, self.inputs, outputs, names, self.metas, self.ranges, self._tensor, facts)

    def _tensor(self, name: str) -> Array:
        a = self.weights[name]
        return a.astype("float32") if a.dtype.kind == "f" and a.dtype.itemsize == 2 else a
