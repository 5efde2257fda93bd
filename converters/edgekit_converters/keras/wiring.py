"""The wiring of a functional model: which layer is called on what, in the dialects of Keras 1, 2 and 3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit_converters.keras.config import Layer
from edgekit_converters.keras.tensors import MAX_NESTING, Call, Reference, element_type, flatten, map_structure

#: marks a constant where a tensor might stand (tf.keras 2.3 and later)
CONSTANT = "_CONSTANT_VALUE"
Step = tuple[Layer, int, Call]


@dataclass
class Wiring:
    """Calls of one functional model.

    Attributes:
        inputs, outputs: in order. output_names: one an output: its key where the model returns a mapping, else its layer's name.
        calls: by layer and number.
        declared: shape and element type of tensors, where the file gives them (Keras 3).
    """

    model: Layer
    inputs: list[Reference] = field(default_factory=list)
    outputs: list[Reference] = field(default_factory=list)
    output_names: list[str] = field(default_factory=list)
    calls: dict[tuple[str, int], tuple[Layer, Call]] = field(default_factory=dict)
    declared: dict[Reference, tuple[list[Any], Any]] = field(default_factory=dict)

    @staticmethod
    def of(model: Layer) -> Wiring:
        """Read a model's wiring.

        Raises:
            MalformedModelError: it cannot be read.
        """
        found = Wiring(model)
        try:
            found._read()
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as e:
            raise MalformedModelError(f"{model.path}: the calls of its layers cannot be read: {type(e).__name__}: {e}") from e
        return found

    def _read(self) -> None:
        config = self.model.config
        raw_calls: dict[str, list[Call]] = {}
        for layer in self.model.members:
            raw_calls[layer.name] = [self._call(node) for node in layer.nodes]
        self.inputs = [r for r in flatten(_references(config.get("input_layers", []))) if isinstance(r, Reference)]
        outputs = _references(config.get("output_layers", []))
        self.outputs = [r for r in flatten(outputs) if isinstance(r, Reference)]
        self.output_names = _names(outputs)
        offsets, output_offsets = self._offsets(raw_calls)

        def shifted(leaf: Any, by: Mapping[str, int] = offsets) -> Any:
            if isinstance(leaf, Reference) and by.get(leaf.layer):
                return Reference(leaf.layer, leaf.node - 1, leaf.tensor)
            return leaf

        self.inputs = [shifted(r) for r in self.inputs]
        self.outputs = [shifted(r, output_offsets) for r in self.outputs]
        self.declared = {shifted(r): d for r, d in self.declared.items()}
        by_name = {layer.name: layer for layer in self.model.members}
        for name, calls in raw_calls.items():
            for number, call in enumerate(calls):
                moved = Call([map_structure(shifted, a) for a in call.args], {k: map_structure(shifted, v) for k, v in call.kwargs.items()})
                self.calls[name, number] = (by_name[name], moved)

    def _offsets(self, calls: Mapping[str, list[Call]]) -> tuple[dict[str, int], dict[str, int]]:
        """By how much the numbers of an inner model's calls are too large: in the calls, and among the model's outputs.

        Older versions count from 1 throughout: a node of the inner model's own, from its inputs to its outputs, is number 0. Keras 3 does
        so among the outputs alone.
        """
        inside: dict[str, set[int]] = {}
        outside: dict[str, set[int]] = {}
        everything = [[c.args, c.kwargs] for cs in calls.values() for c in cs]
        for found, where in ((inside, [everything, self.inputs]), (outside, self.outputs)):
            for r in flatten(where):
                if isinstance(r, Reference):
                    found.setdefault(r.layer, set()).add(r.node)
        models = {m.name: m for m in self.model.members if m.is_model}
        if self.model.version >= 3:
            return {}, {n: 1 for n, used in outside.items() if n in models and not models[n].is_sequential and 0 not in used}
        both = {n: inside.get(n, set()) | outside.get(n, set()) for n in models}
        offsets = {n: 1 for n, used in both.items() if used and 0 not in used and max(used) == len(calls.get(n, []))}
        return offsets, offsets

    # -- the dialects ---------------------------------------------------------------------------------------------------

    def _call(self, node: Any) -> Call:
        if isinstance(node, Mapping):  # Keras 3
            return Call(
                [self._structure(a) for a in node.get("args", [])], {str(k): self._structure(v) for k, v in node.get("kwargs", {}).items()}
            )
        entries = [node] if _is_entry(node) else node
        kwargs: dict[str, Any] = {}
        for entry in flatten_entries(entries):
            if len(entry) > 3 and isinstance(entry[3], Mapping):
                kwargs.update({str(k): _legacy_structure(v) for k, v in entry[3].items()})
        first = _legacy_inputs(entries)
        return Call([first[0] if isinstance(first, list) and len(first) == 1 else first], kwargs)

    def _structure(self, value: Any, depth: int = 0) -> Any:
        if depth > MAX_NESTING:
            raise MalformedModelError(f"{self.model.path}: arguments are nested deeper than {MAX_NESTING}")
        if isinstance(value, list):
            return [self._structure(v, depth + 1) for v in value]
        if not isinstance(value, Mapping):
            return value
        kind, config = value.get("class_name"), value.get("config")
        if kind == "__keras_tensor__" and isinstance(config, Mapping):
            name, node, tensor = config["keras_history"]
            found = Reference(str(name), int(node), int(tensor))
            self.declared[found] = (list(config.get("shape") or []), config.get("dtype"))
            return found
        if kind == "__slice__" and isinstance(config, Mapping):
            return slice(*(self._structure(config.get(k), depth + 1) for k in ("start", "stop", "step")))
        if kind == "__ellipsis__":
            return Ellipsis
        if kind in ("__numpy__", "__tensor__") and isinstance(config, Mapping):
            return np.asarray(config["value"], element_type(config.get("dtype")).numpy)
        if kind == "__tuple__" and isinstance(config, Mapping):
            return [self._structure(v, depth + 1) for v in config.get("items", [])]
        return {str(k): self._structure(v, depth + 1) for k, v in value.items()}

    # -- order ----------------------------------------------------------------------------------------------------------

    def order(self, done: set[tuple[str, int]]) -> Iterator[Step]:
        """The calls so that each comes behind what it reads; otherwise in the file's order.

        Args:
            done: what the model's inputs give already.

        Raises:
            MalformedModelError: they run in a circle, or read what does not exist.
        """
        place = {layer.name: i for i, layer in enumerate(self.model.members)}
        waits: dict[tuple[str, int], int] = {}
        readers: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for key, (_, call) in self.calls.items():
            if key in done:
                continue
            reads = {(r.layer, r.node) for r in flatten([call.args, call.kwargs]) if isinstance(r, Reference)} - done
            for r in reads:
                if r not in self.calls:
                    raise MalformedModelError(f"{self.model.path}: {key[0]!r} reads call {r[1]} of layer {r[0]!r}, which does not exist")
                readers.setdefault(r, []).append(key)
            waits[key] = len(reads)
        ready = [(place[k[0]], k[1], k[0]) for k, n in waits.items() if n == 0]
        heapify(ready)
        count = 0
        while ready:
            _, number, name = heappop(ready)
            count += 1
            layer, call = self.calls[name, number]
            yield layer, number, call
            for key in readers.get((name, number), []):
                waits[key] -= 1
                if waits[key] == 0:
                    heappush(ready, (place[key[0]], key[1], key[0]))
        if count != len(waits):
            stuck = next(k for k, n in waits.items() if n)
            raise MalformedModelError(f"{self.model.path}: the calls of its layers run in a circle through {stuck[0]!r}")


def _is_entry(value: Any) -> bool:
    """Whether a value is one tensor of the older dialects: ``[layer, node, tensor]`` and maybe keyword arguments."""
    return isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str) and isinstance(value[1], int)


def flatten_entries(value: Any, depth: int = 0) -> Iterator[list[Any]]:
    """Every tensor entry in nested lists and mappings."""
    if depth > MAX_NESTING:
        raise MalformedModelError(f"calls are nested deeper than {MAX_NESTING}")
    if _is_entry(value):
        yield value
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from flatten_entries(value[key], depth + 1)
    elif isinstance(value, list):
        for v in value:
            yield from flatten_entries(v, depth + 1)


def _legacy_inputs(value: Any, depth: int = 0) -> Any:
    if depth > MAX_NESTING:
        raise MalformedModelError(f"calls are nested deeper than {MAX_NESTING}")
    if _is_entry(value):
        return value[2] if value[0] == CONSTANT else Reference(value[0], int(value[1]), int(value[2]))
    if isinstance(value, Mapping):
        return {k: _legacy_inputs(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_legacy_inputs(v, depth + 1) for v in value]
    raise ValueError(f"{str(value)[:60]!r} is no tensor")


def _legacy_structure(value: Any, depth: int = 0) -> Any:
    """A keyword argument: tensors are lists of a layer's name and two numbers."""
    if depth > MAX_NESTING:
        raise MalformedModelError(f"arguments are nested deeper than {MAX_NESTING}")
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], int):
        return value[2] if value[0] == CONSTANT else Reference(value[0], int(value[1]), int(value[2]))
    if isinstance(value, list):
        return [_legacy_structure(v, depth + 1) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _legacy_structure(v, depth + 1) for k, v in value.items()}
    return value


def _references(value: Any, depth: int = 0) -> Any:
    """Input or output layers: one entry, a list of them, or a mapping."""
    if depth > MAX_NESTING:
        raise MalformedModelError(f"inputs or outputs are nested deeper than {MAX_NESTING}")
    if isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str):
        return Reference(value[0], int(value[1]), int(value[2]))
    if isinstance(value, list):
        return [_references(v, depth + 1) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _references(v, depth + 1) for k, v in value.items()}
    raise ValueError(f"{str(value)[:60]!r} names no layer")


def _names(structure: Any) -> list[str]:
    """A name for each output, made unique as Keras 2 does."""
    found: list[str] = []
    if isinstance(structure, Mapping):
        for key in sorted(structure):
            leaves = list(flatten(structure[key]))
            found += [key] if len(leaves) == 1 else [f"{key}_{i}" for i in range(len(leaves))]
    else:
        found = [r.layer for r in flatten(structure) if isinstance(r, Reference)]
    used: set[str] = set()
    out = []
    for name in found:
        unique, n = name, 1
        while unique in used:
            unique, n = f"{name}_{n}", n + 1
        used.add(unique)
        out.append(unique)
    return out
