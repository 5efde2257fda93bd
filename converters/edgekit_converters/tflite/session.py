"""What all subgraphs of one import share: the model, options, notes, variables, and the list of blockers."""

from __future__ import annotations

import numpy as np

from edgekit.converters import LoadOptions
from edgekit.errors import MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit.types import Array, TensorType
from edgekit_converters.importing.growth import Growth
from edgekit_converters.importing.problems import Problems
from edgekit_converters.tflite.flat import Record
from edgekit_converters.tflite.schema import OPERATORS
from edgekit_converters.tflite.variables import Variable, read

CUSTOM = 32
MAX_SUBGRAPH_SCANS = 4096


class ImportSession(Problems):
    """State of one import.

    Attributes:
        model: the Model table.
        data: the whole file.
        options: what the caller settled.
        variables: resource variables and variable tensors, by key.
        main: the builder of the main graph, where variables come in and go out.
        initializing: inside a subgraph that CALL_ONCE runs.
        subgraphs_imported, subgraphs_scanned: how often a subgraph was imported or looked through, to bound the time.
        growth: how many operators those come to.
    """

    def __init__(self, model: Record, data: bytes, options: LoadOptions, main: GraphBuilder) -> None:
        super().__init__()
        self.model = model
        self.data = data
        self.options = options
        self.main = main
        self.variables: dict[str, Variable] = {}
        self.initializing = False
        self.subgraphs_imported = 0
        self.growth = Growth(sum(len(s.operators) for s in model.subgraphs), "its subgraphs")
        self.subgraphs_scanned = 0

    def op_name(self, index: int) -> str:
        """The operator of an opcode index: TensorFlow Lite's name, or ``CUSTOM:name``."""
        codes = self.model.operator_codes
        if not 0 <= index < len(codes):
            raise MalformedModelError(f"an operator has the code number {index}, the model lists {len(codes)}")
        code = codes[index]
        number = max(int(code.builtin_code), int(code.deprecated_builtin_code))
        if number == CUSTOM:
            return f"CUSTOM:{code.custom_code}"
        return OPERATORS.get(number, f"builtin operator {number}")

    def subgraph(self, index: int) -> Record:
        """A subgraph of the model."""
        if not 0 <= index < len(self.model.subgraphs):
            raise MalformedModelError(f"subgraph {index} is named, the model has {len(self.model.subgraphs)}")
        found: Record = self.model.subgraphs[index]
        return found

    def buffer(self, index: int) -> Array | None:
        """The bytes of a buffer, None where it is empty."""
        buffers = self.model.buffers
        if not 0 <= index < len(buffers):
            raise MalformedModelError(f"a tensor names buffer {index}, the model has {len(buffers)}")
        b = buffers[index]
        if b.offset > 1:
            if b.offset + b.size > len(self.data):
                raise MalformedModelError(f"buffer {index} lies at bytes {b.offset} to {b.offset + b.size}, outside the file")
            return np.frombuffer(self.data, np.uint8, int(b.size), int(b.offset))
        return np.asarray(b.data) if len(b.data) else None

    def variable(self, key: str, name: str) -> Variable:
        """The variable of a key, made where it is new."""
        return self.variables.setdefault(key, Variable(name))

    def read(self, v: Variable, type_: TensorType, depth: int) -> Value:
        """The present value of a variable, at a depth of control flow; its first reading makes it an input of the graph."""
        return read(self.main, v, type_, depth)

    def count_scan(self) -> None:
        """Bound the time that looking through nested bodies takes.

        Raises:
            MalformedModelError: too many.
        """
        self.subgraphs_scanned += 1
        if self.subgraphs_scanned > MAX_SUBGRAPH_SCANS:
            raise MalformedModelError(f"control flow runs subgraphs in more than {MAX_SUBGRAPH_SCANS} places")
