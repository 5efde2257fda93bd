"""What one ATen converter sees: arguments by their schema names, torch's type promotion, shapes with symbolic sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, DType
from edgekit_converters.importing.complex_values import Complex
from edgekit_converters.importing.composer import Composer
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.program import C10_TYPES, SourceNode, TorchType

if TYPE_CHECKING:
    from edgekit_converters.pytorch.importer import ProgramImporter

Number = int | float | bool
REAL_HINT = "Compute it from the real and the imaginary part, x.real and x.imag."

_ORDER = {BOOL: 0, U8: 1, I8: 2, U16: 3, I16: 4, U32: 5, I32: 6, U64: 7, I64: 8, F16: 9, F32: 10, F64: 11}
_SIGNED_ABOVE = {U8: I16, U16: I32, U32: I64, U64: I64}


class Sym:
    """A number of the program that is computed at run time: a size, or arithmetic on sizes.

    Attributes:
        value: int64, float32 or bool of rank 0.
    """

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value


def promote(a: DType, b: DType) -> DType:
    """The type that holds both (``torch.promote_types``)."""
    if a is b:
        return a
    low, high = sorted((a, b), key=_ORDER.__getitem__)
    if high.is_float or low is BOOL:
        return high
    if low.is_signed == high.is_signed:
        return max((a, b), key=lambda d: d.itemsize)
    unsigned, signed = (low, high) if high.is_signed else (high, low)
    return signed if signed.itemsize > unsigned.itemsize else _SIGNED_ABOVE[unsigned]


def _category(d: DType) -> int:
    return 2 if d.is_float else 0 if d is BOOL else 1


def number_type(n: Number) -> DType:
    """The type of a bare number among tensors."""
    return BOOL if isinstance(n, bool) else I64 if isinstance(n, int) else F32


def result_type(operands: Sequence[Value | Sym | Number]) -> DType:
    """What torch computes an expression in: tensors of rank 1 and more decide, then scalars' tensors, then numbers."""
    ranked: list[DType | None] = [None, None, None]
    for o in operands:
        if isinstance(o, Value):
            level, dtype = (0 if o.shape else 1), o.dtype
        else:
            level, dtype = 2, o.value.dtype if isinstance(o, Sym) else number_type(o)
        before = ranked[level]
        ranked[level] = dtype if before is None else promote(before, dtype)
    found: DType | None = None
    for dtype in (d for d in ranked if d is not None):
        found = dtype if found is None or _category(dtype) > _category(found) else found
    if found is None:
        raise MalformedModelError("an operator without operands")
    return found


class AtenContext(Composer):
    """One ATen node while it is imported.

    Attributes:
        node: the source node.
        args: its arguments with tensors as values, by schema name.
        importer: the graph under construction, for subgraphs.
    """

    def __init__(self, importer: ProgramImporter, node: SourceNode, target: str, args: dict[str, Any]) -> None:
        inputs = [v for v in args.values() if isinstance(v, Value)]
        super().__init__(importer.problems, importer.builder, target, node.name, inputs)
        self.importer = importer
        self.node = node
        self.args = args

    # -- arguments ------------------------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether an argument is given and not None."""
        return self.args.get(name) is not None

    def wants(self, k: int) -> bool:
        """Whether anything reads the k-th result."""
        name = self.node.outputs[k] if k < len(self.node.outputs) else None
        return name is not None and (self.importer.reads is None or name in self.importer.reads)

    def _arg(self, name: str, default: Any) -> Any:
        v = self.args.get(name)
        if v is None:
            v = default
        if v is None:
            raise MalformedModelError(f"the argument {name!r} is missing")
        return v

    def _real_only(self, name: str, v: Any) -> None:
        if isinstance(v, Complex | complex):
            raise Unsupported(f"a complex {name!r} is not supported.", REAL_HINT, "complex-number")

    def tensor(self, name: str) -> Value:
        """A tensor argument that must be there; a bare number becomes a tensor of rank 0."""
        v = self._arg(name, None)
        self._real_only(name, v)
        if isinstance(v, Sym):
            return v.value
        if isinstance(v, bool | int | float):
            return self.const(np.asarray(v, number_type(v).numpy))
        if not isinstance(v, Value):
            raise MalformedModelError(f"the argument {name!r} is no tensor")
        return v

    def optional_tensor(self, name: str) -> Value | None:
        """A tensor argument, or None."""
        return self.tensor(name) if self.has(name) else None

    def tensors(self, name: str) -> list[Value]:
        """A list of tensors."""
        v = self._arg(name, None)
        for t in v if isinstance(v, list) else []:
            self._real_only(name, t)
        if not isinstance(v, list) or not all(isinstance(t, Value) for t in v):
            raise MalformedModelError(f"the argument {name!r} is no list of tensors")
        return v

    def integer(self, name: str, default: int | None = None) -> int:
        """An integer known at conversion."""
        return self.known_integer(self._arg(name, default), name)

    def known_integer(self, v: Any, name: str) -> int:
        """An item of an argument as an integer known at conversion."""
        if isinstance(v, Sym):
            v = v.value
        if isinstance(v, Value):
            return int(self.constant_value(v, f"the argument {name!r}").reshape(-1)[0])
        if isinstance(v, float) and v.is_integer():
            return int(v)
        if not isinstance(v, int):
            raise MalformedModelError(f"the argument {name!r} is no integer")
        return int(v)

    def real(self, name: str, default: float | None = None) -> float:
        """A number known at conversion."""
        v = self._arg(name, default)
        if isinstance(v, Sym):
            v = v.value
        if isinstance(v, Value):
            return float(self.constant_value(v, f"the argument {name!r}").reshape(-1)[0])
        if not isinstance(v, int | float):
            raise MalformedModelError(f"the argument {name!r} is no number")
        return float(v)

    def flag(self, name: str, default: bool | None = None) -> bool:
        """A truth value known at conversion."""
        return bool(self.integer(name, None if default is None else int(default)))

    def string(self, name: str, default: str | None = None) -> str:
        """A string."""
        v = self._arg(name, default)
        if not isinstance(v, str):
            raise MalformedModelError(f"the argument {name!r} is no string")
        return v

    def integers(self, name: str, default: Sequence[int] | None = None, rank: int | None = None) -> list[int]:
        """A list of integers known at conversion; one number stands for all ``rank`` of them."""
        v = self.args.get(name)
        if v is None or (v == [] and default is not None):
            if default is None:
                raise MalformedModelError(f"the argument {name!r} is missing")
            v = list(default)
        items = list(v) if isinstance(v, list | tuple) else [v]
        out = [self.known_integer(i, name) for i in items]
        if rank is not None and len(out) == 1:
            out = out * rank
        if rank is not None and len(out) != rank:
            raise MalformedModelError(f"the argument {name!r} needs {rank} numbers, got {out}")
        return out

    def sizes(self, name: str) -> list[int | Sym]:
        """A shape: integers, and sizes computed at run time."""
        v = self._arg(name, None)
        items = v if isinstance(v, list | tuple) else [v]
        return [self.size(i, name) for i in items]

    def size(self, v: Any, name: str) -> int | Sym:
        """One size."""
        if isinstance(v, Value):
            v = self.sym(self.as_i64(self.scalar(v)))
        if isinstance(v, Sym):
            v = self.sym(v.value)
        if isinstance(v, bool) or not isinstance(v, int | Sym):
            raise MalformedModelError(f"the argument {name!r} holds no sizes")
        return v

    def sym(self, value: Value) -> Any:
        """A number computed at run time; a Python number where it is known after all."""
        k = self.numbers(value)
        return Sym(value) if k is None else k.reshape(-1)[0].item()

    def number(self, name: str, default: Number | None = None) -> Number | Sym | Value:
        """A number, or a tensor of one element that stands for one."""
        v = self._arg(name, default)
        self._real_only(name, v)
        if not isinstance(v, bool | int | float | Sym | Value):
            raise MalformedModelError(f"the argument {name!r} is no number")
        return v

    def dtype(self, name: str = "dtype", default: DType | None = None) -> DType | None:
        """An element type, None where it is not given."""
        v = self.args.get(name)
        if v is None:
            return default
        return self.type_of(v, name).dtype

    def type_of(self, v: Any, name: str) -> TorchType:
        """An element type as torch names it; TorchScript has bare codes."""
        if isinstance(v, int) and v in C10_TYPES:
            return TorchType(C10_TYPES[v])
        if not isinstance(v, TorchType):
            raise MalformedModelError(f"the argument {name!r} is no element type")
        return v

    def dim(self, name: str, rank: int, default: int | None = None) -> int:
        """An axis counted from the front."""
        return self.axis(self.integer(name, default), rank)

    def dims(self, name: str, rank: int) -> list[int]:
        """Axes counted from the front, sorted; all of them where none are given."""
        v = self.args.get(name)
        if v is None or v == []:
            return list(range(rank))
        return sorted({self.axis(a, rank) for a in self.integers(name)}) if rank else []

    # -- building -------------------------------------------------------------------------------------------------------

    def operand(self, v: Value | Sym | Number, dtype: DType) -> Value:
        """An operand in the type an expression is computed in."""
        if isinstance(v, Value):
            return self.cast(v, dtype)
        if isinstance(v, Sym):
            return self.cast(v.value, dtype)
        return self.const(np.asarray(_fitting(v, dtype), dtype.numpy))

    def promoted(self, *names: str) -> list[Value]:
        """Operands brought to the type torch computes them in."""
        return self.together([self.number(n) for n in names])

    def together(self, operands: Sequence[Value | Sym | Number], at_least: DType | None = None) -> list[Value]:
        """Operands in one type. ``at_least``: integers become this float type."""
        dtype = result_type(operands)
        if at_least is not None and not dtype.is_float:
            dtype = at_least
        return [self.operand(o, dtype) for o in operands]

    def floating(self, x: Value) -> Value:
        """``x`` as float: integers and booleans become float32."""
        return x if x.dtype.is_float else self.cast(x, F32)

    def shape_list(self, sizes: Sequence[int | Sym]) -> Value:
        """Sizes as an int64 list."""
        if all(isinstance(s, int) for s in sizes):
            return self.i64(*(s for s in sizes if isinstance(s, int)))
        parts = [self.i64(s) if isinstance(s, int) else self.reshape(self.as_i64(s.value), (1,)) for s in sizes]
        return parts[0] if len(parts) == 1 else self.call("Concat", *parts, axis=0)

    def sizes_of(self, x: Value) -> list[int | Sym]:
        """The shape of ``x``."""
        return [d if isinstance(d, int) else self.size_of(x, i) for i, d in enumerate(x.shape)]

    def size_of(self, x: Value, i: int) -> int | Sym:
        """One dimension of ``x``."""
        d = x.shape[i]
        if isinstance(d, int):
            return d
        return Sym(self.reshape(self.call("Shape", x, start=i, end=i + 1), ()))

    def view(self, x: Value, sizes: Sequence[int | Sym]) -> Value:
        """Another shape of the same elements; -1 takes what is left."""
        if all(isinstance(s, int) for s in sizes):
            return self.reshape(x, [s for s in sizes if isinstance(s, int)])
        open_sizes = [i for i, s in enumerate(sizes) if not isinstance(s, int)]
        if len(open_sizes) == 1 and not any(s in (-1, 0) for s in sizes if isinstance(s, int)):
            return self.reshape(x, [s if isinstance(s, int) else -1 for s in sizes])
        return self._add("Reshape", (x, self.shape_list(sizes)), {"allow_zero": True})[0]

    def expand(self, x: Value, sizes: Sequence[int | Sym]) -> Value:
        """Broadcast ``x`` to a shape."""
        if all(isinstance(s, int) for s in sizes) and tuple(sizes) == tuple(x.shape):
            return x
        return self.call("Expand", x, self.shape_list(sizes))

    def filled(self, sizes: Sequence[int | Sym], value: Value | Sym | Number, dtype: DType) -> Value:
        """A tensor of one number."""
        return self.call("Expand", self.operand(value, dtype), self.shape_list(sizes))

    def narrow(self, x: Value, axis: int, start: int | Sym, end: int | Sym, step: int = 1) -> Value:
        """A range of one dimension."""
        return self.call("Slice", x, self.shape_list([start]), self.shape_list([end]), self.i64(axis), self.i64(step))

    def pick(self, x: Value, axis: int, index: int | Sym) -> Value:
        """One position of a dimension, which goes away."""
        if isinstance(index, Sym):
            return self.call("Gather", x, self.as_i64(index.value), axis=axis)
        size = x.shape[axis]
        if isinstance(size, int) and not -size <= index < size:
            raise MalformedModelError(f"index {index} is outside a dimension of {size}")
        return self.call("Gather", x, self.const(np.asarray(index, np.int64)), axis=axis)

    def squeeze(self, x: Value, axes: Sequence[int]) -> Value:
        """Take out dimensions of 1."""
        return self.regroup(x, [[i] for i in range(len(x.shape)) if i not in axes])

    def inference_only(self, name: str, default: bool, what: str) -> None:
        """Refuse a node exported in training mode.

        Raises:
            Unsupported: the flag is set.
        """
        if self.flag(name, default):
            raise Unsupported(f"{what} in training mode is not supported.", "Call module.eval() before exporting.")


def _fitting(v: Number, dtype: DType) -> Number:
    """A bare number in an integer type wraps as torch's own conversion does."""
    if dtype.is_float or dtype is BOOL:
        return v
    n = int(v)
    bits = dtype.itemsize * 8
    n &= (1 << bits) - 1
    return n - (1 << bits) if dtype.is_signed and n >> (bits - 1) else n
