"""Notes in a model's metadata what was changed about its inputs and outputs, so that the source can be given the same ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgekit.errors import EdgekitError, FormatError
from edgekit.interface.options import Interface
from edgekit.preprocessing import Preprocessing
from edgekit.types import DType

KEY = "interface"
_DTYPES = {d.label: d for d in DType}


def note_interface(metadata: dict[str, str], interface: Interface) -> None:
    """Add ``interface`` to those that were applied before it."""
    record: dict[str, dict[str, str]] = {
        "input_layouts": dict(interface.input_layouts),
        "output_layouts": dict(interface.output_layouts),
        "input_dtypes": {n: d.label for n, d in interface.input_dtypes.items()},
        "preprocessing": {n: str(p) for n, p in interface.preprocessing.items()},
        "names": dict(interface.names),
    }
    before = json.loads(metadata[KEY]) if KEY in metadata else []
    metadata[KEY] = json.dumps([*before, {k: v for k, v in record.items() if v}], sort_keys=True)


def noted_interfaces(metadata: Mapping[str, str]) -> list[Interface]:
    """What ``note_interface`` wrote, in the order of the changes.

    Raises:
        FormatError: it is broken.
    """
    try:
        return [_interface(record) for record in json.loads(metadata.get(KEY, "[]"))]
    except (ValueError, TypeError, KeyError, AttributeError, EdgekitError) as e:
        raise FormatError(f"the record of changed inputs and outputs is broken: {e}") from e


def _interface(record: Any) -> Interface:
    texts: dict[str, dict[str, str]] = {
        kind: {str(k): str(v) for k, v in record.get(kind, {}).items()}
        for kind in ("input_layouts", "output_layouts", "input_dtypes", "preprocessing", "names")
    }
    return Interface(
        texts["input_layouts"],
        texts["output_layouts"],
        {n: _DTYPES[label] for n, label in texts["input_dtypes"].items()},
        {n: Preprocessing.parse(text) for n, text in texts["preprocessing"].items()},
        texts["names"],
    )
