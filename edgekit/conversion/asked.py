"""Notes in a model's metadata how its source was asked for, so that it can be read the same way again to be compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.conversion.records import ConvertOptions, Shapes
from edgekit.errors import EdgekitError, FormatError
from edgekit.ir import Graph
from edgekit.types import Array

KEY = "source.options"
#: larger arrays that inputs are frozen to are not noted: the file holds them once as constants
NOTED_ELEMENTS = 1024


def note_options(metadata: dict[str, str], shapes: Shapes | None, options: ConvertOptions) -> None:
    """Add what differs from the usual to what was noted before, of a conversion that this one begins with."""
    record: dict[str, Any] = {
        "shapes": {name: [list(d) if isinstance(d, tuple) else d for d in spec] for name, spec in (shapes or {}).items()},
        "freeze": {name: _noted(np.asarray(value)) for name, value in options.freeze.items()},
        "signature": options.signature,
        "outputs": list(options.outputs),
        "inputs": list(options.inputs),
        "capacity": options.capacity,
    }
    asked = {k: v for k, v in record.items() if v}
    if asked:
        metadata[KEY] = json.dumps({**json.loads(metadata.get(KEY, "{}")), **asked}, sort_keys=True)


def noted_options(metadata: Mapping[str, str]) -> tuple[Shapes | None, ConvertOptions]:
    """The shapes and options that ``note_options`` wrote.

    Raises:
        EdgekitError: an input was frozen to an array too large to be noted.
        FormatError: the note is broken.
    """
    try:
        record = json.loads(metadata.get(KEY, "{}"))
        shapes = {str(n): tuple(tuple(d) if isinstance(d, list) else d for d in spec) for n, spec in record.get("shapes", {}).items()}
        options = ConvertOptions(
            freeze={str(n): _value(str(n), value) for n, value in record.get("freeze", {}).items()},
            signature=record.get("signature"),
            outputs=tuple(record.get("outputs", ())),
            inputs=tuple(record.get("inputs", ())),
            capacity=record.get("capacity"),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as e:
        raise FormatError(f"the note of how the source was asked for is broken: {e}") from e
    return shapes or None, options


def frozen_inputs(graph: Graph) -> dict[str, Array]:
    """The values of the source's inputs that are constants in ``graph``, as far as they are noted."""
    try:
        return {str(n): np.asarray(v) for n, v in noted_options(graph.metadata)[1].freeze.items()}
    except EdgekitError:
        return {}


def _noted(a: np.ndarray[Any, Any]) -> dict[str, Any]:
    return {"dtype": str(a.dtype), "values": a.tolist() if a.size <= NOTED_ELEMENTS else None}


def _value(name: str, noted: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    if noted["values"] is None:
        raise EdgekitError(
            f"input {name!r} was frozen to an array too large to be noted in the file, so the source cannot be read the same way again; "
            "compare with a float .ekm of it"
        )
    return np.asarray(noted["values"], np.dtype(noted["dtype"]))
