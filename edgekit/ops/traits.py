"""Quantization traits: how an operator behaves on int8, as data that ``quantize/`` reads. No list of operator names elsewhere."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class QuantTrait:
    """Base of the traits. Subclasses without fields are dataclasses as they stand: a decorator more costs a millisecond of each start."""


class FloatOnly(QuantTrait):
    """No integer form: the quantizer leaves the operator in float, between dequantize and quantize."""


class NotNumeric(QuantTrait):
    """Works on shapes, indices or booleans: quantization does not concern it."""


@dataclass(frozen=True)
class SameScale(QuantTrait):
    """Moves or selects elements; the outputs keep the quantization of the inputs, so integers pass through untouched.

    Attributes:
        inputs: positions of the inputs that must share the outputs' scale; None means every floating-point input.
    """

    inputs: tuple[int, ...] | None = None


class Elementwise(QuantTrait):
    """int8 in, int8 out, computed in float32 with every multiply and add rounded once (``docs/numerics.md``)."""


class LookupTable(QuantTrait):
    """A function of one element: on int8 the quantizer replaces it by ``Lookup`` with a 256-entry table made at conversion."""


@dataclass(frozen=True)
class Accumulate(QuantTrait):
    """Exact int32 sums of products, then one requantize.

    Attributes:
        weight: position of the weight input.
        bias: position of the int32 bias input, None if there is none.
        channel_axis: axis of the weight that carries one scale per output channel, None where weights are per-tensor only.
    """

    weight: int = 1
    bias: int | None = 2
    channel_axis: int | None = 0


class Reduction(QuantTrait):
    """Exact int32 sums of the input, then one requantize (average pooling, mean)."""


@dataclass(frozen=True)
class FixedOutput(QuantTrait):
    """An integer definition whose output quantization is fixed (softmax: scale 1/256, zero point -128).

    Attributes:
        scale: the output's scale.
        zero_point: the output's zero point.
    """

    scale: float
    zero_point: int
