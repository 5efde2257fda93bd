"""What an operator is: :class:`OpDef`, its ports and attributes, and the ``@op`` decorator that enters it in the table."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from edgekit.errors import GraphError
from edgekit.ops.traits import QuantTrait
from edgekit.types import Array, DType, TensorType


@dataclass(frozen=True)
class TypeVariable:
    """A name for an element type that several ports share.

    Attributes:
        name: unique in an operator.
        shared: False where every tensor of a port may have its own type (the captures of a subgraph).
    """

    name: str
    shared: bool = True


T = TypeVariable("T")
T1 = TypeVariable("T1")
T2 = TypeVariable("T2")
INDEX = TypeVariable("Index")
ANY = TypeVariable("Any", shared=False)


@dataclass(frozen=True)
class Port:
    """One input or output. ``type`` is a variable, or one fixed element type."""

    name: str
    type: TypeVariable | DType


class Optional(Port):
    """An input that may be absent (None), or an output that may go unused."""


@dataclass(frozen=True)
class Variadic(Port):
    """The last port, standing for ``min`` or more tensors."""

    min: int = 0


_REQUIRED: Any = object()


@dataclass(frozen=True)
class Attr:
    """One attribute. Without a default it is required."""

    name: str
    default: Any = _REQUIRED

    #: the FlatBuffers field type, and the C type, that codegen writes
    fbs = ""

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED

    def check(self, value: Any) -> Any:
        """Return ``value`` in canonical form, or raise ``TypeError`` / ``ValueError``."""
        raise NotImplementedError


class Int(Attr):
    fbs = "long"

    def check(self, value: Any) -> int:
        if isinstance(value, bool) or int(value) != value:
            raise TypeError(f"an integer is needed, got {value!r}")
        return int(value)


class Bool(Attr):
    fbs = "bool"

    def check(self, value: Any) -> bool:
        if value not in (0, 1):
            raise TypeError(f"true or false is needed, got {value!r}")
        return bool(value)


class Float(Attr):
    """A float32."""

    fbs = "float"

    def check(self, value: Any) -> float:
        # canonical = what the file stores
        import numpy as np

        with np.errstate(over="ignore"):  # too large for one is infinite
            return float(np.float32(value))


class Ints(Attr):
    fbs = "[long]"

    def check(self, value: Any) -> tuple[int, ...]:
        out = tuple(int(v) for v in value)
        if any(a != b for a, b in zip(out, value, strict=True)):
            raise TypeError(f"integers are needed, got {value!r}")
        return out


class Floats(Attr):
    fbs = "[float]"

    def check(self, value: Any) -> tuple[float, ...]:
        import numpy as np

        return tuple(float(np.float32(v)) for v in value)


@dataclass(frozen=True)
class Enum(Attr):
    """One of ``choices``; stored as its index, so the choices are append-only."""

    choices: tuple[str, ...] = ()
    fbs = "ubyte"

    def check(self, value: Any) -> str:
        if value not in self.choices:
            raise ValueError(f"one of {list(self.choices)} is needed, got {value!r}")
        return str(value)


class DTypeAttr(Attr):
    """An element type."""

    fbs = "ubyte"

    def check(self, value: Any) -> DType:
        if not isinstance(value, DType):
            raise TypeError(f"a DType is needed, got {value!r}")
        return value


class GraphAttr(Attr):
    """A subgraph (an ``ir.Graph``); stored as the index of a graph in the file."""

    fbs = "int"

    def check(self, value: Any) -> Any:
        if not hasattr(value, "nodes"):
            raise TypeError(f"a graph is needed, got {value!r}")
        return value


@dataclass(frozen=True)
class Arg:
    """What ``infer`` sees of one input (and may return of one output).

    Attributes:
        type: element type, shape, quantization.
        value: the value where it is known before running: an array, or an object array that mixes integers and
            symbolic dimensions (what ``Shape`` of a dynamic tensor gives).
    """

    type: TensorType
    value: Array | None = None

    @property
    def dtype(self) -> DType:
        return self.type.dtype

    @property
    def shape(self) -> tuple[Any, ...]:
        return self.type.shape

    @property
    def rank(self) -> int:
        return len(self.type.shape)


InferResult = TensorType | Arg | Sequence[TensorType | Arg]


@dataclass(frozen=True)
class OpDef:
    """One row of the operator table.

    Attributes:
        name: CamelCase name, unique.
        id: the number files store (append-only, never reused).
        since: the format version that introduced it.
        category: the docs group.
        summary: first line of the docstring; doc: all of it.
        inputs, outputs, attrs: the signature.
        types: the element types each type variable ranges over.
        quant: the quantization trait.
        infer: ``infer(*inputs: Arg, **attrs) -> TensorType | Arg | sequence`` one per output; variadic ports arrive as lists and
            absent optional inputs as None. Raises ``ValueError`` with a plain sentence for impossible inputs.
        reference: ``reference(*arrays, **attrs) -> array | tuple`` the meaning of the operator, in numpy.
        quant_reference: the meaning on quantized tensors: ``quant_reference(*arrays, qin=(...), qout=(...), **attrs)`` where qin and
            qout hold a QuantParams or None for each flat input and output. None: integers go through ``reference`` unchanged.
        symbolic_values: True when ``reference`` also works on object arrays of symbolic dimensions (shape arithmetic).
        commutative: inputs may be swapped.
        stateful: keeps state or has effects; never folded, merged or removed.
        in_place: an output may begin at the same address as an input. True for the elementwise categories: see ``may_run_in_place``.
        overlaps: inputs may be parts of the output, or the reverse (Concat, Split): the C code leaves alone what lies in place.
    """

    name: str
    id: int
    since: int
    category: str
    doc: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    attrs: tuple[Attr, ...]
    types: Mapping[TypeVariable, tuple[DType, ...]]
    quant: QuantTrait
    infer: Callable[..., InferResult]
    reference: Callable[..., Any]
    quant_reference: Callable[..., Any] | None = None
    symbolic_values: bool = False
    commutative: bool = False
    stateful: bool = False
    in_place: bool = False
    overlaps: bool = False

    @property
    def may_run_in_place(self) -> bool:
        """True when the memory plan may give an output the memory of an input. The C loader refuses any other file."""
        return self.in_place or self.category in ("elementwise", "activation", "math")

    @property
    def summary(self) -> str:
        return self.doc.strip().splitlines()[0]

    @cached_property
    def attr_by_name(self) -> dict[str, Attr]:
        return {a.name: a for a in self.attrs}

    @cached_property
    def subgraph_attrs(self) -> tuple[str, ...]:
        return tuple(a.name for a in self.attrs if isinstance(a, GraphAttr))

    def allowed(self, port: Port) -> tuple[DType, ...]:
        """The element types a port takes."""
        return (port.type,) if isinstance(port.type, DType) else self.types[port.type]

    def group_inputs(self, flat: Sequence[Any]) -> list[Any]:
        """Flat inputs as ``infer`` and ``reference`` take them: a variadic port's tensors in one list, None for absent ones."""
        return _group(self.name, self.inputs, flat)

    def canonical_attrs(self, attrs: Mapping[str, Any]) -> dict[str, Any]:
        """Check attributes and fill in defaults, in the declared order.

        Raises:
            GraphError: an attribute is unknown, missing, or of the wrong kind.
        """
        known = self.attr_by_name
        extra = set(attrs) - set(known)
        if extra:
            raise GraphError(f"{self.name} has no attribute {sorted(extra)}; it has {sorted(known)}")
        out = {}
        for name, a in known.items():
            value = attrs.get(name, a.default)
            if value is _REQUIRED:
                raise GraphError(f"{self.name} needs the attribute {name!r}")
            try:
                out[name] = a.check(value)
            except (TypeError, ValueError) as e:
                raise GraphError(f"{self.name}: attribute {name!r}: {e}") from e
        return out


def _group(op_name: str, ports: tuple[Port, ...], flat: Sequence[Any]) -> list[Any]:
    out: list[Any] = []
    for i, port in enumerate(ports):
        if isinstance(port, Variadic):
            rest = list(flat[i:])
            if len(rest) < port.min:
                raise GraphError(f"{op_name} needs {port.min} or more of {port.name!r}, got {len(rest)}")
            out.append(rest)
            return out
        if i < len(flat):
            out.append(flat[i])
        else:
            out.append(None)
        if out[-1] is None and not isinstance(port, Optional):
            raise GraphError(f"{op_name} needs its input {port.name!r}")
    if len(flat) > len(ports):
        raise GraphError(f"{op_name} takes {len(ports)} inputs, got {len(flat)}")
    return out


REGISTRY: dict[str, OpDef] = {}
_BY_ID: dict[int, OpDef] = {}

C = TypeVar("C", bound=type)


def op(
    *,
    id: int,
    since: int = 1,
    category: str,
    symbolic_values: bool = False,
    commutative: bool = False,
    stateful: bool = False,
    in_place: bool = False,
    overlaps: bool = False,
) -> Callable[[C], C]:
    """Enter the decorated class in the operator table. The class holds ``inputs``, ``outputs``, ``attrs``, ``types``, ``quant``,
    ``infer`` and ``reference`` (and ``quant_reference``), and is never instantiated; its docstring becomes the reference page."""

    def enter(cls: C) -> C:
        members: dict[str, Any] = {}
        for klass in reversed(cls.__mro__[:-1]):  # base classes carry what operators of a family share
            members.update(vars(klass))
        get = members.get

        def function(name: str) -> Any:
            f = get(name)
            return f.__func__ if isinstance(f, staticmethod | classmethod) else f

        d = OpDef(
            name=cls.__name__,
            id=id,
            since=since,
            category=category,
            doc=inspect.cleandoc(cls.__doc__ or ""),
            inputs=get("inputs", ()),
            outputs=get("outputs", ()),
            attrs=get("attrs", ()),
            types=get("types", {}),
            quant=members["quant"],
            infer=function("infer"),
            reference=function("reference"),
            quant_reference=function("quant_reference"),
            symbolic_values=symbolic_values,
            commutative=commutative,
            stateful=stateful,
            in_place=in_place,
            overlaps=overlaps,
        )
        if not d.doc and sys.flags.optimize < 2:
            raise GraphError(f"operator {d.name} needs a docstring")
        if d.name in REGISTRY or id in _BY_ID:
            raise GraphError(f"operator {d.name} (id {id}) is entered twice; the other is {_BY_ID.get(id, REGISTRY.get(d.name))!r:.60}")
        REGISTRY[d.name] = d
        _BY_ID[id] = d
        return cls

    return enter


def get_op(name: str) -> OpDef:
    """The table's row of that name.

    Raises:
        GraphError: there is none.
    """
    found = REGISTRY.get(name)
    if found is None:
        raise GraphError(f"no operator called {name!r} in the table")
    return found


def get_op_by_id(id: int) -> OpDef:
    """The table's row of that number.

    Raises:
        GraphError: there is none.
    """
    found = _BY_ID.get(id)
    if found is None:
        raise GraphError(f"no operator with id {id} in the table; the file may come from a newer EdgeKit")
    return found


def all_ops() -> list[OpDef]:
    """Every operator, by id."""
    return [_BY_ID[i] for i in sorted(_BY_ID)]
