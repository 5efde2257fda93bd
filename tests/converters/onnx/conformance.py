"""Runs one case of ONNX's backend tests: import, numpy reference or C runtime, comparison with the stored outputs."""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edgekit
from edgekit import converters
from edgekit.errors import EdgekitError, UnsupportedOpError
from edgekit.reference import run_graph
from edgekit.types import Array

#: what ONNX's own backend test runner allows (onnx/backend/test/runner), with room for results near zero
RELATIVE, ABSOLUTE = 1e-3, 1e-5
HALF_RELATIVE, HALF_ABSOLUTE = 1e-2, 1e-3
SMALL = 64


MANIFEST = Path(__file__).with_name("manifest.txt")
ARCHIVE = "conformance_onnx_node_1.20.0.tgz"
CASES = Path("onnx-1.20.0/onnx/backend/test/data")
GROUPS = ("node", "simple", "pytorch-converted", "pytorch-operator")

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


#: runs a model on feeds: gives a function from feeds to outputs, by name
Runner = Callable[[Mapping[str, Array]], Mapping[str, Array]]
#: makes a runner and the types of its inputs from a model and the inputs to freeze
Engine = Callable[[Path, Mapping[str, Array]], tuple[Runner, Mapping[str, np.dtype[Any]]]]


def reference(model: Path, values: Mapping[str, Array]) -> tuple[Runner, Mapping[str, np.dtype[Any]]]:
    """The imported graph on the numpy reference."""
    graph = converters.load(model, values=values)
    return lambda feeds: run_graph(graph, feeds), {v.name: v.dtype.numpy for v in graph.inputs}


def runtime(model: Path, values: Mapping[str, Array]) -> tuple[Runner, Mapping[str, np.dtype[Any]]]:
    """The converted model on the C runtime."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "model.ekm"
        edgekit.convert(converters.load(model, values=values) if values else model, target)
        session = edgekit.Session(target.read_bytes())
    return session.run, {v.name: v.dtype.numpy for v in session.inputs}


def read_manifest() -> dict[str, Outcome]:
    """What is expected of every case: lines of name, status and reason, separated by tabs."""
    out = {}
    for line in MANIFEST.read_text().splitlines():
        if line and not line.startswith("#"):
            name, status, reason = [*line.split("\t"), ""][:3]
            out[name] = Outcome(status, reason)
    return out


def write_manifest(cases: Path) -> None:
    """Run every case on the C runtime and write down what became of it."""
    lines = ["# case, status on the C runtime, reason (tests/converters/onnx/conformance.py writes this file)"]
    for name in all_names(cases):
        o = run_case(cases / name, runtime)
        known = next((why for key, why in CORRECTED.items() if key in name), "") if o.status == "differs" else ""
        lines.append("\t".join([name, o.status, known or o.reason]).rstrip("\t"))
    MANIFEST.write_text("\n".join(lines) + "\n")


def all_names(cases: Path) -> list[str]:
    """The cases of the archive: ``node/test_abs`` and so on."""
    return sorted(str(p.parent.relative_to(cases)) for group in GROUPS for p in (cases / group).glob("*/model.onnx"))


def run_case(folder: Path, engine: Engine) -> Outcome:
    """One case on all its data sets: as it is, else with inputs that decide shapes frozen."""
    sets = sorted(p for p in folder.glob("test_data_set_*") if p.is_dir())
    try:
        return _run_sets(folder / "model.onnx", sets, engine, {})
    except UnsupportedOpError as e:
        dynamic = any(b.reason in ("dynamic-input", "dynamic-shape") for b in e.blockers)
        if dynamic and all(b.op != "graph input" for b in e.blockers):
            frozen = _frozen(folder / "model.onnx", sets, engine)
            if frozen is not None:
                return frozen
        b = e.blockers[0]
        return Outcome("unsupported", f"{b.op}: {b.reason}: {b.message}".replace("\n", " ")[:160])


def _frozen(model: Path, sets: Sequence[Path], engine: Engine) -> Outcome | None:
    """The case with small inputs frozen that can be lists of sizes, axes or counts; None where that does not help."""
    try:
        feeds, _ = read_data(model, sets[0])
    except ValueError:  # the data is no tensors
        return None
    later = list(feeds)[1:] or list(feeds)
    for choice in (
        [n for n in later if feeds[n].dtype.kind in "iub" and feeds[n].ndim <= 1 and feeds[n].size <= SMALL],
        [n for n in later if feeds[n].ndim <= 1 and feeds[n].size <= SMALL],
        [n for n in feeds if feeds[n].ndim <= 1 and feeds[n].size <= SMALL],
    ):
        if choice:
            try:
                done = _run_sets(model, sets[:1], engine, {n: feeds[n] for n in choice})
            except UnsupportedOpError:
                continue
            return Outcome("frozen", ", ".join(sorted(choice))) if done.status == "pass" else done
    return None


def _run_sets(model: Path, sets: Sequence[Path], engine: Engine, values: Mapping[str, Array]) -> Outcome:
    try:
        run, inputs = engine(model, values)
        for data in sets:
            feeds, want = read_data(model, data)
            got = run({n: feeds[n].astype(d) if feeds[n].dtype.name == "bfloat16" else feeds[n] for n, d in inputs.items()})
            for name, a, b in zip(got, got.values(), want, strict=True):
                if problem := compare(np.asarray(a), b):
                    return Outcome("differs", f"output {name}: {problem}")
    except UnsupportedOpError:
        raise
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
        return Outcome("differs", f"{type(e).__name__}: {e}".replace("\n", " ").replace(str(model), model.parent.name)[:200])
    return Outcome("pass")


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


def compare(got: Array, want: Array) -> str:
    """What differs, empty when nothing does."""
    if want.dtype.name == "bfloat16":  # which is computed and stored as float32
        want = want.astype(np.float32)
        return compare(got.astype(np.float16), want.astype(np.float16)) if got.dtype == np.float32 else f"element type {got.dtype}"
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
    """``python -m tests.converters.onnx.conformance UNPACKED_ARCHIVE``: rewrite the manifest."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the stored models use deprecated fields
        write_manifest(Path(sys.argv[1]) / CASES)


if __name__ == "__main__":
    main()
