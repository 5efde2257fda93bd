"""Runs the source model on its own runtime where that is installed, beside ours."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edgekit.errors import EdgekitError
from edgekit.report.compare import ErrorFigures, ErrorSums
from edgekit.runtime import Session
from edgekit.types import Array


class SourceRuntime(Protocol):
    """A source model loaded in its own runtime."""

    name: str

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by the source's own names."""


@dataclass(frozen=True)
class RuntimeComparison:
    """Our session against the source's own runtime.

    Attributes:
        runtime: name and version, e.g. ``"onnxruntime 1.20.0"``.
        outputs: errors of ours against theirs.
    """

    runtime: str
    outputs: tuple[ErrorFigures, ...]


class OnnxRuntime:
    """onnxruntime for ONNX files."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        self.name = f"onnxruntime {onnxruntime.__version__}"
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        names = [o.name for o in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, dict(feeds)), strict=True))


class TfliteInterpreter:
    """The TFLite interpreter: package ai-edge-litert, or its predecessor tflite-runtime."""

    def __init__(self, path: Path) -> None:
        module = "ai_edge_litert" if importlib.util.find_spec("ai_edge_litert") else "tflite_runtime"
        interpreter = importlib.import_module(f"{module}.interpreter").Interpreter
        self.name = module.replace("_", "-")
        self.interpreter = interpreter(model_path=str(path))
        self.interpreter.allocate_tensors()

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        for d in self.interpreter.get_input_details():
            self.interpreter.set_tensor(d["index"], feeds[d["name"]])
        self.interpreter.invoke()
        return {d["name"]: self.interpreter.get_tensor(d["index"]) for d in self.interpreter.get_output_details()}


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


_RUNTIMES: dict[str, tuple[tuple[str, ...], type[Any]]] = {
    ".onnx": (("onnxruntime",), OnnxRuntime),
    ".tflite": (("ai_edge_litert", "tflite_runtime"), TfliteInterpreter),
    ".pt2": (("torch",), TorchProgram),
}


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


def compare_with_source(source: str | Path, model: str | Path, samples: Iterable[Mapping[str, Array]]) -> RuntimeComparison | None:
    """Errors of an ``.ekm`` on the C runtime against the source on its own runtime; None where that is not installed."""
    theirs = open_source_runtime(source)
    if theirs is None:
        return None
    sums: dict[str, ErrorSums] = {}
    with Session(model) as ours:
        for feeds in samples:
            want, got = theirs.run(feeds), ours.run(dict(feeds))
            for spec in ours.outputs:
                a = got[spec.name]
                if spec.quant is not None and want[spec.name].dtype.kind == "f":
                    a = ((a.astype(np.float32) - spec.quant.zero_point[0]) * spec.quant.scale[0]).astype(np.float32)
                sums.setdefault(spec.name, ErrorSums()).add(want[spec.name], a)
    return RuntimeComparison(theirs.name, tuple(s.figures(n, "") for n, s in sums.items()))
