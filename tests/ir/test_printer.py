"""The text form and the hash."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from edgekit.ir import Graph, GraphBuilder
from edgekit.ir.hash import graph_hash
from edgekit.ir.printer import print_graph
from edgekit.symbolic import SymDim
from edgekit.types import BOOL, F32, I8, Array, QuantParams, TensorType
from tests.passes.strategies import graphs
from tests.passes.test_contract import RELAXED

EXPECTED = """\
// EdgeKit graph, text form 1
graph "tiny" {
  meta "source" = "by \\"hand\\""
  input %x: float32[N, 4]
  input %"odd name": float32[4]
  const %shape: int64[2] = [-1, 2]
  const %w: int8[2, 2] quant(axis=0, 2 scales in [0.25, 0.5], zero_point=0) = [[1, -2], [3, 4]]
  %sum: float32[N, 4] = Add(%x, %"odd name") {clamp_min=0.0}
  %all: float32[N, 4] = Mul(%sum, %x)  // second
  %flat: float32[2*N, 2] = Reshape(%all, %shape)
  %q: int8[2*N, 2] quant(scale=0.5, zero_point=3) = Quantize(%flat)
  %y: float32[2*N, 2] = FullyConnected(%flat, %w)
  output "y" = %y
  output "same" = %y
  output "q" = %q
}
"""


def tiny() -> Graph:
    b = GraphBuilder("tiny")
    b.graph.metadata["source"] = 'by "hand"'
    x = b.input("x", F32, (SymDim.symbol("N", 1, 8), 4))
    s = b.call("Add", x, b.input("odd name", F32, (4,)), name="sum", clamp_min=0.0)
    m = b.call("Mul", s, x, name="second")
    b.graph.rename(m, "all")
    flat = b.call("Reshape", m, b.constant(np.array([-1, 2]), "shape"), name="flat")
    q = b.call_multi("Quantize", flat, name="q", out_types=[TensorType(I8, flat.shape, QuantParams.per_tensor(0.5, 3))])[0]
    w = b.constant(np.array([[1, -2], [3, 4]], np.int8), "w", quant=QuantParams.per_channel([0.25, 0.5], 0))
    y = b.call("FullyConnected", flat, w, name="y")
    for v, name in ((y, "y"), (y, "same"), (q, "q")):
        b.output(v, name)
    return b.graph


def test_text_form() -> None:
    assert print_graph(tiny()) == EXPECTED


def test_large_constants_show_their_digest_and_subgraphs_are_indented() -> None:
    def branch(name: str) -> Graph:
        b = GraphBuilder(name)
        b.output(b.call("Mul", b.input("x", F32, (9,)), b.constant(np.arange(9, dtype=np.float32), "k"), name="m"), "y")
        return b.graph

    b = GraphBuilder("g")
    cond, x = b.input("c", BOOL, ()), b.input("x", F32, (9,))
    b.output(b.call_multi("If", cond, x, name="choice", then_graph=branch("yes"), else_graph=branch("no"))[0], "y")
    text = print_graph(b.graph)
    assert text.count("const %k: float32[9] = sha256:") == 2
    assert '    then_graph:\n      graph "yes" {\n        input %x: float32[9]\n' in text


@given(case=graphs())
@settings(RELAXED, max_examples=30)
def test_text_and_hash_follow_the_graph(case: tuple[Graph, dict[str, Array]]) -> None:
    g = case[0]
    twin = g.clone()
    assert print_graph(twin) == print_graph(g) and graph_hash(twin) == graph_hash(g)
    twin.rename(twin.inputs[0], "renamed")
    assert print_graph(twin) != print_graph(g) and graph_hash(twin) != graph_hash(g)


def test_the_hash_sees_one_bit_of_a_constant_and_of_an_attribute() -> None:
    def build(value: float, axis: int) -> str:
        b = GraphBuilder("g")
        x = b.call("Add", b.input("x", F32, (2, 2)), b.constant(np.array([[1, 2], [3, value]], np.float32)))
        b.output(b.call("Softmax", x, axis=axis), "y")
        return graph_hash(b.graph)

    assert len({build(4, 0), build(4, 1), build(np.nextafter(np.float32(4), np.float32(5)), 0)}) == 3
    assert build(4, 0) == build(4, 0)
