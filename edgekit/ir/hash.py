"""A digest of everything a graph is: structure, types, attributes, names, constants."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from edgekit.ir.graph import Graph, Value
from edgekit.types import Array, DType


def constant_digest(array: Array) -> str:
    """sha256 (hex) of the bytes of an array, little-endian, in C order."""
    data = np.ascontiguousarray(array)
    if data.dtype.byteorder == ">":
        data = data.astype(data.dtype.newbyteorder("<"))
    return hashlib.sha256(data.reshape(-1).view(np.uint8).data).hexdigest()


def constant_sketch(array: Array) -> bytes:
    """A few bytes that differ between most arrays, without reading all of them: equal arrays have equal sketches."""
    ends = np.concatenate([np.asarray(array.flat[:64]), np.asarray(array.flat[max(0, array.size - 64) :])])
    return f"{array.dtype}{array.shape}".encode() + ends.tobytes()


def graph_hash(graph: Graph) -> str:
    """sha256 (hex) over the graph and its subgraphs. Equal graphs hash alike in every process; metadata is left out."""
    digest = hashlib.sha256()
    for line in _lines(graph, {}):
        digest.update(line.encode(errors="surrogatepass"))
        digest.update(b"\n")
    return digest.hexdigest()


def _lines(graph: Graph, digests: dict[int, str]) -> list[str]:
    number: dict[int, int] = {}

    def declare(v: Value) -> str:
        number[id(v)] = len(number)
        text = f"{v.name!r} {v.type} {v.quant!r}"
        if v.const is None:
            return text
        if id(v.const) not in digests:
            digests[id(v.const)] = constant_digest(v.const)
        return f"{text} {digests[id(v.const)]}"

    lines = [f"graph {graph.name!r}"]
    lines += [f"in {declare(v)}" for v in graph.inputs]
    lines += [f"const {declare(v)}" for v in graph.constants()]
    for n in graph.nodes:
        ins = ",".join("-" if v is None else str(number[id(v)]) for v in n.inputs)
        lines.append(f"node {n.op} {n.name!r} {n.source!r} ({ins}) {[(k, _attr(a)) for k, a in n.attrs.items()]}")
        lines += [f"  to {declare(v)}" for v in n.outputs]
        for g in n.subgraphs():
            lines += ["{", *_lines(g, digests), "}"]
    lines += [f"out {name!r} {number[id(v)]}" for v, name in zip(graph.outputs, graph.output_names, strict=True)]
    lines += [f"state {s.initial.shape} {constant_digest(s.initial)}" for s in graph.states]
    return lines


def _attr(value: Any) -> str:
    if isinstance(value, Graph):
        return "graph"
    return value.label if isinstance(value, DType) else repr(value)
