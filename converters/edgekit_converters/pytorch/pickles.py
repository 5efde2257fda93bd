"""Reads the pickles inside of torch archives without unpickling: nothing is imported, nothing is called.

The opcodes are parsed by ``pickletools`` and run on a stack of plain data. Only tensors, storages, parameters, numbers, strings, lists,
tuples and dictionaries come out; any other class becomes an inert :class:`Instance`. The format of torch archives: torch/serialization.py.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.pytorch.program import TorchType

MAX_OPCODES = 20_000_000
MAX_REPEATED = 1 << 24
MARK = object()

STORAGES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16", "BFloat16Storage": "bfloat16", "LongStorage": "int64",
    "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool",
    "UntypedStorage": "uint8", "ComplexFloatStorage": "complex64", "ComplexDoubleStorage": "complex128",
}  # fmt: skip
COMPLEX_TYPES: dict[str, np.dtype[Any]] = {"complex64": np.dtype(np.complex64), "complex128": np.dtype(np.complex128)}


@dataclass(frozen=True)
class Global:
    """A name in a module, never looked up."""

    module: str
    name: str


@dataclass
class Instance:
    """An object of a class that is not known here."""

    made_by: Any
    args: Any
    state: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Storage:
    """Bytes of tensors: the key of an archive entry, and the element type."""

    type: TorchType
    key: str


@dataclass(frozen=True)
class PickledTensor:
    """A tensor in a pickle: where its numbers lie, and whether they are kept conjugated or negated."""

    storage: Storage
    offset: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    conjugated: bool = False
    negated: bool = False


def globals_of(data: bytes) -> list[Global]:
    """Every class or function a pickle names, for telling what it holds. Damaged ends are ignored."""
    found: list[Global] = []
    strings: list[str] = []
    try:
        for op, arg, _ in pickletools.genops(data):
            if op.name == "GLOBAL" and isinstance(arg, str):
                module, _, name = arg.partition(" ")
                found.append(Global(module, name))
            elif op.name == "STACK_GLOBAL" and len(strings) >= 2:
                found.append(Global(strings[-2], strings[-1]))
            if isinstance(arg, str):
                strings = [*strings[-1:], arg]
    except Exception:  # pickletools raises whatever its readers meet in damaged data
        pass
    return found


def read_pickle(data: bytes) -> Any:
    """The plain data of a pickle.

    Raises:
        MalformedModelError: it is damaged, or uses opcodes that plain data do not need.
    """
    try:
        return _Machine().run(data)
    except MalformedModelError:
        raise
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, MemoryError, RecursionError, EOFError) as e:
        raise MalformedModelError(f"the pickle is damaged: {type(e).__name__}: {e}") from e


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        for count, (op, arg, at) in enumerate(pickletools.genops(data)):
            if count > MAX_OPCODES:
                raise MalformedModelError(f"the pickle has more than {MAX_OPCODES} opcodes")
            if op.name == "STOP":
                return self.stack.pop()
            if op.name in _PUSH_ARGUMENT:
                self.stack.append(arg)
            elif op.name in _CONSTANTS:
                self.stack.append(_CONSTANTS[op.name]())
            elif op.name in _HANDLERS:
                _HANDLERS[op.name](self, arg)
            elif op.name not in ("PROTO", "FRAME"):
                raise MalformedModelError(f"the pickle has an opcode {op.name} at offset {at}, which plain data do not need")
        raise MalformedModelError("the pickle has no end")

    def to_mark(self) -> list[Any]:
        for k in range(len(self.stack) - 1, -1, -1):
            if self.stack[k] is MARK:
                items = self.stack[k + 1 :]
                del self.stack[k:]
                return items
        raise MalformedModelError("the pickle lacks a mark")

    def drop(self) -> None:
        self.stack.pop()

    def drop_to_mark(self) -> None:
        self.to_mark()

    def tuple_(self, n: int) -> None:
        items = self.stack[len(self.stack) - n :]
        if len(items) != n:
            raise MalformedModelError("the pickle's stack runs empty")
        del self.stack[len(self.stack) - n :]
        self.stack.append(tuple(items))

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, Instance):
            target.state.append(items)
        else:
            raise MalformedModelError(f"the pickle appends to {type(target).__name__}")

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        pairs = dict(zip(items[::2], items[1::2], strict=True))
        if isinstance(target, dict):
            target.update(pairs)
        elif isinstance(target, Instance):
            target.state.append(pairs)
        else:
            raise MalformedModelError(f"the pickle sets items of {type(target).__name__}")

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise MalformedModelError("the pickle names a class by something else than strings")
        self.stack.append(Global(module, name))

    def reduce(self) -> None:
        args, made_by = self.stack.pop(), self.stack.pop()
        if not isinstance(args, tuple):
            raise MalformedModelError("the pickle calls with something else than a tuple")
        self.stack.append(_made(made_by, args))

    def build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Instance):
            target.state.append(state)  # attributes of dictionaries and tensors say nothing of their numbers

    def persistent(self) -> None:
        pid = self.stack.pop()
        if not (isinstance(pid, tuple) and len(pid) >= 3 and pid[0] == "storage" and isinstance(pid[2], str)):
            raise MalformedModelError("the pickle refers to something else than a storage")
        if not isinstance(pid[1], Global) or pid[1].name not in STORAGES:
            raise MalformedModelError(f"a storage of kind {pid[1]} is not known")
        self.stack.append(Storage(TorchType(STORAGES[pid[1].name]), pid[2]))

    def get(self, key: int) -> None:
        self.stack.append(self.memo[int(key)])

    def put(self, key: int | None) -> None:
        self.memo[len(self.memo) if key is None else int(key)] = self.stack[-1]

    def global_(self, arg: str) -> None:
        module, _, name = arg.partition(" ")
        self.stack.append(Global(module, name))


def _made(made_by: Any, args: tuple[Any, ...]) -> Any:
    """What a call would make, for the few functions that hold tensors together."""
    if isinstance(made_by, Global):
        if made_by == Global("collections", "OrderedDict"):
            return dict(args[0]) if args else {}
        if made_by.module == "torch._utils" and made_by.name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            storage, offset, sizes, strides = args[:4]
            whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (offset, *sizes, *strides))
            if not isinstance(storage, Storage) or len(sizes) != len(strides) or not whole:
                raise MalformedModelError("a tensor of the pickle has no valid shape")
            lazy = args[6] if len(args) > 6 and isinstance(args[6], dict) else {}
            return PickledTensor(storage, offset, tuple(sizes), tuple(strides), lazy.get("conj") is True, lazy.get("neg") is True)
        if made_by.module == "torch._utils" and made_by.name in ("_rebuild_parameter", "_rebuild_parameter_with_state") and args:
            return args[0]
        if made_by == Global("torch", "Size") and args:
            return tuple(args[0])
    return Instance(made_by, args)


_PUSH_ARGUMENT = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "FLOAT", "BINFLOAT", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": list,
    "MARK": lambda: MARK,
}
_HANDLERS: dict[str, Callable[[_Machine, Any], None]] = {
    "POP": lambda m, a: m.drop(),
    "POP_MARK": lambda m, a: m.drop_to_mark(),
    "DUP": lambda m, a: m.stack.append(m.stack[-1]),
    "TUPLE": lambda m, a: m.stack.append(tuple(m.to_mark())),
    "TUPLE1": lambda m, a: m.tuple_(1),
    "TUPLE2": lambda m, a: m.tuple_(2),
    "TUPLE3": lambda m, a: m.tuple_(3),
    "LIST": lambda m, a: m.stack.append(m.to_mark()),
    "FROZENSET": lambda m, a: m.stack.append(m.to_mark()),
    "APPEND": lambda m, a: m.append([m.stack.pop()]),
    "APPENDS": lambda m, a: m.append(m.to_mark()),
    "ADDITEMS": lambda m, a: m.append(m.to_mark()),
    "SETITEM": lambda m, a: m.set_items([*reversed((m.stack.pop(), m.stack.pop()))]),
    "SETITEMS": lambda m, a: m.set_items(m.to_mark()),
    "GLOBAL": lambda m, a: m.global_(a),
    "STACK_GLOBAL": lambda m, a: m.stack_global(),
    "REDUCE": lambda m, a: m.reduce(),
    "NEWOBJ": lambda m, a: m.reduce(),
    "BUILD": lambda m, a: m.build(),
    "BINPERSID": lambda m, a: m.persistent(),
    "GET": lambda m, a: m.get(a),
    "BINGET": lambda m, a: m.get(a),
    "LONG_BINGET": lambda m, a: m.get(a),
    "PUT": lambda m, a: m.put(a),
    "BINPUT": lambda m, a: m.put(a),
    "LONG_BINPUT": lambda m, a: m.put(a),
    "MEMOIZE": lambda m, a: m.put(None),
}


def view_bytes(raw: Array, type_: TorchType, sizes: tuple[int, ...], strides: tuple[int, ...] | None, offset: int, what: str) -> Array:
    """The numbers of a tensor in its storage, checked to lie inside; bfloat16 is widened to float32.

    Args:
        raw: the storage's bytes.
        type_: element type.
        sizes: of the tensor.
        strides: in elements; None for a contiguous tensor.
        offset: of the first element.
        what: for messages.
    """
    storage_type = COMPLEX_TYPES.get(type_.name)
    if storage_type is None:
        storage_type = np.dtype(np.uint16) if type_.name == "bfloat16" else type_.dtype.numpy
    count = raw.size // storage_type.itemsize
    if any(n < 0 for n in sizes) or offset < 0 or len(sizes) > 64 or (strides is not None and any(s < 0 for s in strides)):
        raise MalformedModelError(f"{what}: sizes {sizes} or the offset {offset} are negative")
    if strides is None:
        strides = contiguous_strides(sizes)
    empty = 0 in sizes
    last = offset + sum((n - 1) * s for n, s in zip(sizes, strides, strict=True))
    total = 1
    for n in sizes:
        total *= n
    if not empty and (last >= count or total > max(count, MAX_REPEATED)):
        raise MalformedModelError(f"{what}: shape {list(sizes)} with strides {list(strides)} at {offset} does not fit {count} elements")
    flat = raw[: count * storage_type.itemsize]
    flat = flat.view(storage_type) if _aligned(flat, storage_type) else np.frombuffer(flat.tobytes(), storage_type)
    if empty:
        a: Array = np.zeros(sizes, storage_type)
    else:
        steps = [s * storage_type.itemsize for s in strides]
        a = np.ascontiguousarray(np.lib.stride_tricks.as_strided(flat[offset:], sizes, steps, writeable=False)).reshape(sizes)
    if type_.name == "bool":
        a = a.view(np.uint8) != 0
    if type_.name == "bfloat16":
        a = (a.astype(np.uint32) << 16).view(np.float32)
    return a


def _aligned(flat: Array, dtype: np.dtype[Any]) -> bool:
    return bool(flat.ctypes.data % dtype.itemsize == 0) if flat.size else True


def contiguous_strides(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides in elements."""
    out, step = [], 1
    for n in reversed(sizes):
        out.append(step)
        step *= max(n, 1)
    return tuple(reversed(out))
