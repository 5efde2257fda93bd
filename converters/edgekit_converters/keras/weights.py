"""Gives every layer of a model its arrays.

HDF5 models keep one flat list a top-level layer: the trainable arrays of everything inside, then the others. ``.keras`` archives keep a
folder a layer, named after its class and counted (``keras/src/saving/saving_lib.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.keras.arrays import read
from edgekit_converters.keras.config import MAX_DEPTH, Layer
from edgekit_converters.keras.hdf5 import H5Group
from edgekit_converters.keras.registry import Variable

Slot = tuple[Layer, Variable]
#: classes whose public name is not their own
FOLDERS = {"GroupQueryAttention": "GroupedQueryAttention"}


def trainable_slots(layer: Layer) -> list[Slot]:
    """What training would change in a layer, in Keras' order."""
    if not layer.trainable:
        return []
    own = [(layer, v) for v in layer.variables() if v.trainable]
    return own + [s for inner in layer.inner() for s in trainable_slots(inner)]


def fixed_slots(layer: Layer) -> list[Slot]:
    """The rest: everything where the layer is frozen."""
    variables = layer.variables()
    if layer.trainable:
        return [(layer, v) for v in variables if not v.trainable] + [s for inner in layer.inner() for s in fixed_slots(inner)]
    own = sorted(variables, key=lambda v: not v.trainable)
    return [(layer, v) for v in own] + [s for inner in layer.inner() for s in trainable_slots(inner) + fixed_slots(inner)]


def unknown_within(layer: Layer) -> bool:
    """Whether a layer holds classes whose arrays cannot be counted."""
    if layer.is_operation:
        return False
    if not layer.is_model and (layer.kind is None or not layer.kind.counted):
        return True
    return any(unknown_within(i) for i in layer.inner())


def bind_legacy(model: Layer, group: H5Group) -> None:
    """Arrays of an HDF5 model: one group a top-level layer, its attribute ``weight_names`` in order.

    Raises:
        MalformedModelError: arrays are missing, or their number is not what the layer has.
    """
    for layer in _top_level(model):
        found = group.group(layer.name)
        names = found.texts("weight_names") if found is not None else []
        arrays = []
        for name in names:
            array = found.stored(name) if found is not None else None
            if array is None:
                raise MalformedModelError(f"{layer.class_name} {layer.path!r}: its array {name!r} is missing from the file")
            arrays.append(array)
        if unknown_within(layer):
            layer.extra = [read(a) for a in arrays]
            continue
        slots = trainable_slots(layer) + fixed_slots(layer)
        if len(slots) != len(arrays):
            want = ", ".join(f"{owner.name}.{v.role}" for owner, v in slots[:8]) or "none"
            raise MalformedModelError(
                f"{layer.class_name} {layer.path!r}: {len(slots)} arrays are expected ({want}), the file holds {len(arrays)}"
            )
        for (owner, variable), array in zip(slots, arrays, strict=True):
            owner.arrays[variable.role] = array


def _top_level(model: Layer) -> Iterable[Layer]:
    return model.members if model.is_model else [model]


def snake_case(name: str) -> str:
    """Keras' folder name of a class."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


class ArchiveWeights:
    """Arrays of a ``.keras`` archive's ``model.weights.h5``."""

    def __init__(self, root: H5Group) -> None:
        self.root = root

    def bind(self, layer: Layer, path: str = "") -> None:
        """Give a layer and everything inside it their arrays.

        Raises:
            MalformedModelError: arrays are missing.
        """
        if layer.is_operation:
            return
        if not layer.is_model and (layer.kind is None or not layer.kind.counted):
            layer.extra = self._all(path)
            return
        variables = layer.variables()
        if variables:
            store = layer.kind.store if layer.kind is not None else ""
            self._own(layer, variables, "/".join(p for p in (path, store, "vars") if p))
        if layer.is_model:
            folder = "layers" if self._group(f"{path}/layers") is not None else "_layer_checkpoint_dependencies"
            members = [m for m in layer.members if not m.is_operation]
            if layer.is_sequential and members and members[0].class_name == "InputLayer":
                members = members[1:]
            self._list(members, f"{path}/{folder}")
        for attribute, child in layer.children.items():
            if isinstance(child, list):
                self._list(child, f"{path}/{attribute}")
            else:  # Keras 3.0 has the attributes' private names
                private = self._group(f"{path}/{attribute}") is None and self._group(f"{path}/_{attribute}") is not None
                self.bind(child, f"{path}/_{attribute}" if private else f"{path}/{attribute}")

    def _list(self, layers: Iterable[Layer], path: str) -> None:
        used: dict[str, int] = {}
        for member in layers:
            base = snake_case(FOLDERS.get(member.class_name, member.class_name))
            used[base] = used.get(base, -1) + 1
            self.bind(member, f"{path}/{base}_{used[base]}" if used[base] else f"{path}/{base}")

    def _group(self, path: str) -> H5Group | None:
        return self.root.group(path.strip("/"))

    def _own(self, layer: Layer, variables: list[Variable], path: str) -> None:
        group = self._group(path)
        order = [v for v in variables if v.trainable] + [v for v in variables if not v.trainable]
        for i, v in enumerate(order):
            array = None if group is None else group.stored(str(i))
            if array is None:
                raise MalformedModelError(
                    f"{layer.class_name} {layer.path!r}: its {v.role} ({path.strip('/')}/{i}) is missing from the file"
                )
            layer.arrays[v.role] = array

    def _all(self, path: str, depth: int = 0) -> list[Array]:
        """Every array below a layer of unknown class: its own ones first."""
        group = self._group(path)
        if group is None or depth > MAX_DEPTH:
            return []
        found = []
        names = group.names()
        for name in sorted(names, key=lambda n: (n != "vars", int(n) if re.fullmatch("[0-9]{1,9}", n) else 0, n)):
            array = group.array(name)
            found += self._all(f"{path}/{name}", depth + 1) if array is None else [array]
        return found
