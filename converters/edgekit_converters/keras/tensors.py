"""What flows between layers while a model is imported, and element types by Keras' names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import DType
from edgekit_converters.importing.problems import UnsupportedTypeError

MAX_NESTING = 32


@dataclass(frozen=True)
class Tensor:
    """A tensor between layers.

    Attributes:
        value: None behind a layer that did not convert.
        mask: bool [batch, steps] that says which steps count; None where all do.
    """

    value: Value | None
    mask: Value | None = None


@dataclass(frozen=True)
class Reference:
    """Where a tensor comes from: the ``tensor``-th output of the ``node``-th call of a layer."""

    layer: str
    node: int
    tensor: int


@dataclass(frozen=True)
class Call:
    """The arguments of one call: numbers, texts, lists, and a ``Reference`` or ``Tensor`` for each tensor."""

    args: list[Any]
    kwargs: dict[str, Any]


def flatten(structure: Any, depth: int = 0) -> Iterator[Any]:
    """The leaves of nested lists and mappings (by sorted key, as Keras goes)."""
    if depth > MAX_NESTING:
        raise MalformedModelError(f"a structure is nested deeper than {MAX_NESTING}")
    if isinstance(structure, list | tuple):
        for item in structure:
            yield from flatten(item, depth + 1)
    elif isinstance(structure, Mapping):
        for key in sorted(structure, key=str):
            yield from flatten(structure[key], depth + 1)
    else:
        yield structure


def map_structure(function: Any, structure: Any, depth: int = 0) -> Any:
    """The same structure with ``function`` of each leaf."""
    if depth > MAX_NESTING:
        raise MalformedModelError(f"a structure is nested deeper than {MAX_NESTING}")
    if isinstance(structure, list | tuple):
        return [map_structure(function, s, depth + 1) for s in structure]
    if isinstance(structure, Mapping):
        return {k: map_structure(function, v, depth + 1) for k, v in structure.items()}
    return function(structure)


def element_type(name: Any) -> DType:
    """The element type of a Keras name.

    Raises:
        UnsupportedTypeError: EdgeKit has none of that name.
    """
    if isinstance(name, Mapping):  # a DType object of a Keras 3 configuration
        config = name.get("config")
        name = config.get("name") if isinstance(config, Mapping) else None
    for known in DType:
        if known.label == name:
            return known
    if name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        return DType.F32
    raise UnsupportedTypeError(f"the element type {name!r} is not supported")


def policy_name(dtype: Any) -> str:
    """The name of a layer's dtype or dtype policy, ``float32`` where it has none."""
    if isinstance(dtype, Mapping):
        config = dtype.get("config")
        found = config.get("name") if isinstance(config, Mapping) else None
        if found is None and isinstance(config, Mapping) and config.get("mode"):  # quantized
            return f"{config['mode']}_from_{config.get('source_name') or 'float32'}"
        if found is None and isinstance(config, Mapping) and isinstance(config.get("default_policy"), Mapping | str):
            return policy_name(config["default_policy"])
        return str(found or "float32")
    return str(dtype or "float32")


def quantization(dtype: Any) -> str:
    """How a layer's arrays are quantized, e.g. ``int8`` or ``int4/128``; empty where they are not."""
    mode, found, _ = policy_name(dtype).partition("_from_")
    return mode if found else ""


def compute_type(dtype: Any) -> DType:
    """The element type a layer computes in: float16 for ``mixed_float16``; float32 for bfloat16, which has less precision."""
    name = policy_name(dtype).split("_from_")[-1]
    if name == "mixed_float16":
        return DType.F16
    if name == "mixed_bfloat16":
        return DType.F32
    return element_type(name)
