"""Keras' JSON configuration as a tree of layers (https://keras.io/guides/serialization_and_saving/)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.importing.problems import Problems
from edgekit_converters.keras import registry
from edgekit_converters.keras.arrays import Arrays
from edgekit_converters.keras.legacy import modern
from edgekit_converters.keras.registry import LayerKind, Variable

MAX_DEPTH = 32
MAX_LAYERS = 200_000
SEQUENTIAL = ("Sequential",)
FUNCTIONAL = ("Functional", "Model", "Container", "Network")
#: settings of functions that share their name with a layer (HDF5 files do not say which is meant)
OPERATION_SETTINGS = ("newshape", "axis", "approximate", "negative_slope", "alpha", "max_value", "threshold", "keepdims", "dtype")


@dataclass
class Layer:
    """One layer, operation or model of the configuration.

    Attributes:
        class_name: Keras' class. module, registered: where Keras 3 says it lives, and its registered name.
        name: in its model. path: with the models around it, e.g. ``"model/block1/conv"``.
        config: its own settings.
        version: major version of the Keras that wrote the file.
        nodes: where it is called (functional models).
        members: the layers of a model.
        children: inner layers by attribute (of wrappers, attention ...).
        kind: what the importer knows of it, None for an unknown class, an operation or a model.
        build: ``build_config`` of Keras 3.
        arrays: its weights by role. extra: all of them where the roles are not known.
    """

    class_name: str
    name: str
    path: str
    config: Mapping[str, Any]
    version: int
    module: str = ""
    registered: str | None = None
    nodes: list[Any] = field(default_factory=list)
    members: list[Layer] = field(default_factory=list)
    children: dict[str, Any] = field(default_factory=dict)
    kind: LayerKind | None = None
    build: Mapping[str, Any] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=Arrays)
    extra: list[Array] = field(default_factory=list)

    @property
    def is_sequential(self) -> bool:
        return self.class_name in SEQUENTIAL

    @property
    def is_model(self) -> bool:
        """Whether it is made of layers of its own."""
        return self.is_sequential or self.class_name in FUNCTIONAL

    @property
    def is_operation(self) -> bool:
        """Whether it is a function of ``keras.ops`` that a functional model calls, and no layer."""
        if self.module:
            return self.module.startswith(("keras.src.ops", "keras.ops", "keras.src.activations"))
        if self.version < 3 or self.is_model or "trainable" in self.config or registry.OPERATIONS.find(self.class_name) is None:
            return False
        return registry.find(self.class_name, self.registered) is None or set(self.config) <= {"name", *OPERATION_SETTINGS}

    @property
    def trainable(self) -> bool:
        return bool(self.config.get("trainable", True))

    def inner(self) -> Iterator[Layer]:
        """Members and children, in Keras' order."""
        yield from self.members
        for child in self.children.values():
            if isinstance(child, list):
                yield from child
            else:
                yield child

    def child(self, name: str) -> Layer:
        """An inner layer.

        Raises:
            MalformedModelError: there is none.
        """
        found = self.children.get(name)
        if not isinstance(found, Layer):
            raise MalformedModelError(f"{self.class_name} {self.path!r} has no inner layer {name!r}")
        return found

    def variables(self) -> list[Variable]:
        """Its own arrays."""
        return list(self.kind.variables(self)) if self.kind is not None else []


def parse_json(text: str | bytes, where: str) -> Any:
    """JSON of a model file.

    Raises:
        MalformedModelError: it is none, or is nested too deep.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as e:
        raise MalformedModelError(f"{where}: no valid JSON: {e}") from e


class TreeReader:
    """Builds the tree of layers.

    Args:
        version: major version of the Keras that wrote the file.
        problems: where unknown classes go.
    """

    def __init__(self, version: int, problems: Problems) -> None:
        self.version = version
        self.problems = problems
        self._count = 0

    def read(self, raw: Any, parent: str = "", depth: int = 0, name: str = "") -> Layer:
        """One layer with everything inside it.

        Args:
            raw: its configuration.
            parent: path of what it lies in.
            depth: how deep that is.
            name: instead of the configuration's own.

        Raises:
            MalformedModelError: it is no layer configuration, or is nested too deep.
        """
        if depth > MAX_DEPTH:
            raise MalformedModelError(f"{parent}: layers are nested deeper than {MAX_DEPTH}")
        self._count += 1
        if self._count > MAX_LAYERS:
            raise MalformedModelError(f"the model has more than {MAX_LAYERS} layers")
        if not isinstance(raw, Mapping) or not isinstance(raw.get("class_name"), str):
            raise MalformedModelError(f"{parent or 'the model'}: {str(raw)[:80]!r} is no layer configuration")
        class_name = str(raw["class_name"])
        config = raw.get("config")
        if isinstance(config, list) and class_name in SEQUENTIAL:  # Keras 1 and early Keras 2
            config = {"name": raw.get("name") or "sequential", "layers": config}
        if config is None:
            config = {}
        if not isinstance(config, Mapping):
            raise MalformedModelError(f"{parent}/{class_name}: the configuration is no object")
        if self.version == 1:
            class_name, config = modern(class_name, config)
        own = str(name or raw.get("name") or config.get("name") or class_name.lower())
        layer = Layer(class_name, own, f"{parent}/{own}" if parent else own, config, self.version)
        layer.module = str(raw.get("module") or "")
        registered = raw.get("registered_name")
        layer.registered = registered if isinstance(registered, str) else None
        nodes = raw.get("inbound_nodes", [])
        if not isinstance(nodes, list):
            raise MalformedModelError(f"{layer.path}: inbound_nodes is no list")
        layer.nodes = nodes
        build = raw.get("build_config")
        layer.build = build if isinstance(build, Mapping) else {}
        if {"layers", "input_layers", "output_layers"} <= set(config) and not layer.is_model:
            layer.class_name = "Functional"  # a class derived from Model
        if layer.is_model:
            self._members(layer, depth)
        elif not layer.is_operation:
            layer.kind = registry.find(class_name, layer.registered)
            if layer.kind is not None:
                self._children(layer, depth)
        return layer

    def _members(self, model: Layer, depth: int) -> None:
        raws = model.config.get("layers")
        if not isinstance(raws, list):
            raise MalformedModelError(f"{model.class_name} {model.path!r} lists no layers")
        model.members = [self.read(r, model.path, depth + 1) for r in raws]
        names = [m.name for m in model.members]
        if len(set(names)) != len(names) and not model.is_sequential:
            raise MalformedModelError(f"{model.path}: two layers share a name")

    def _children(self, layer: Layer, depth: int) -> None:
        assert layer.kind is not None
        try:
            found = layer.kind.children(layer)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as e:
            raise MalformedModelError(f"{layer.class_name} {layer.path!r}: the inner layers cannot be read: {e!r}") from e
        for attribute, raw in found.items():
            if isinstance(raw, list):
                layer.children[attribute] = [self.read(r, layer.path, depth + 1) for r in raw]
            else:
                layer.children[attribute] = self.read(raw, layer.path, depth + 1)
