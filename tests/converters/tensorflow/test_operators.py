"""Every case: the importer's graph gives numpy's values; so does TensorFlow, where it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.tensorflow.cases import SINGLE, Case
from tests.converters.tensorflow.models import load
from tests.converters.tensorflow.network_cases import NETWORKS, NOT_IN_TENSORFLOW
from tests.require import require_module

CASES = [*SINGLE, *NETWORKS]


def check(case: Case, got: list[Array]) -> None:
    want = case.expected
    assert len(got) >= len(want)
    for a, b in zip(got, want, strict=False):
        assert a.shape == b.shape
        spread = float(np.abs(b.astype(np.float64)).max(initial=0)) or 1.0
        np.testing.assert_allclose(a.astype(np.float64), b.astype(np.float64), rtol=0, atol=case.tolerance * spread)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_the_importer_gives_the_values(case: Case, tmp_path: Path) -> None:
    graph = load(case.graph(), tmp_path)
    assert [v.name for v in graph.inputs] == list(case.feeds)
    found = run_graph(graph, case.feeds)
    check(case, [found[n] for n in graph.output_names])


@pytest.mark.parametrize("case", [c for c in CASES if c.id not in NOT_IN_TENSORFLOW], ids=lambda c: c.id)
def test_tensorflow_gives_the_same_values(case: Case) -> None:
    check(case, in_tensorflow(case))


def in_tensorflow(case: Case) -> list[Array]:
    """The outputs of the case's node in TensorFlow."""
    require_module("tensorflow", "tensorflow", "pip install tensorflow-cpu")
    import tensorflow as tf  # type: ignore[import-not-found]

    proto: Any = tf.compat.v1.GraphDef.FromString(case.graph().SerializeToString())
    with tf.Graph().as_default():
        tf.import_graph_def(proto, name="")
        with tf.compat.v1.Session() as session:
            op = session.graph.get_operation_by_name("out")
            found: list[Array] = session.run(list(op.outputs)[: len(case.expected)], {f"{k}:0": v for k, v in case.feeds.items()})
            return found
