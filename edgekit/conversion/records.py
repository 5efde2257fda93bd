"""What a conversion is asked for, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit.converters import ShapeSpec
from edgekit.interface import Interface
from edgekit.ir import Graph
from edgekit.passes import PassLog
from edgekit.preprocessing import Preprocessing
from edgekit.report.compare import ErrorFigures

Shapes = Mapping[str, ShapeSpec]
#: called with (stage, items done, items in all or None)
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class ConvertOptions:
    """The rarer options of a conversion.

    Attributes:
        check: run seeded inputs through the graph before and after the passes and record the error.
        images: how image files in the calibration folder become inputs; recorded in the file.
        calibration_limit: use at most that many samples.
        labels: class names to store in the model, one an output class.
        freeze: inputs to turn into constants, by name: numbers or arrays.
        signature: which of the source's named entry points to convert (TensorFlow Lite, SavedModel); None takes the usual one.
        outputs: tensors that become the outputs instead of the model's own, by the source's names; what they do not need is left out.
        inputs: tensors that become the inputs instead of the model's own; what is before them is left out.
        progress: told how far long work has come.
        capacity: elements that a tensor gets room for where nothing known limits its size (a Range whose limits are computed); None:
            65,536. A run that needs more fails and says so. A Graph or ``.ekm`` file keeps the capacity it was built with.
        interface: changes to inputs and outputs: layouts, element types, names, preprocessing put into the model.
        example_inputs, dynamic_shapes: for a ``torch.nn.Module`` or TorchScript; see :func:`edgekit.load`.
    """

    check: bool = True
    images: Preprocessing | None = None
    calibration_limit: int | None = None
    labels: tuple[str, ...] = ()
    freeze: Mapping[str, Any] = field(default_factory=dict)
    signature: str | None = None
    outputs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    progress: Progress | None = None
    capacity: int | None = None
    interface: Interface | None = None
    example_inputs: Any = None
    dynamic_shapes: Any = None


@dataclass(frozen=True)
class Conversion:
    """What a conversion made.

    Attributes:
        path: the ``.ekm`` file.
        nbytes: its size; source_nbytes that of the source file or folder.
        arena_bytes: activation memory: what ``Session.peak_memory_bytes`` will say.
        sha256: of the file.
        graph: what was written.
        log: what each pass did.
        errors: per output, optimized float graph against the imported one on seeded inputs; empty if not checked.
        quantization_errors: per output, quantized against float on calibration samples; empty without quantization.
        notes: decisions the user should know of.
    """

    path: Path
    nbytes: int
    source_nbytes: int
    arena_bytes: int
    sha256: str
    graph: Graph
    log: PassLog
    errors: tuple[ErrorFigures, ...] = ()
    quantization_errors: tuple[ErrorFigures, ...] = ()
    notes: tuple[str, ...] = field(default=())
