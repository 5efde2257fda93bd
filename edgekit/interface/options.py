"""What may be asked about inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit.preprocessing import Preprocessing
from edgekit.types import DType

ALL = ""
"""Instead of a name: every input (or output) that looks like an image."""


@dataclass(frozen=True)
class Interface:
    """Changes to a model's inputs and outputs. Names are the source's own everywhere.

    Attributes:
        input_layouts: input -> ``"nhwc"``, or ``"nchw-nhwc"`` where the source's layout cannot be told; ``""`` stands for every input with
            four dimensions.
        output_layouts: the same of outputs.
        input_dtypes: input -> element type; values are converted as they are (real numbers to and from quantized ones).
        preprocessing: input -> what the model does to pictures itself; ``""`` stands for the only input.
        names: input or output -> new name.
    """

    input_layouts: Mapping[str, str] = field(default_factory=dict)
    output_layouts: Mapping[str, str] = field(default_factory=dict)
    input_dtypes: Mapping[str, DType] = field(default_factory=dict)
    preprocessing: Mapping[str, Preprocessing] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any((self.input_layouts, self.output_layouts, self.input_dtypes, self.preprocessing, self.names))
