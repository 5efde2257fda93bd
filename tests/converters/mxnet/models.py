"""Small MXNet models for tests: a writer of symbols and parameter files."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.types import Array

FLAGS = {
    "float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4, "int8": 5, "int64": 6, "bool": 7, "int16": 8, "uint16": 9,
    "uint32": 10, "uint64": 11,
}  # fmt: skip
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA


def ndarray_bytes(a: Array, version: int = 2) -> bytes:
    """One array as MXNet stores it, in form 0 (before 0.9) to 3 (numpy semantics)."""
    device = struct.pack("<ii", 1, 0)
    if version == 0:
        head = struct.pack(f"<I{a.ndim}I", a.ndim, *a.shape)
    elif version == 1:
        head = struct.pack(f"<II{a.ndim}q", V1, a.ndim, *a.shape)
    else:
        head = struct.pack(f"<IiI{a.ndim}q", V2 if version == 2 else V3, 0, a.ndim, *a.shape)
    return head + device + struct.pack("<i", FLAGS[a.dtype.name]) + np.ascontiguousarray(a).tobytes()


def params_bytes(arrays: Mapping[str, Array], version: int = 2) -> bytes:
    """A file of named arrays."""
    out = struct.pack("<QQQ", 0x112, 0, len(arrays)) + b"".join(ndarray_bytes(a, version) for a in arrays.values())
    out += struct.pack("<Q", len(arrays))
    for name in arrays:
        out += struct.pack("<Q", len(name.encode())) + name.encode()
    return out


class Net:
    """A symbol under construction. Entries are (node, output) pairs."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.params: dict[str, Array] = {}

    def var(self, name: str, array: Array | None = None, **attrs: str) -> tuple[int, int]:
        """A variable, with an array a parameter."""
        if array is not None:
            self.params[f"arg:{name}"] = array
        return self.op("null", name, **attrs)

    def op(self, op: str, name: str, *inputs: tuple[int, int], **attrs: Any) -> tuple[int, int]:
        """A node."""
        texts = {k: str(v) for k, v in attrs.items()}
        self.nodes.append({"op": op, "name": name, "attrs": texts, "inputs": [[*e, 0] for e in inputs]})
        return len(self.nodes) - 1, 0

    def symbol(self, heads: Sequence[tuple[int, int]], version: int | None = 10900, key: str = "attrs") -> dict[str, Any]:
        """The JSON's contents; ``key`` is the name under which its time kept parameters."""
        nodes = [{key if k == "attrs" else k: v for k, v in n.items()} for n in self.nodes]
        raw: dict[str, Any] = {
            "nodes": nodes,
            "arg_nodes": [i for i, n in enumerate(nodes) if n["op"] == "null"],
            "heads": [[*h, 0] for h in heads],
        }
        if version is not None:
            raw["attrs"] = {"mxnet_version": ["int", version]}
        return raw

    def save(self, folder: Path, *heads: tuple[int, int], name: str = "net", version: int = 2, **options: Any) -> Path:
        """Write both files, and return the symbol's path."""
        path = folder / f"{name}-symbol.json"
        path.write_text(json.dumps(self.symbol(heads, **options), indent=2))
        (folder / f"{name}-0001.params").write_bytes(params_bytes(self.params, version))
        return path


def apply(
    folder: Path, op: str, inputs: Sequence[Array], weights: Sequence[Array] = (), outputs: int = 1, **attrs: Any
) -> tuple[list[Array], list[Any]]:
    """What the reference computes for one operator, and the graph's outputs."""
    from edgekit import converters
    from edgekit.reference import run_graph

    net = Net()
    entries = [net.var(f"x{i}", __dtype__=str(FLAGS[a.dtype.name])) for i, a in enumerate(inputs)]
    entries += [net.var(f"w{i}", a) for i, a in enumerate(weights)]
    index, _ = net.op(op, "node", *entries, **attrs)
    path = net.save(folder, *((index, k) for k in range(outputs)))
    feeds = {f"x{i}": a for i, a in enumerate(inputs)}
    graph = converters.load(path, shapes={n: a.shape for n, a in feeds.items()})
    return list(run_graph(graph, feeds).values()), list(graph.outputs)
