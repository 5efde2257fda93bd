"""Inputs of the graph: the source's shapes, settled by what the caller gave (``LoadOptions``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.converters import LoadOptions, ShapeSpec
from edgekit.errors import MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit.symbolic import SymDim
from edgekit.types import Array, Dim, DType, QuantParams, TensorType, format_shape
from edgekit_converters.importing.problems import Problems


@dataclass(frozen=True)
class SourceInput:
    """One input as the source declares it.

    Attributes:
        name: the source's own.
        dtype: element type.
        shape: sizes; None for an open dimension, a string for an open one with a name (equal names are equal sizes). None where the source
            gives not even a rank.
        quant: quantization, where the source has any.
    """

    name: str
    dtype: DType
    shape: Sequence[int | str | SymDim | None] | None
    quant: QuantParams | None = None


def bind_inputs(builder: GraphBuilder, inputs: Sequence[SourceInput], options: LoadOptions, problems: Problems) -> dict[str, Value]:
    """Make the graph's inputs; those the caller freezes become constants. ``problems`` learns the shapes, for its hints.

    Returns:
        the values by input name.

    Raises:
        MalformedModelError: the caller names an input that does not exist, or gives a shape or value that does not fit.
    """
    names = [i.name for i in inputs]
    check_names(names, options)
    types = {i.name: declared_type(i, options) for i in inputs}
    types = settle_shapes(types, options, problems)
    found: dict[str, Value] = {}
    for i in inputs:
        t = types[i.name]
        if i.name in options.values:
            found[i.name] = builder.constant(frozen_value(i.name, t, options.values[i.name]), i.name)
        else:
            found[i.name] = builder.input(i.name, t.dtype, t.shape, t.quant)
    problems.inputs = {name: v.shape for name, v in found.items() if v.const is None}
    return found


def check_names(names: Sequence[str], options: LoadOptions) -> None:
    """Refuse two inputs of one name, and options that name no input.

    Raises:
        MalformedModelError: either.
    """
    if len(set(names)) != len(names):
        raise MalformedModelError(f"two inputs share a name: {list(names)}")
    for kind in (options.shapes, options.values):
        unknown = sorted(set(kind) - set(names))
        if unknown:
            raise MalformedModelError(f"there is no input {unknown[0]!r}; the inputs are {list(names)}")


def declared_type(source: SourceInput, options: LoadOptions) -> TensorType:
    """The source's type with a symbol for each open dimension, called after the input where it has no name.

    Raises:
        MalformedModelError: the rank is unknown and the caller gives no shape; a size is negative.
    """
    name, shape = source.name, source.shape
    if shape is None:
        if name in options.values:
            return TensorType(source.dtype, tuple(np.shape(options.values[name])), source.quant)
        spec = options.shapes.get(name)
        if spec is None:
            raise MalformedModelError(f"input {name!r} declares no shape; give it with shapes= or --shape {name}:1,3,224,224")
        shape = [None] * len(spec)
    dims: list[Dim] = []
    for k, d in enumerate(shape):
        if isinstance(d, SymDim):
            dims.append(d)
        elif d is None or isinstance(d, str):
            dims.append(SymDim.symbol(d or f"{name}_{k}", 1))
        elif d < 0:
            raise MalformedModelError(f"input {name!r} declares a dimension of {d}")
        else:
            dims.append(int(d))
    return TensorType(source.dtype, tuple(dims), source.quant)


def settle_shapes(types: Mapping[str, TensorType], options: LoadOptions, problems: Problems) -> dict[str, TensorType]:
    """The types with the caller's sizes, names and ranges in place, and the default size of open leading dimensions."""
    bindings = _bindings(types, options.shapes)
    if options.default_leading is not None:
        for name, t in types.items():
            spec = options.shapes.get(name)
            if spec and isinstance(spec[0], tuple | str):  # the user wants it open: a range, or a name
                continue
            if t.shape and isinstance(t.shape[0], SymDim) and isinstance(t.bind(bindings).shape[0], SymDim) and name not in options.values:
                for s in t.shape[0].symbols():
                    bindings.setdefault(s.name, options.default_leading)
                    problems.note(f"input {name!r}: the open leading dimension {s.name!r} was set to {options.default_leading}")
    return {name: _with_ranges(name, t, options.shapes.get(name)).bind(bindings) for name, t in types.items()}


def _bindings(types: Mapping[str, TensorType], shapes: Mapping[str, ShapeSpec]) -> dict[str, int]:
    """Sizes by symbol that follow from the shapes the caller gives."""
    bindings: dict[str, int] = {}
    for name, spec in shapes.items():
        if name not in types:
            continue
        shape = types[name].shape
        if len(spec) != len(shape):
            raise MalformedModelError(
                f"input {name!r} has the shape {format_shape(shape)}, but {len(spec)} dimensions were given: {list(spec)}"
            )
        for given, dim in zip(spec, shape, strict=True):
            if isinstance(given, tuple) and isinstance(dim, int) and given != (dim, dim):
                low, high = given
                raise MalformedModelError(f"input {name!r} has the fixed shape {format_shape(shape)}; the range {low}..{high} does not fit")
            if not isinstance(given, int):
                continue
            if given < 0:
                raise MalformedModelError(f"input {name!r}: a dimension of {given} was given")
            if isinstance(dim, int):
                if dim != given:
                    raise MalformedModelError(f"input {name!r} has the fixed shape {format_shape(shape)}; {list(spec)} does not fit")
                continue
            for s in dim.symbols():
                if bindings.setdefault(s.name, given) != given:
                    raise MalformedModelError(f"dimension {s.name!r} was given as {bindings[s.name]} and as {given}")
    return bindings


def _with_ranges(name: str, type_: TensorType, spec: ShapeSpec | None) -> TensorType:
    """Ranges and other names that the caller gives to open dimensions."""
    if spec is None:
        return type_
    dims: list[Dim] = []
    for given, dim in zip(spec, type_.shape, strict=True):
        if isinstance(dim, int) or given is None or isinstance(given, int):
            dims.append(dim)
        elif isinstance(given, str):
            dims.append(SymDim.symbol(given, 1))
        elif isinstance(given, SymDim):
            dims.append(given)
        else:
            low, high = given
            if not 0 <= low <= high:
                raise MalformedModelError(f"input {name!r}: the range {low} to {high} is empty")
            dims.append(SymDim.symbol(str(dim), low, high))
    return type_.with_shape(dims)


def frozen_value(name: str, type_: TensorType, value: Any) -> Array:
    """The array an input is frozen to; numbers that the input's element type holds are taken as such.

    Raises:
        MalformedModelError: its type or shape is not the input's, or the input is quantized.
    """
    a = np.asarray(value)
    if type_.quant is not None:
        raise MalformedModelError(f"input {name!r} is quantized and cannot be frozen")
    if a.dtype != type_.dtype.numpy:
        b = a.astype(type_.dtype.numpy) if np.can_cast(a.dtype, type_.dtype.numpy, "same_kind") else None
        if b is None or (type_.dtype.numpy.kind != "f" and not np.array_equal(a, b)):
            raise MalformedModelError(f"input {name!r} is {type_.dtype.label}, the value to freeze it to is {a.dtype}")
        a = b
    if a.ndim == 0 and all(d == 1 for d in type_.shape):
        a = a.reshape([1] * type_.rank)
    if a.ndim != type_.rank or any(isinstance(d, int) and d != n for d, n in zip(type_.shape, a.shape, strict=True)):
        raise MalformedModelError(f"input {name!r} has the shape {format_shape(type_.shape)}, the value to freeze it to {list(a.shape)}")
    return a
