"""Runs one case of ONNX's backend tests: import, numpy reference, comparison with the stored outputs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekit import converters
from edgekit.errors import ConversionError, EdgekitError, UnsupportedOpError
from edgekit.ir import Graph
from edgekit.reference import run_graph
from edgekit.types import Array

#: what ONNX's own backend test runner allows (onnx/backend/test/runner), with room for results near zero
RELATIVE, ABSOLUTE = 1e-3, 1e-5
HALF_RELATIVE, HALF_ABSOLUTE = 1e-2, 1e-3
SMALL = 64


MANIFEST = Path(__file__).with_name("manifest.txt")
ARCHIVE = "conformance_onnx_node_1.20.0.tgz"
CASES = Path("onnx-1.20.0/onnx/backend/test/data")

#: why the stored outputs of some cases are not what the importer aims at; onnx 1.23 and onnxruntime 1.31 do not give them either
CORRECTED = {
    "attention": "later releases of ONNX corrected the order of soft cap and mask, and what the modes of qk_matmul_output mean",
    "qlinearmatmul": "the stored output wraps around where the text says it saturates",
    "l2normalization": "the stored output divides 0 by 0 where later releases of ONNX give 0",
}


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        status: ``pass``; ``frozen`` (passes with some small inputs frozen to their data); ``unsupported``; ``differs``.
        reason: why it does not pass, in one line.
    """

    status: str
    reason: str = ""


def read_manifest() -> dict[str, Outcome]:
    """What is expected of every case: lines of name, status and reason, separated by tabs."""
    out = {}
    for line in MANIFEST.read_text().splitlines():
        if line and not line.startswith("#"):
            name, status, reason = [*line.split("\t"), ""][:3]
            out[name] = Outcome(status, reason)
    return out


def write_manifest(cases: Path, names: list[str]) -> None:
    """Run every case and write down what became of it."""
    lines = ["# case, status, reason (tests/converters/onnx/conformance.py writes this file)"]
    for name in names:
        o = run_case(cases / name)
        known = next((why for key, why in CORRECTED.items() if key in name), "") if o.status == "differs" else ""
        lines.append("\t".join([name, o.status, known or o.reason]).rstrip("\t"))
    MANIFEST.write_text("\n".join(lines) + "\n")


def run_case(folder: Path) -> Outcome:
    """One case on all its data sets."""
    sets = sorted(p for p in folder.glob("test_data_set_*") if p.is_dir())
    worst = Outcome("pass")
    for data in sets:
        outcome = _run_set(folder / "model.onnx", data)
        if outcome.status in ("unsupported", "differs"):
            return outcome
        if outcome.status == "frozen":
            worst = outcome
    return worst


def read_data(model: Path, data: Path) -> tuple[dict[str, Array], list[Array]]:
    """The inputs by name and the outputs of one data set."""
    import onnx

    proto = onnx.load(model)
    initialized = {t.name for t in proto.graph.initializer}
    names = [i.name for i in proto.graph.input]
    arrays = [_tensor(p) for p in _in_order(data, "input")]
    if len(arrays) < len(names):
        names = [n for n in names if n not in initialized]
    return dict(zip(names, arrays, strict=False)), [_tensor(p) for p in _in_order(data, "output")]


def _run_set(model: Path, data: Path) -> Outcome:
    feeds, want = read_data(model, data)
    values: dict[str, Array] = {}
    try:
        graph, values = _load(model, feeds)
        got = run_graph(graph, {v.name: feeds[v.name] for v in graph.inputs})
    except UnsupportedOpError as e:
        b = e.blockers[0]
        return Outcome("unsupported", f"{b.op}: {b.reason}: {b.message}".replace("\n", " ")[:160])
    except ConversionError as e:
        return Outcome("differs", f"{type(e).__name__}: {e}".replace("\n", " ")[-200:])
    except (
        EdgekitError,
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        AttributeError,
        ArithmeticError,
        NotImplementedError,
        RuntimeError,
    ) as e:
        return Outcome("differs", f"{type(e).__name__}: {e}".replace("\n", " ")[:200])
    for name, a, b in zip(got, got.values(), want, strict=True):
        problem = compare(a, b)
        if problem:
            return Outcome("differs", f"output {name}: {problem}")
    return Outcome("frozen", ", ".join(sorted(values))) if values else Outcome("pass")


def _load(model: Path, feeds: Mapping[str, Array]) -> tuple[Graph, dict[str, Array]]:
    """Import as it is; where inputs decide shapes, freeze those that can be lists of sizes, axes or counts."""
    try:
        return converters.load(model), {}
    except UnsupportedOpError as e:
        if not any(b.reason in ("dynamic-input", "dynamic-shape") for b in e.blockers):
            raise
        error = e
    later = list(feeds)[1:] or list(feeds)
    for choice in (
        [n for n in later if feeds[n].dtype.kind in "iub" and feeds[n].ndim <= 1 and feeds[n].size <= SMALL],
        [n for n in later if feeds[n].ndim <= 1 and feeds[n].size <= SMALL],
        [n for n in feeds if feeds[n].ndim <= 1 and feeds[n].size <= SMALL],
    ):
        if not choice:
            continue
        values = {n: feeds[n] for n in choice}
        try:
            return converters.load(model, values=values), values
        except UnsupportedOpError as e:
            error = e
    raise error


def compare(got: Array, want: Array) -> str:
    """What differs, empty when nothing does."""
    if got.dtype != want.dtype:
        return f"element type {got.dtype} instead of {want.dtype}"
    if got.shape != want.shape:
        return f"shape {list(got.shape)} instead of {list(want.shape)}"
    if got.dtype.kind != "f":
        wrong = int(np.count_nonzero(got != want))
        return f"{wrong} of {got.size} elements differ" if wrong else ""
    half = got.dtype == np.float16
    close = np.isclose(
        got.astype(np.float64),
        want.astype(np.float64),
        HALF_RELATIVE if half else RELATIVE,
        HALF_ABSOLUTE if half else ABSOLUTE,
        equal_nan=True,
    )
    if close.all():
        return ""
    apart = np.abs(got.astype(np.float64) - want.astype(np.float64))
    return f"{int((~close).sum())} of {got.size} elements differ, by up to {float(np.nanmax(apart)):.3g}"


def _in_order(data: Path, prefix: str) -> list[Path]:
    return sorted(data.glob(f"{prefix}_*.pb"), key=lambda p: int(p.stem.rsplit("_", 1)[1]))


def _tensor(path: Path) -> Array:
    import onnx
    from onnx import numpy_helper

    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return np.asarray(numpy_helper.to_array(tensor))


def main() -> None:
    """``python -m tests.converters.onnx.conformance UNPACKED_ARCHIVE CORE_TESTS``: rewrite the manifest."""
    cases, core = Path(sys.argv[1]) / CASES, Path(sys.argv[2])
    write_manifest(cases, core.read_text().split())


if __name__ == "__main__":
    main()
