"""Composes EdgeKit's operators inside one source operator: constants, casts, reshapes, with element types widened where needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.arrays import permuted
from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.ops import OpDef, Port, TypeVariable, get_op
from edgekit.types import BOOL, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Dim, DType, QuantParams, TensorType
from edgekit_converters.importing.node import MAX_COMPUTED_ELEMENTS, SourceNode

#: for an element type an operator does not take: types that hold all its values, best first (float64 computes in float32, with a note)
WIDER = {
    F64: (F32,),
    F16: (F32,),
    BOOL: (U8, I8, I32, F32),
    I8: (I16, I32, F32),
    U8: (I16, I32, F32),
    I16: (I32, F32),
    U16: (I32, F32),
    I32: (I64, F64),
    U32: (I64, F64),
    I64: (),
    U64: (I64,),
}


def is_weight(value: Value) -> bool:
    """True for a constant, and for what only dequantizes and casts one."""
    while value.producer is not None and value.producer.op in ("Dequantize", "Cast"):
        value = value.producer.input(0)
    return value.const is not None


class Composer(SourceNode):
    """A source operator whose nodes take its element types: those that an operator of EdgeKit does not take are widened around it."""

    def call_multi(self, op: str, *inputs: Value | None, **attrs: Any) -> tuple[Value, ...]:
        """Add a node; element types it does not take are widened with casts around it."""
        definition = get_op(op)
        wide, back = self._widened(definition, inputs, attrs)
        outs = self._add(op, wide, attrs)
        if back is not None:
            ports = [definition.outputs[min(k, len(definition.outputs) - 1)] for k in range(len(outs))]
            outs = tuple(self.cast(o, back[1]) if p.type == back[0] else o for o, p in zip(outs, ports, strict=True))
        return outs

    def add(self, op: str, *inputs: Value | None, out_type: TensorType, **attrs: Any) -> Value:
        """Add a node of one output with a type that inference cannot know (quantization)."""
        return self._add(op, inputs, attrs, [out_type])[0]

    def _widened(
        self, definition: OpDef, inputs: Sequence[Value | None], attrs: Mapping[str, Any]
    ) -> tuple[Sequence[Value | None], tuple[TypeVariable, DType] | None]:
        """The inputs in types the operator takes, and which outputs to cast back to what."""
        ports: list[Port] = [definition.inputs[min(i, len(definition.inputs) - 1)] for i in range(len(inputs))]
        out = list(inputs)
        back: tuple[TypeVariable, DType] | None = None
        for variable in {p.type for p in ports if isinstance(p.type, TypeVariable)}:
            members = {i: v for i, (p, v) in enumerate(zip(ports, inputs, strict=True)) if p.type == variable and v is not None}
            kinds = {v.dtype for v in members.values()}
            if len(kinds) != 1:
                continue
            (dtype,) = kinds
            allowed = definition.types[variable]
            if definition.name == "Resize" and variable == definition.inputs[0].type and attrs.get("mode", "nearest") != "nearest":
                allowed = tuple(t for t in allowed if t is not F64)
            if dtype in allowed or any(v.quant is not None for v in members.values()):
                continue
            target = next((w for w in WIDER.get(dtype, ()) if w in allowed), None)
            if target is None:
                continue
            if dtype is F64:
                self.problems.note(f"{self.op} {self.name!r}: float64 is computed in float32")
            for i, value in members.items():
                out[i] = self.cast(value, target)
            if any(p.type == variable for p in definition.outputs):
                back = (variable, dtype)
        return out, back

    def cast(self, value: Value, to: DType) -> Value:
        """``value`` in another element type."""
        if value.dtype is to:
            return value
        if value.const is not None and value.quant is None and value.const.size <= MAX_COMPUTED_ELEMENTS:
            with np.errstate(all="ignore"):
                return self.const(get_op("Cast").reference(value.const, to=to), name=f"{value.name}/{to.label}")
        return self._add("Cast", (value,), {"to": to})[0]

    def as_i64(self, value: Value) -> Value:
        """A shape-like value in int64."""
        return self.cast(value, I64)

    def scalar(self, value: Value) -> Value:
        """A value of one element, as rank 0."""
        return value if not value.shape else self.reshape(value, ())

    def regroup(self, x: Value, groups: Sequence[int | Sequence[int]]) -> Value:
        """Reshape where each new dimension is a number, or the product of some dimensions of ``x`` (a list of axes).

        Symbolic dimensions become -1 where only one is left open, else the shape is computed at run time.
        """
        dims: list[Dim] = []
        for g in groups:
            d: Dim = g if isinstance(g, int) else 1
            if not isinstance(g, int):
                for a in g:
                    d = d * x.shape[a]
            dims.append(d)
        if tuple(dims) == tuple(x.shape):
            return x
        open_dims = [i for i, d in enumerate(dims) if not isinstance(d, int)]
        if len(open_dims) <= 1 and not (open_dims and 0 in dims):
            return self._add("Reshape", (x, self.i64(*(d if isinstance(d, int) else -1 for d in dims))), {"allow_zero": True})[0]
        parts = []
        for g, d in zip(groups, dims, strict=True):
            if isinstance(d, int):
                parts.append(self.i64(d))
                continue
            assert not isinstance(g, int)
            parts.append(self.product_of_dims(x, g))
        return self._add("Reshape", (x, self.call("Concat", *parts, axis=0)), {"allow_zero": True})[0]

    def product_of_dims(self, x: Value, axes: Sequence[int]) -> Value:
        """The product of some dimensions as a list of one, computed at run time where they are symbolic."""
        product = None
        for a in axes:
            d = self.call("Shape", x, start=a, end=a + 1)
            product = d if product is None else self.call("Mul", product, d)
        return self.i64(1) if product is None else product

    def shape_of(self, x: Value) -> Value:
        """The shape of ``x`` as an int64 list."""
        return self.call("Shape", x)

    def unsqueeze(self, x: Value, axes: Sequence[int]) -> Value:
        """Insert dimensions of 1 at positions of the result."""
        rank = len(x.shape) + len(axes)
        at = {self.axis(a, rank) for a in axes}
        if len(at) != len(axes):
            raise MalformedModelError(f"axes {list(axes)} name a dimension twice")
        rest = iter(range(len(x.shape)))
        return self.regroup(x, [1 if i in at else [next(rest)] for i in range(rank)])

    def transpose(self, x: Value, perm: Sequence[int]) -> Value:
        """Permute dimensions; constants are permuted right away."""
        if list(perm) == list(range(len(perm))):
            return x
        if x.const is not None and x.quant is None:
            return self.const(permuted(x.const, perm), name=x.name)
        return self._add("Transpose", (x,), {"perm": tuple(perm)})[0]

    def transpose_weights(self, w: Value, perm: Sequence[int]) -> Value:
        """Permute weights: right in the constant where they are one, in front of what dequantizes or casts it, too."""
        if w.const is not None:
            quant = w.quant
            if quant is not None and quant.axis is not None:
                quant = QuantParams(quant.scale, quant.zero_point, list(perm).index(quant.axis))
            return self.builder.constant(permuted(w.const, perm), w.name, quant=quant)
        p = w.producer
        if p is not None and is_weight(w):
            return self.call(p.op, self.transpose_weights(p.input(0), perm), **p.attrs)
        return self.transpose(w, perm)
