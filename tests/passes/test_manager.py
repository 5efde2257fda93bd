"""The machinery: errors that name pass and node, the verifier behind every pass, the log, subgraphs."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.errors import PassError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Any_, Match, Op
from edgekit.passes import Pass, PassManager, PassResult, all_passes, optimize
from edgekit.passes.base import Rule, rule_pass
from edgekit.reference import run_graph
from edgekit.types import BOOL, F32


def chain(*names: str) -> Graph:
    b = GraphBuilder("g")
    x = b.input("x", F32, (2,))
    for n in names:
        x = b.call(n, x)
    b.output(x, "y")
    return b.graph


def test_an_error_names_the_pass_and_the_node() -> None:
    def fail(m: Match, e: Editor) -> Value:
        return e.call("Concat", m["x"], m["x"], axis=7)

    broken = rule_pass("break-things", "", "broke", Rule(Op("Exp", [Any_("x")]), fail))
    with pytest.raises(PassError, match=r"pass 'break-things' failed at Exp 'exp_1'.*axis 7"):
        PassManager().run(chain("Neg", "Exp"), [broken])


def test_the_verifier_runs_behind_every_pass() -> None:
    def run(g: Graph) -> PassResult:
        g.nodes.reverse()
        return PassResult(True, 1)

    with pytest.raises(PassError, match=r"pass 'reverse' left a broken graph: .*before it is computed"):
        PassManager().run(chain("Neg", "Exp"), [Pass("reverse", "", run)])


def test_rules_that_never_end_are_stopped() -> None:
    endless = rule_pass("spin", "", "spun", Rule(Op("Neg", [Any_("x")]), lambda m, e: e.call("Neg", m["x"])))
    with pytest.raises(PassError, match=r"'spin'.*does not come to an end"):
        PassManager().run(chain("Neg"), [endless])


def test_types_are_kept() -> None:
    wrong = rule_pass("retype", "", "retyped", Rule(Op("Neg", [Any_("x")]), lambda m, e: e.call("IsNaN", m["x"])))
    with pytest.raises(PassError, match="cannot be replaced"):
        PassManager().run(chain("Neg"), [wrong])


def test_the_log_counts_and_names() -> None:
    b = GraphBuilder("g")
    x = b.input("x", F32, (2,))
    for i in range(6):
        x = b.call("Exp", b.call("Identity", x, name=f"id{i}"))
    b.output(x, "y")
    done, log = optimize(b.graph)
    assert log.changes("remove-identities") == 6
    assert "remove-identities: removed nodes that change nothing x6: 'id0', 'id1', 'id2', 'id3', and 2 more" in log.lines()
    assert len(done.nodes) == 6


def test_subgraphs_are_optimized_too() -> None:
    def branch(name: str, op: str) -> Graph:
        b = GraphBuilder(name)
        x = b.input("x", F32, (1, 2, 4, 4))
        w = b.constant(np.ones((2, 1, 1, 2), np.float32))
        y = b.call("Conv", b.call("Identity", x), w, strides=[1, 1], pads=[0] * 4, dilations=[1, 1], layout="NCHW")
        b.output(b.call("Relu", b.call(op, y)), "y")
        return b.graph

    b = GraphBuilder("g")
    x, cond = b.input("x", F32, (1, 2, 4, 4)), b.input("c", BOOL, ())
    b.output(b.call_multi("If", cond, x, then_graph=branch("yes", "Neg"), else_graph=branch("no", "Exp"))[0], "y")
    done, log = optimize(b.graph)
    for g in done.nodes[0].subgraphs():
        assert "Identity" not in [n.op for n in g.nodes]
        assert all(n.attrs.get("layout") != "NCHW" for n in g.nodes)
        assert [v.shape for v in (*g.inputs, *g.outputs)] == [(1, 2, 4, 4)] * 2
    assert any("[yes]" in line for line in log.lines())
    feeds = {"x": np.random.default_rng(0).standard_normal((1, 2, 4, 4), dtype=np.float32)}
    for c in (True, False):
        want, got = (run_graph(g, {**feeds, "c": np.array(c)}) for g in (b.graph, done))
        np.testing.assert_allclose(got["y"], want["y"], rtol=1e-6)


def test_passes_are_named_once_and_described() -> None:
    passes = all_passes()
    assert len({p.name for p in passes}) == len(passes) >= 15
    assert all(p.summary.endswith(".") and p.name == p.name.lower() for p in passes)


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(PassError, match="target_layout"):
        optimize(chain("Neg"), target_layout="NC4HW4")
