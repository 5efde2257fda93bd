"""What one operator converter sees: options, inputs, the outputs' declared types, and the builder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.ops import get_op
from edgekit.ops.quant_math import dequantize
from edgekit.ops.quantization import lookup_table
from edgekit.types import F32, I8, I32, I64, Dim, DType, QuantParams
from edgekit_converters.importing.node import SourceNode
from edgekit_converters.importing.problems import Poisoned, Unsupported
from edgekit_converters.tflite.flat import Record
from edgekit_converters.tflite.session import ImportSession
from edgekit_converters.tflite.tensors import COMPLEX64, TensorInfo

if TYPE_CHECKING:
    from edgekit_converters.tflite.importer import SubgraphImporter

INF = float("inf")
#: clamps of ActivationFunctionType: NONE, RELU, RELU_N1_TO_1, RELU6
CLAMPS = {0: (-INF, INF), 1: (0.0, INF), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
TANH = 4


class NodeContext(SourceNode):
    """One source operator while it is imported; its name is that of its first output.

    Attributes:
        options: its option table (all fields at their defaults where the file has none).
        outputs: the declared outputs.
        custom: the options of a custom operator, as bytes.
        intermediates: tensors that only say how the operator computes within, None for those without.
        importer: the subgraph under construction.
    """

    def __init__(
        self, importer: SubgraphImporter, op: str, name: str, options: Record, inputs: Sequence[Value | None], outputs: Sequence[TensorInfo]
    ) -> None:
        super().__init__(importer.session, importer.builder, op, name, inputs)
        self.importer = importer
        self.options = options
        self.outputs = list(outputs)
        self.input_infos: list[TensorInfo | None] = []
        self.custom = b""
        self.intermediates: list[TensorInfo | None] = []
        self.input_indices: list[int] = []
        self.output_indices: list[int] = []

    @property
    def session(self) -> ImportSession:
        return self.importer.session

    # -- inputs and outputs ---------------------------------------------------------------------------------------------

    def info(self, i: int) -> TensorInfo:
        """What the file says of the i-th input."""
        found = self.input_infos[i] if i < len(self.input_infos) else None
        if found is None:
            raise MalformedModelError(f"input {i} is missing")
        return found

    @property
    def out(self) -> TensorInfo:
        """The first declared output."""
        if not self.outputs:
            raise MalformedModelError("the operator has no output")
        return self.outputs[0]

    def real(self, i: int) -> Value:
        """The i-th input in float32 where it is quantized."""
        return self.as_real(self.input(i))

    def clamp(self) -> dict[str, float]:
        """The fused activation as clamp attributes.

        Raises:
            Unsupported: it is no clamp.
        """
        code = int(self.options.activation)
        if code not in CLAMPS:
            return {}
        low, high = CLAMPS[code]
        return {"clamp_min": low, "clamp_max": high}

    def activate(self, y: Value, done: bool = True) -> Value:
        """Apply the fused activation: all of it, or (``done``) what ``clamp`` could not express."""
        code = int(self.options.activation)
        if code in CLAMPS:
            if done or code == 0:
                return y
            if code == 1:
                return self.unary("Relu", y)
            low, high = CLAMPS[code]
            return self.unary("Clip", y, min=low, max=high)
        if code == TANH:
            return self.unary("Tanh", y)
        raise Unsupported(f"the fused activation number {code} is not supported.")

    # -- building -------------------------------------------------------------------------------------------------------

    def integer(self, op: str, *inputs: Value | None, quant: QuantParams | None, **attrs: Any) -> Value:
        """Add a node whose output has quantization parameters that inference does not know."""
        folding, self.builder.fold = self.builder.fold, False
        try:
            y = self.call(op, *inputs, **attrs)
        finally:
            self.builder.fold = folding
        y.type = y.type.with_dtype(y.dtype, quant)
        return y

    def as_real(self, x: Value) -> Value:
        """A quantized value in float32; anything else as it is."""
        if x.quant is None:
            return x
        if x.const is not None:
            return self.const(dequantize(x.const, x.quant), name=f"{x.name}/real")
        made = self.importer.reals.get(id(x))
        if made is None:
            (made,) = self.builder.call_multi("Dequantize", x, name=f"{x.name}/real")
            self.importer.reals[id(x)] = made
        return made

    def complex_input(self, i: int) -> Value:
        """A complex input: its real and imaginary parts along a last dimension of two."""
        at = self.input_indices[i] if i < len(self.input_indices) else -1
        if self.importer.is_poisoned(at):
            raise Poisoned
        if at not in self.importer.complexes:
            raise MalformedModelError(f"input {i} is no complex number that the model computes")
        return self.importer.complexes[at]

    def complex_or_none(self) -> Value | None:
        """The first input where it is complex; None where it is real."""
        at = self.input_indices[0]
        return self.complex_input(0) if at >= 0 and self.importer.tensor(at).type == COMPLEX64 else None

    def give_complex(self, z: Value) -> Sequence[Value]:
        """Make a complex value the only output."""
        self.importer.complexes[self.output_indices[0]] = z
        return ()

    def centred(self, x: Value) -> Value:
        """A quantized value in float32, in units of its scale: integers."""
        assert x.quant is not None
        made = self.importer.integers.get(id(x))
        if made is None:
            (wide,) = self.builder.call_multi("Cast", x, name=f"{x.name}/integers", to=F32)
            zero = self.const(np.float32(x.quant.zero_point[0]))
            (made,) = self.builder.call_multi("Sub", wide, zero, name=f"{x.name}/centred")
            self.importer.integers[id(x)] = made
        return made

    def quantized(self, x: Value, dtype: DType, quant: QuantParams) -> Value:
        """A value in integers of the given parameters."""
        if x.quant is None:
            return self.integer("Quantize", x, quant=quant, dtype=dtype)
        if x.dtype is dtype and x.quant == quant:
            return x
        return self.integer("Requantize", x, quant=quant, dtype=dtype)

    def settle(self, y: Value, want: TensorInfo) -> Value:
        """A result in the element type and quantization the model declares."""
        if want.quant is not None:
            if y.quant is None and y.dtype is not F32:
                if y.dtype is want.dtype:  # plain integers that the file gives a scale: READ_VARIABLE and the like
                    return y
                y = self.cast(y, F32)
            return self.quantized(y, want.dtype, want.quant)
        if y.quant is not None:
            y = self.as_real(y)
        if want.source_quant is not None and want.dtype is I32 and y.dtype is F32:
            scale = self.const(np.float32(want.source_quant.scale[0]))
            y = self.cast(self.call("Round", self.call("Div", y, scale)), I32)
            zero = want.source_quant.zero_point[0]
            return y if zero == 0 else self.call("Add", y, self.const(np.int32(zero)))
        return self.cast(y, want.dtype)

    def cast(self, x: Value, to: DType) -> Value:
        """``x`` in another element type; weights right away, whatever their size: what reads them may need constants."""
        if x.dtype is to:
            return x
        if x.const is not None and x.quant is None:
            with np.errstate(all="ignore"):
                return self.const(get_op("Cast").reference(x.const, to=to), name=f"{x.name}/{to.label}")
        return self.call("Cast", x, to=to)

    def unary(self, op: str, x: Value, quant: QuantParams | None = None, **attrs: Any) -> Value:
        """A function of one element; a table where input and output are int8."""
        q = quant or self.out.quant
        if x.quant is not None and x.dtype is I8 and x.quant.is_per_tensor and q is not None and self.out.dtype is I8:
            table = lookup_table(op, attrs, x.quant, q, I8)
            return self.integer("Lookup", x, self.const(table, name=f"{self.name}/table"), quant=q)
        return self.call(op, self.as_real(x), **attrs)

    def table(self, x: Value, real: Any) -> Value:
        """A function of one element given in numpy, as a table of the int8 output."""
        from edgekit.ops.quant_math import quantize

        assert x.quant is not None and self.out.quant is not None
        codes = dequantize(np.arange(-128, 128).astype(np.int8), x.quant)
        with np.errstate(all="ignore"):
            entries = quantize(np.asarray(real(codes.astype(np.float64)), np.float32), self.out.quant, I8)
        return self.integer("Lookup", x, self.const(entries, name=f"{self.name}/table"), quant=self.out.quant)

    def same_scale(self, *values: Value) -> bool:
        """Whether every value is int8 per tensor, and so is the declared output."""
        return self.out.quant is not None and self.out.dtype is I8 and all(is_int8(v) for v in values)

    def regroup(self, x: Value, dims: Sequence[Dim]) -> Value:
        """Reshape to dimensions taken from ``x``, at most one of them symbolic."""
        if tuple(dims) == tuple(x.shape):
            return x
        numbers = [d if isinstance(d, int) else -1 for d in dims]
        if numbers.count(-1) > 1:
            raise Unsupported("more than one dimension is open.", "Give the model fixed input shapes.", "dynamic-shape")
        return self.call("Reshape", x, self.i64(*numbers), allow_zero=True)

    def unsqueeze(self, x: Value, axis: int) -> Value:
        """Insert a dimension of 1."""
        dims = list(x.shape)
        dims.insert(axis, 1)
        return self.regroup(x, dims)

    def i64_input(self, i: int) -> Value:
        """A shape-like input in int64."""
        return self.cast(self.input(i), I64)


def is_int8(v: Value) -> bool:
    """Whether a value is int8 with one scale."""
    return v.dtype is I8 and v.quant is not None and v.quant.is_per_tensor
