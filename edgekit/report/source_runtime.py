"""The source formats' own runtimes, where they are installed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edgekit.errors import EdgekitError
from edgekit.types import Array


class RefusedError(EdgekitError):
    """The source's own runtime cannot load or run the model; its words are in the message."""


class SourceRuntime(Protocol):
    """A source model loaded in its own runtime."""

    name: str

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by the source's own names."""

    def reset(self) -> None:
        """Begin anew, where the model keeps state."""


_ONNX_TYPES = {
    f"tensor({name})": np.dtype(kind)
    for name, kind in (
        ("float", "float32"), ("double", "float64"), ("float16", "float16"), ("bool", "bool"),
        *((f"{u}int{bits}", f"{u}int{bits}") for u in ("", "u") for bits in (8, 16, 32, 64)),
    )
}  # fmt: skip


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
        # constants that an input was frozen to come as numbers of any type
        typed = {i.name: np.asarray(feeds[i.name], _ONNX_TYPES.get(i.type)) for i in self.session.get_inputs() if i.name in feeds}
        return dict(zip(names, self.session.run(names, typed), strict=True))

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
    """The source's own runtime with the model loaded, or None where it is not installed or the format has none.

    Raises:
        RefusedError: the runtime refuses the model.
    """
    modules, factory = _RUNTIMES.get(Path(path).suffix.lower(), ((), None))
    if factory is None or not any(importlib.util.find_spec(m) for m in modules):
        return None
    try:
        made: SourceRuntime = factory(Path(path))
    except Exception as e:  # each runtime has its own exceptions, and what it refuses is worth telling, not a crash of ours
        raise RefusedError(f"the source's own runtime cannot load {path}: {e}") from e
    return made
