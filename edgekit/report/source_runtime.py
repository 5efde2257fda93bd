"""Runs the source model on its own runtime where that is installed, beside ours."""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edgekit.errors import EdgekitError
from edgekit.format import read_model
from edgekit.interface.record import noted_interfaces
from edgekit.ops.quant_math import dequantize
from edgekit.reference import SequenceStart
from edgekit.report.compare import ErrorSums
from edgekit.report.model import SourceRuntimeRecord
from edgekit.runtime import Session
from edgekit.types import Array

TIMED_RUNS = 20


class SourceRuntime(Protocol):
    """A source model loaded in its own runtime."""

    name: str

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by the source's own names."""

    def reset(self) -> None:
        """Begin anew, where the model keeps state."""


class OnnxRuntime:
    """onnxruntime for ONNX files."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.name = f"onnxruntime {onnxruntime.__version__}"
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        names = [o.name for o in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, dict(feeds)), strict=True))

    def reset(self) -> None:
        """ONNX models keep nothing from run to run."""


class TfliteInterpreter:
    """The TFLite interpreter: package ai-edge-litert, or its predecessor tflite-runtime."""

    def __init__(self, path: Path) -> None:
        module = "ai_edge_litert" if importlib.util.find_spec("ai_edge_litert") else "tflite_runtime"
        interpreter = importlib.import_module(f"{module}.interpreter").Interpreter
        self.name = module.replace("_", "-")
        self.interpreter = interpreter(model_path=str(path), num_threads=1)
        self.interpreter.allocate_tensors()

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        for d in self.interpreter.get_input_details():
            self.interpreter.set_tensor(d["index"], feeds[d["name"]])
        self.interpreter.invoke()
        return {d["name"]: self.interpreter.get_tensor(d["index"]) for d in self.interpreter.get_output_details()}

    def reset(self) -> None:
        self.interpreter.reset_all_variables()


class TorchProgram:
    """torch for .pt2 files."""

    def __init__(self, path: Path) -> None:
        import torch

        self.name = f"torch {torch.__version__}"
        self.program: Any = torch.export.load(str(path))
        self.module = self.program.module()

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        import torch

        with torch.no_grad():
            result = self.module(*(torch.from_numpy(np.asarray(a)) for a in feeds.values()))
        values = result if isinstance(result, tuple | list) else [result]
        names = [s.arg.name for s in self.program.graph_signature.output_specs]
        return {n: v.numpy() for n, v in zip(names, values, strict=True)}

    def reset(self) -> None:
        self.module = self.program.module()


_RUNTIMES: dict[str, tuple[tuple[str, ...], type[Any]]] = {
    ".onnx": (("onnxruntime",), OnnxRuntime),
    ".tflite": (("ai_edge_litert", "tflite_runtime"), TfliteInterpreter),
    ".pt2": (("torch",), TorchProgram),
}


def missing_runtime(path: str | Path) -> str:
    """How to get the runtime of a source format, in one sentence; "" where it is installed or the format has none."""
    modules, _ = _RUNTIMES.get(Path(path).suffix.lower(), ((), None))
    if not modules or any(importlib.util.find_spec(m) for m in modules):
        return ""
    package = modules[0].replace("_", "-")
    return f"{package} is not installed, so the source's own runtime is left out; pip install {package} puts it beside ours"


def open_source_runtime(path: str | Path) -> SourceRuntime | None:
    """The source's own runtime with the model loaded, or None where it is not installed or the format has none."""
    modules, factory = _RUNTIMES.get(Path(path).suffix.lower(), ((), None))
    if factory is None or not any(importlib.util.find_spec(m) for m in modules):
        return None
    try:
        made: SourceRuntime = factory(Path(path))
    except Exception as e:  # each runtime has its own exceptions, and what it refuses is worth telling, not a crash of ours
        raise EdgekitError(f"the source's own runtime cannot load {path}: {e}") from e
    return made


def compare_with_source(source: str | Path, model: str | Path, samples: Iterable[Mapping[str, Array]]) -> SourceRuntimeRecord | None:
    """An ``.ekm`` on the C runtime against the source on its own runtime; None where that is not installed.

    None too where the inputs or outputs of the model were changed: the same feeds do not fit both.

    Args:
        source: the source model.
        model: what became of it.
        samples: feeds by input name; gone through until each side has ``TIMED_RUNS`` timed inferences, at least once.
    """
    if noted_interfaces(read_model(model).metadata):
        return None
    theirs = open_source_runtime(source)
    if theirs is None:
        return None
    sums: dict[str, ErrorSums] = {}
    times: list[tuple[float, float]] = []
    with Session(model) as ours:
        first, before = True, -1
        while len(times) < TIMED_RUNS and len(times) > before:  # a generator of samples gives nothing the second time
            before = len(times)
            for feeds in samples:
                if ours.states and (isinstance(feeds, SequenceStart) or not first):
                    ours.reset()
                    theirs.reset()
                start = time.perf_counter()
                want = _named(theirs.run(feeds), ours)
                middle = time.perf_counter()
                got = ours.run(dict(feeds))
                times.append((middle - start, time.perf_counter() - middle))
                if first:
                    _add_errors(sums, ours, want, got)
                elif len(times) >= TIMED_RUNS:
                    break
            first = False
    if not times:
        return None
    median = np.median(np.asarray(times[1:] or times), axis=0)  # the first inference warms both up
    return SourceRuntimeRecord(
        theirs.name, tuple(s.figures(n, "") for n, s in sums.items()), float(median[0]), float(median[1]), max(1, len(times) - 1)
    )


def _named(outputs: dict[str, Array], ours: Session) -> dict[str, Array]:
    """Outputs by our names: the source's own, or its order where a runtime calls them otherwise."""
    names = [s.name for s in ours.outputs]
    if set(names) <= set(outputs) or len(names) != len(outputs):
        return outputs
    return dict(zip(names, outputs.values(), strict=True))


def _add_errors(sums: dict[str, ErrorSums], ours: Session, want: Mapping[str, Array], got: Mapping[str, Array]) -> None:
    for spec in ours.outputs:
        a = got[spec.name]
        if spec.quant is not None and want[spec.name].dtype.kind == "f":
            a = dequantize(a, spec.quant)
        sums.setdefault(spec.name, ErrorSums()).add(want[spec.name], a)
