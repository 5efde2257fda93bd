"""Loading and checking of a model of any known format."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.converters.protocol import Converter, Example, LoadOptions, ShapeSpec
from edgekit.converters.registry import file_errors, find_converter
from edgekit.errors import Blocker, ConversionError, UnsupportedOpError
from edgekit.ir import Graph, Part, take_part
from edgekit.ir.part import check_part
from edgekit.types import Array, format_shape

#: an int32 holds it
LARGEST_DIMENSION = (1 << 31) - 1
#: elements of one tensor
LARGEST_TENSOR = 1 << 48


def load(
    source: Any,
    shapes: Mapping[str, ShapeSpec] | None = None,
    values: Mapping[str, Array] | None = None,
    default_leading: int | None = None,
    signature: str | None = None,
    example: Example | None = None,
    part: Part | None = None,
) -> Graph:
    """Import a model of any known format.

    Args:
        source: path of a file or folder, or a model in memory.
        shapes: shapes of graph inputs by name, e.g. ``{"x": (1, 3, 224, 224)}``; an entry may be a range ``(1, 8)`` or a symbol's name.
        values: inputs to freeze to constants.
        default_leading: size for leading dimensions nobody gives (``convert`` passes 1); None keeps them symbolic.
        signature: which of the model's named entry points to import (TensorFlow Lite, SavedModel); None takes the usual one.
        example: example inputs (PyTorch modules, TorchScript).
        part: other outputs and inputs than the model's own; what is not between them is left out.

    Returns:
        the graph, with the source's own input and output names, order and layout.

    Raises:
        UnsupportedOpError: with every blocker at once.
        MalformedModelError: the source is broken or of no known format.
        ConversionError: a signature or example inputs for a format that takes none; a tensor of ``part`` that the model does not have.
    """
    found = find_converter(source)
    if signature is not None and not getattr(found, "has_signatures", False):
        raise ConversionError(f"models of the format {found.name} have no signatures; leave signature= (--signature) out")
    if example is not None and not getattr(found, "takes_examples", False):
        raise ConversionError(f"models of the format {found.name} hold their graph; leave the example inputs out")
    check_sizes(shapes or {})
    options = LoadOptions(shapes or {}, values or {}, default_leading, signature, example, part or Part())
    return _load(found, _path(source), options)


def check_sizes(shapes: Mapping[str, ShapeSpec]) -> None:
    """Refuse sizes that no tensor can have, before anything is computed with them.

    Raises:
        ConversionError: a dimension, or the product of all, is too large.
    """
    for name, spec in shapes.items():
        most = [max(d) if isinstance(d, tuple) else d for d in spec if isinstance(d, int | tuple)]
        if any(d > LARGEST_DIMENSION for d in most) or math.prod(max(d, 1) for d in most) > LARGEST_TENSOR:
            raise ConversionError(f"input {name!r}: no tensor is as large as {list(spec)}; is a digit too many in the shape?")


def _load(converter: Converter, source: Any, options: LoadOptions) -> Graph:
    check_part(options.part)
    with file_errors(source):
        graph = converter.load(source, options)
    if options.part:
        take_part(graph, options.part)
    return graph


def _path(source: Any) -> Any:
    return Path(source) if isinstance(source, str) else source


def check(
    source: Any,
    shapes: Mapping[str, ShapeSpec] | None = None,
    default_leading: int | None = 1,
    signature: str | None = None,
    values: Mapping[str, Array] | None = None,
    part: Part | None = None,
) -> list[Blocker]:
    """Everything that keeps a model from converting; empty when nothing does. The arguments are those of :func:`load`.

    Raises:
        MalformedModelError: the source is broken.
    """
    try:
        return unbounded_inputs(load(source, shapes, values, default_leading, signature, part=part))
    except UnsupportedOpError as e:
        return list(e.blockers)


def unbounded_inputs(graph: Graph) -> list[Blocker]:
    """Inputs without an upper bound for every dimension: memory is planned for the largest shapes."""
    found = []
    for v in graph.inputs:
        most = [d if isinstance(d, int) else d.limits()[1] for d in v.shape]
        if None in most:
            dims = ",".join(
                str(d) if isinstance(d, int) else f"1..{'SIZE' if k is None else k}" for d, k in zip(v.shape, most, strict=True)
            )
            message = f"{v.dtype.label}{format_shape(v.shape)} has a dimension without an upper bound, for which memory cannot be planned."
            found.append(Blocker("graph input", (v.name,), "dynamic-shape", message, f"Pass --shape {v.name}:{dims}, or fixed sizes."))
    return found
