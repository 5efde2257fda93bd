"""``python -m tests.golden.make_museum VERSION``: store one file of each kind as a release writes it, with inputs and outputs.

Run once a release. What is stored never changes afterwards: every later release must open it and give the same results.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgekit.format import write_model
from edgekit.format.generated.schema import STRUCTS, TABLES
from edgekit.ir import Graph, GraphBuilder
from edgekit.passes import optimize
from edgekit.quantize import quantize_graph
from edgekit.reference import run_graph
from edgekit.symbolic import SymDim
from edgekit.types import BOOL, F32, I64, Array

MUSEUM = Path(__file__).with_name("museum")
Exhibit = tuple[str, Graph, dict[str, Array]]


def _network() -> Graph:
    """A convolution, a depthwise one, a pool, a gate and a classifier."""
    r = np.random.default_rng(11)

    def w(*shape: int) -> Array:
        return (r.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    b = GraphBuilder("museum")
    window = {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1), "layout": "NCHW"}
    x = b.input("image", F32, (1, 3, 8, 8))
    h = b.call("Relu", b.call("Conv", x, b.constant(w(8, 3, 3, 3)), b.constant(w(8)), **window))
    h = b.call("Conv", h, b.constant(w(8, 3, 3, 1)), groups=8, **window)
    h = b.call("Mul", h, b.call("Sigmoid", h))
    h = b.call("MaxPool", h, kernel=(2, 2), strides=(2, 2), pads=(0, 0, 0, 0), dilations=(1, 1), layout="NCHW")
    h = b.call("Reshape", b.call("GlobalAveragePool", h, layout="NCHW"), b.constant(np.array([1, 8])))
    b.output(b.call("Softmax", b.call("FullyConnected", h, b.constant(w(4, 8)), b.constant(w(4))), axis=1), "probabilities")
    return optimize(b.graph)[0]


def _loop() -> Graph:
    """Adds a constant as often as an input says."""
    body = GraphBuilder("body")
    body.input("trip", I64, ())
    going = body.input("going", BOOL, ())
    total = body.input("total", F32, (3,))
    body.output(body.call("Identity", going), "go_on")
    body.output(body.call("Add", total, body.constant(np.array([1, 2, 3], np.float32))), "sum")
    b = GraphBuilder("loop")
    trips, start = b.input("trips", I64, ()), b.input("start", F32, (3,))
    b.output(b.call("While", trips, None, start, body=body.graph, carried=1), "total")
    return b.graph


def _symbolic() -> Graph:
    """A batch of one to four rows."""
    b = GraphBuilder("rows")
    x = b.input("x", F32, (SymDim.symbol("N", 1, 4), 3))
    b.output(b.call("Add", x, b.constant(np.arange(3, dtype=np.float32))), "y")
    return b.graph


def exhibits() -> Iterator[Exhibit]:
    """(name, graph, feeds) of every kind of file."""
    r = np.random.default_rng(5)
    image = r.standard_normal((1, 3, 8, 8)).astype(np.float32)
    network = _network()
    yield "float32", network, {"image": image}
    yield "float16_weights", quantize_graph(network, "float16"), {"image": image}
    yield "int8_weights", quantize_graph(network, "int8-weight-only"), {"image": image}
    samples = [r.standard_normal((1, 3, 8, 8)).astype(np.float32) for _ in range(8)]
    yield "int8", quantize_graph(network, "int8", samples), {"image": image}
    yield "control_flow", _loop(), {"trips": np.array(4), "start": np.zeros(3, np.float32)}
    yield "symbolic", _symbolic(), {"x": r.standard_normal((2, 3)).astype(np.float32)}


def main() -> None:
    folder = MUSEUM / sys.argv[1]
    if folder.exists():
        sys.exit(f"{folder} is there already; the museum never changes")
    folder.mkdir(parents=True)
    for name, graph, feeds in exhibits():
        write_model(graph, folder / f"{name}.ekm")
        stored = {f"in.{k}": v for k, v in feeds.items()} | {f"out.{k}": v for k, v in run_graph(graph, feeds).items()}
        np.savez_compressed(folder / f"{name}.npz", **stored)
    (folder / "schema.json").write_text(json.dumps({"tables": TABLES, "structs": STRUCTS}, indent=1, default=str) + "\n")


if __name__ == "__main__":
    main()
