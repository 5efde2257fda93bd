"""Reads ``.ekm`` back as a graph. Constants are views of the mapped file."""

from __future__ import annotations

import json
import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.errors import FormatError, GraphError
from edgekit.format.attributes import decode_attrs
from edgekit.format.flat import Record, decode
from edgekit.format.writer import BLOB_ALIGNMENT, IDENTIFIER, SYMBOLS_KEY, VERSION
from edgekit.ir import Graph, Node, Value, verify
from edgekit.ops import get_op_by_id
from edgekit.symbolic import Room, Symbol, parse_dim
from edgekit.types import Array, Dim, DType, QuantParams, TensorType

#: nodes that any file may come to when subgraphs that stand in several places are copied, and times what it holds
FREE_NODES = 10_000
FACTOR = 16


def is_ekm(path: str | os.PathLike[str]) -> bool:
    """Whether a file carries the mark of the format."""
    try:
        if not Path(path).is_file():  # opening a pipe might never end
            return False
        with Path(path).open("rb") as f:
            return f.read(8)[4:8] == IDENTIFIER
    except (OSError, ValueError):  # no such name can exist
        return False


def read_model(source: str | os.PathLike[str] | bytes) -> Graph:
    """The graph in a ``.ekm`` file, or in its bytes.

    Raises:
        FormatError: the file cannot be read or is broken; says where.
    """
    where = "the model" if isinstance(source, bytes) else str(source)
    try:
        return _Loader(_map(source)).load()
    except FormatError as e:
        raise FormatError(f"{where}: {e}") from e
    except GraphError as e:
        raise FormatError(f"{where}: not a valid model: {e}") from e
    except RecursionError as e:
        raise FormatError(f"{where}: its subgraphs are nested too deeply") from e


def _map(source: str | os.PathLike[str] | bytes) -> memoryview:
    if isinstance(source, bytes):
        return memoryview(source)
    try:
        with Path(source).open("rb") as f:
            if os.fstat(f.fileno()).st_size == 0:
                raise FormatError("the file is empty")
            return memoryview(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as e:
        raise FormatError(f"cannot be read: {e.strerror or e}") from e


def _symbol(name: str, lower: int, upper: int | None, is_open: int = 0, *room: Any) -> Symbol:
    shared = None
    if room:
        room_name, count, elements = room
        shared = Room(str(room_name), int(count), int(elements))
    return Symbol(name, int(lower), None if upper is None else int(upper), shared, bool(is_open))


class _Loader:
    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.model: Record = decode("Model", data, IDENTIFIER)
        if self.model["version"] != VERSION:
            raise FormatError(f"format version {self.model['version']} is not known here; a newer EdgeKit wrote it")
        self.metadata = {m["key"]: m["value"] for m in self.model["metadata"]}
        self.done: dict[int, Graph] = {}
        self.sizes: dict[int, int] = {}
        self.made = 0
        self.open: set[int] = set()
        self.symbols: dict[str, Symbol] = {}
        if SYMBOLS_KEY in self.metadata:
            try:
                found = json.loads(self.metadata[SYMBOLS_KEY])
                self.symbols = {k: _symbol(k, *facts) for k, facts in found.items()}
            except (ValueError, TypeError, AttributeError) as e:
                raise FormatError(f"the ranges of symbolic dimensions are broken: {e}") from e

    def load(self) -> Graph:
        g = self.graph(0)
        g.metadata = {k: v for k, v in self.metadata.items() if k != SYMBOLS_KEY}
        verify(g)
        return g

    def graph(self, i: int) -> Graph:
        if not 0 <= i < len(self.model["graphs"]):
            raise FormatError(f"there is no graph {i}")
        if i in self.open:
            raise FormatError(f"graph {i} contains itself")
        if i in self.done:
            self.grow(self.sizes[i])
            return self.done[i].clone()
        self.open.add(i)
        before = self.made
        self.done[i] = self.build(self.model["graphs"][i])
        self.grow(len(self.done[i].nodes) + 1)
        self.sizes[i] = self.made - before
        self.open.discard(i)
        return self.done[i]

    def grow(self, nodes: int) -> None:
        """Count nodes: a few graphs, each of which stands twice in the next one, are more than there are atoms."""
        self.made += nodes
        if self.made > FREE_NODES + FACTOR * sum(len(g["nodes"]) + 1 for g in self.model["graphs"]):
            raise FormatError("its subgraphs unfold into more nodes than a file of its size stands for")

    def build(self, r: Record) -> Graph:
        g = Graph(r["name"])
        values = [self.value(g, t) for t in r["tensors"]]

        def pick(i: int) -> Value:
            if not 0 <= i < len(values):
                raise FormatError(f"graph {g.name!r} has no tensor {i}")
            return values[i]

        for n in r["nodes"]:
            d = get_op_by_id(n["op"])
            outs = [pick(i) for i in n["outputs"]]
            for v in outs:
                if v.producer is not None or v.is_constant:
                    raise FormatError(f"tensor {v.name!r} is written twice")
            attrs = decode_attrs(d, n["attrs"], self.graph)
            g.append(Node(d.name, [None if i == -1 else pick(i) for i in n["inputs"]], outs, attrs, n["name"], n["source"]))
        g.inputs = [pick(i) for i in r["inputs"]]
        g.outputs = [pick(i) for i in r["outputs"]]
        g.output_names = list(r["output_names"])
        self.states(g, r["states"])
        return g

    def states(self, g: Graph, records: list[Record]) -> None:
        """Turn the last inputs and outputs into states."""
        n = len(records)
        if n > len(g.inputs) or n > len(g.outputs):
            raise FormatError(f"graph {g.name!r} has {n} states, {len(g.inputs)} inputs and {len(g.outputs)} outputs")
        names = g.output_names[len(g.output_names) - n :]
        pairs = list(zip(g.inputs[len(g.inputs) - n :], g.outputs[len(g.outputs) - n :], strict=True))
        del g.outputs[len(g.outputs) - n :], g.output_names[len(g.output_names) - n :]
        for (entry, following), record in zip(pairs, records, strict=True):
            g.add_state(entry, following, self.initial(entry, record["initial"]))
        g.output_names[len(g.output_names) - n :] = names

    def initial(self, v: Value, blob: int) -> Array:
        if blob == -1:
            return np.zeros((), v.dtype.numpy)
        if 0 <= blob < len(self.model["blobs"]) and self.model["blobs"][blob]["length"] == v.dtype.itemsize:
            return self.constant(v.name, v.dtype, [], blob)
        return self.constant(v.name, v.dtype, list(v.shape), blob)

    def value(self, g: Graph, t: Record) -> Value:
        name = g.unique_name(t["name"])
        if name != t["name"]:
            raise FormatError(f"two tensors are called {t['name']!r}")
        try:
            dtype = DType(t["dtype"])
        except ValueError as e:
            raise FormatError(f"tensor {name!r} has the unknown element type {t['dtype']}") from e
        shape: list[Dim] = [int(d) for d in t["dims"]]
        if any(isinstance(d, int) and d < 0 for d in shape):
            raise FormatError(f"tensor {name!r} has a negative dimension")
        for k, text in enumerate(t["dim_symbols"][: len(shape)]):
            if text:
                shape[k] = parse_dim(text, self.symbols)
        q = t["quant"]
        quant = None if q is None else QuantParams(tuple(q["scale"]), tuple(q["zero_point"]), None if q["axis"] == -1 else q["axis"])
        const = self.constant(name, dtype, shape, t["blob"]) if t["blob"] != -1 else None
        return Value(name, TensorType(dtype, tuple(shape), quant), const)

    def constant(self, name: str, dtype: DType, shape: list[Dim], blob: int) -> Array:
        if not 0 <= blob < len(self.model["blobs"]):
            raise FormatError(f"constant {name!r} has no data")
        place = self.model["blobs"][blob]
        start = self.model["blobs_start"] + place["offset"]
        dims = [d for d in shape if isinstance(d, int)]
        count = 1
        for d in dims:
            count *= d
        if len(dims) != len(shape) or count * dtype.itemsize != place["length"] or start % BLOB_ALIGNMENT:
            raise FormatError(f"constant {name!r} does not fit its data of {place['length']} bytes at {start}")
        if start + place["length"] > len(self.data):
            end = start + place["length"]
            raise FormatError(f"constant {name!r} lies beyond the end of the file (byte {end} of {len(self.data)}); is it whole?")
        return np.frombuffer(self.data, dtype.numpy, count, start).reshape(dims) if count else np.zeros(dims, dtype.numpy)
