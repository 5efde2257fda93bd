"""Names of dimensions come from any source: what is written is read back as the same dimensions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.format import read_model
from edgekit.ir import GraphBuilder
from edgekit.symbolic import Symbol, SymDim, parse_dim, plain_names
from edgekit.types import F32

NAMES = [("-1", "-1"), ("4", "n"), ("a+b", "a", "b"), ("seq len", "2*n"), ("pose/nms.count", "None"), ("(a", "a)"), ("a//2", "é")]


@pytest.mark.parametrize("names", NAMES)
def test_any_name_of_a_dimension_is_read_back(names: tuple[str, ...], tmp_path: Path) -> None:
    b = GraphBuilder("g")
    xs = [b.input(f"x{i}", F32, (2, SymDim.symbol(n, 1, 5))) for i, n in enumerate(names)]
    b.output(b.call("Concat", *xs, axis=1), "y")
    path = edgekit.convert(b.graph, tmp_path / "m.ekm").path
    graph = read_model(path)
    dims = [v.shape[1] for v in graph.inputs]
    assert all(isinstance(d, SymDim) and d.upper_bound() == 5 for d in dims)
    assert len({str(d) for d in dims}) == len(set(names))
    with edgekit.Session(path) as session:
        got = session.run({v.name: np.ones((2, 3), np.float32) for v in graph.inputs})["y"]
    assert got.shape == (2, 3 * len(names))


def test_plain_names_are_kept_and_others_differ() -> None:
    symbols = [Symbol(n) for n in ("batch", "x.1", "a b", "a_b", "a-b", "1", "*")]
    names = plain_names(symbols)
    assert set(names) == {"a b", "a-b", "1", "*"} and len(set(names.values()) | {"batch", "x.1", "a_b"}) == 7
    for s in symbols:
        dim = (SymDim.of(s) * 3 + 1) // 2
        assert isinstance(dim, SymDim)
        text = dim.text(names)
        assert str(parse_dim(text, {})) == text
