"""Writes a graph as ``.ekm``. Same graph, same bytes."""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from edgekit.errors import FormatError
from edgekit.files import file_to_write
from edgekit.format.attributes import encode_attrs
from edgekit.format.flat import Record, encode
from edgekit.ir import Graph, State, Value, verify
from edgekit.ir.hash import constant_sketch
from edgekit.plan import MemoryPlan, plan_memory
from edgekit.symbolic import Symbol, plain_names
from edgekit.types import Array

IDENTIFIER = b"EKM1"
VERSION = 1
BLOB_ALIGNMENT = 64
MAX_ARENA_BYTES = 1 << 48
#: stands for the start of the blobs until it is known: bytes that nothing else in a head is likely to have
UNKNOWN_START = 0x7B1E_D5C4_93A6_F08D
SYMBOLS_KEY = "edgekit.symbols"


@dataclass(frozen=True)
class WrittenModel:
    """What a write gives back.

    Attributes:
        nbytes: size of the file.
        arena_bytes: activation memory of all graphs: what a session reports as its peak.
        sha256: of the file.
        plans: the memory plan of the main graph and of every subgraph, in file order.
    """

    nbytes: int
    arena_bytes: int
    sha256: str
    plans: tuple[MemoryPlan, ...]


class _Blobs:
    """Constants, each content once."""

    def __init__(self) -> None:
        self.arrays: list[Array] = []
        self.places: list[Record] = []
        self.index: dict[bytes, list[int]] = {}
        self.end = 0

    def add(self, array: Array) -> int:
        data = np.ascontiguousarray(array)
        if data.dtype.byteorder == ">":
            data = data.astype(data.dtype.newbyteorder("<"))
        content = data.reshape(-1).view(np.uint8)
        alike = self.index.setdefault(constant_sketch(content), [])
        for i in alike:
            if np.array_equal(self.arrays[i].reshape(-1).view(np.uint8), content):
                return i
        alike.append(len(self.arrays))
        self.arrays.append(data)
        self.places.append({"offset": self.end, "length": data.nbytes})
        self.end += -(-data.nbytes // BLOB_ALIGNMENT) * BLOB_ALIGNMENT
        return alike[-1]


def _tensor_record(v: Value, plan: MemoryPlan, blobs: _Blobs, names: Mapping[str, str]) -> Record:
    r: Record = {"name": v.name, "dtype": v.dtype.value, "dims": list(v.type.max_shape())}
    if not v.type.is_static:
        r["dynamic"] = True
        r["dim_symbols"] = ["" if isinstance(d, int) else d.text(names) for d in v.shape]
        if (most := v.type.max_elements()) < math.prod(v.type.max_shape()):
            r["capacity"] = max(1, most)
    if v.quant is not None:
        axis = -1 if v.quant.axis is None else v.quant.axis
        r["quant"] = {"scale": list(v.quant.scale), "zero_point": list(v.quant.zero_point), "axis": axis}
    if v.const is not None:
        r["blob"] = blobs.add(v.const)
    else:
        r["arena_offset"] = plan.offsets[v.name]
    return r


def _graph_record(graph: Graph, plan: MemoryPlan, blobs: _Blobs, index: dict[int, int], names: Mapping[str, str]) -> Record:
    values = graph.values()
    number = {id(v): i for i, v in enumerate(values)}
    nodes = []
    for n in graph.nodes:
        nodes.append(
            {
                "op": n.definition.id,
                "name": n.name,
                "inputs": [-1 if v is None else number[id(v)] for v in n.inputs],
                "outputs": [number[id(v)] for v in n.outputs],
                "attrs": encode_attrs(n.definition, n.attrs, lambda g: index[id(g)]),
                "source": n.source,
            }
        )
    return {
        "name": graph.name,
        "tensors": [_tensor_record(v, plan, blobs, names) for v in values],
        "nodes": nodes,
        "inputs": [number[id(v)] for v in graph.inputs],
        "outputs": [number[id(v)] for v in graph.outputs],
        "output_names": graph.output_names,
        "arena_bytes": plan.arena_bytes,
    } | ({"states": [{"initial": _initial_blob(s, blobs)} for s in graph.states]} if graph.states else {})


def _initial_blob(s: State, blobs: _Blobs) -> int:
    if not s.input.type.is_static:
        raise FormatError(f"state {s.name!r} is {s.input.type}; a state has a fixed shape, so pass the sizes of the inputs it follows from")
    return blobs.add(s.initial) if np.any(s.initial) or (s.initial.dtype.kind == "f" and np.any(np.signbit(s.initial))) else -1


def _symbols(graph: Graph) -> list[Symbol]:
    found: set[Symbol] = set()
    for g in graph.walk():
        for v in g.values():
            for d in v.shape:
                if not isinstance(d, int):
                    found |= d.symbols()
    return sorted(found)


def _limits(s: Symbol) -> list[Any]:
    """What there is to say of a symbol beyond its range: whether it is open, and the room that it shares."""
    if s.room is not None:
        return [int(s.is_open), s.room.name, s.room.count, s.room.elements]
    return [1] if s.is_open else []


def _size(count: int) -> str:
    return f"{count} bytes" if count < 1 << 80 else f"more than 2**{count.bit_length() - 1} bytes"


def write_model(graph: Graph, path: str | os.PathLike[str]) -> WrittenModel:
    """Write ``graph`` to ``path``: to a temporary file beside it first, renamed when whole.

    Raises:
        GraphError: the graph breaks an invariant, or a dimension has no upper bound.
        FormatError: the file cannot be written, or the activations have no place in any memory.
    """
    verify(graph)
    graphs = list(graph.walk())
    index = {id(g): i for i, g in enumerate(graphs)}
    plans = tuple(plan_memory(g) for g in graphs)
    for g, p in zip(graphs, plans, strict=True):
        if p.arena_bytes > MAX_ARENA_BYTES:
            raise FormatError(f"graph {g.name!r} needs {_size(p.arena_bytes)} for its activations, which no device has; check its shapes")
    blobs = _Blobs()
    metadata = dict(graph.metadata)
    symbols = _symbols(graph)
    names = plain_names(symbols)
    if symbols:
        facts = {s.text(names): [s.lower, s.upper, *_limits(s)] for s in symbols}
        metadata[SYMBOLS_KEY] = json.dumps(facts, sort_keys=True)
    model: Record = {
        "version": VERSION,
        "blobs_start": UNKNOWN_START,
        "graphs": [_graph_record(g, p, blobs, index, names) for g, p in zip(graphs, plans, strict=True)],
        "metadata": [{"key": k, "value": metadata[k]} for k in sorted(metadata)],
        "blobs": blobs.places,
    }
    head, blobs_start = _head(model)
    target = file_to_write(Path(path))
    digest = hashlib.sha256()
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".edgekit.", suffix=".tmp", delete=False) as f:
            try:
                total = _write_parts(f, digest, head, blobs_start, blobs)
                umask = os.umask(0)
                os.umask(umask)
                Path(f.name).chmod(0o666 & ~umask)
                Path(f.name).replace(target)
            except BaseException:
                Path(f.name).unlink()
                raise
    except OSError as e:
        raise FormatError(f"cannot write {path}: {e.strerror or e}; nothing was changed there") from e
    return WrittenModel(total, sum(p.arena_bytes for p in plans), digest.hexdigest(), plans)


def _head(model: Record) -> tuple[bytes, int]:
    """The encoded head, and where the blobs start behind it, which is filled in once its size is known."""
    head = encode("Model", model, IDENTIFIER)
    start = -(-len(head) // BLOB_ALIGNMENT) * BLOB_ALIGNMENT
    unknown = UNKNOWN_START.to_bytes(8, "little")
    if head.count(unknown) == 1:
        return head.replace(unknown, start.to_bytes(8, "little")), start
    again = encode("Model", model | {"blobs_start": start}, IDENTIFIER)  # other numbers or texts happen to have the same bytes
    if len(again) != len(head):
        raise FormatError("internal: the model's head changed its size between two encodings")
    return again, start


def _write_parts(f: IO[bytes], digest: hashlib._Hash, head: bytes, blobs_start: int, blobs: _Blobs) -> int:
    """Write everything and have it on the disk; the number of bytes."""
    at = 0
    with ThreadPoolExecutor(1) as hashing:  # beside the writing: both leave the interpreter free

        def put(data: bytes | memoryview) -> None:
            nonlocal at
            hashing.submit(digest.update, data)
            f.write(data)
            at += len(data)

        put(head)
        for array, place in zip(blobs.arrays, blobs.places, strict=True):
            put(bytes(blobs_start + place["offset"] - at))
            put(array.reshape(-1).view(np.uint8).data)
        put(bytes(max(0, blobs_start - at)))  # a model without constants still has its blobs_start inside the file
        f.flush()
        os.fsync(f.fileno())
    return at


def write_bytes(graph: Graph) -> bytes:
    """The file's bytes, without leaving a file."""
    with tempfile.TemporaryDirectory() as tmp:
        path = Path(tmp) / "model.ekm"
        write_model(graph, path)
        return path.read_bytes()


__all__ = ["WrittenModel", "write_bytes", "write_model"]
