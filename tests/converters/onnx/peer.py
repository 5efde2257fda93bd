"""Runs small models on ONNX Runtime and on EdgeKit, and compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import edgekit
from edgekit import converters
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.onnx.models import model, node
from tests.require import require_module

MS = "com.microsoft"


def microsoft_model(
    nodes: Sequence[Any], feeds: Mapping[str, Array], outputs: Sequence[str], constants: Mapping[str, Array] | None = None, opset: int = 17
) -> Any:
    """A model of nodes in ONNX's, ONNX-ML's and ONNX Runtime's own domains; ``feeds`` are examples of its inputs."""
    proto = model(nodes, {k: (a.dtype.type, list(a.shape)) for k, a in feeds.items()}, outputs, constants, opset=opset)
    for domain, version in ((MS, 1), ("ai.onnx.ml", 3)):
        entry = proto.opset_import.add()
        entry.domain, entry.version = domain, version
    for o in proto.graph.output:  # ONNX Runtime infers what is not said
        o.ClearField("type")
    return proto


def assert_as_onnxruntime(
    proto: Any, feeds: Mapping[str, Array], tmp_path: Path, tolerance: float = 1e-5, steps: int = 0, floats: bool = True
) -> list[Array]:
    """The same outputs from ONNX Runtime, the reference and the C runtime.

    Args:
        proto: the model.
        feeds: its inputs.
        tmp_path: a folder.
        tolerance: of float outputs, relative to their largest element.
        steps: of integer outputs.
        floats: False where a float output may differ anywhere (labels decided by ties).
    """
    require_module("onnxruntime", "onnxruntime", "pip install onnxruntime")
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    wants = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, dict(feeds))
    graph = converters.load(proto)
    reference = run_graph(graph, feeds)
    with edgekit.Session(edgekit.convert(proto, tmp_path / "m.ekm").path) as session:
        ran = session.run(feeds)
    names = [o.name for o in proto.graph.output]
    for name, want in zip(names, wants, strict=True):
        for what, got in (("reference", reference[name]), ("runtime", ran[name])):
            assert got.dtype == want.dtype and got.shape == want.shape, (
                f"{what} {name}: {got.dtype}{got.shape}, not {want.dtype}{want.shape}"
            )
            if want.dtype.kind == "f":
                apart = np.abs(got.astype(np.float64) - want.astype(np.float64)).max(initial=0)
                limit = tolerance * max(1.0, float(np.abs(want.astype(np.float64)).max(initial=0)))
                assert apart <= limit or not floats, f"{what} {name}: {apart:.3g} apart, {limit:.3g} allowed"
            else:
                apart = np.abs(got.astype(np.int64) - want.astype(np.int64)).max(initial=0)
                assert apart <= steps, f"{what} {name}: {apart} steps apart, {steps} allowed"
    return list(wants)


def check(
    tmp_path: Path,
    op: str,
    inputs: Sequence[str],
    feeds: Mapping[str, Array],
    constants: Mapping[str, Array] | None = None,
    outputs: Sequence[str] = ("y",),
    tolerance: float = 2e-5,
    domain: str = MS,
    **attrs: Any,
) -> None:
    """One operator against ONNX Runtime; ``feeds`` are inputs of the model, ``constants`` weights."""
    names = [o for o in outputs if o]
    proto = microsoft_model([node(op, inputs, list(outputs), domain=domain, **attrs)], feeds, names, constants)
    assert_as_onnxruntime(proto, feeds, tmp_path, tolerance)
