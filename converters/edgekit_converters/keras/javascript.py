"""Layers models of TensorFlow.js: a Keras configuration in model.json, and files of weights beside it.

The form is that of tfjs-converter and tfjs-layers (github.com/tensorflow/tfjs). Weights are called after their layers; where a layer has
several, they come in Keras' order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgekit.errors import ConversionError, MalformedModelError
from edgekit.types import Array
from edgekit_converters.importing.files import read_bytes
from edgekit_converters.keras.config import Layer, parse_json
from edgekit_converters.keras.source import MAX_CONFIG, Source
from edgekit_converters.keras.weights import fixed_slots, trainable_slots
from edgekit_converters.tensorflow.folder import DiskFolder
from edgekit_converters.tensorflow.javascript import read_weights


def open_json(path: Path, use: Callable[[Source], Any]) -> Any:
    """Read model.json and pass what it says to ``use``.

    Raises:
        MalformedModelError: it is broken.
        ConversionError: it is a configuration without weights.
    """
    whole = parse_json(read_bytes(path, MAX_CONFIG), str(path))
    if isinstance(whole, Mapping) and "modelTopology" not in whole:
        raise ConversionError(
            f"{path}: a configuration without weights (model.to_json). Build the model from it, load its weights, and save it whole "
            "with model.save('model.keras')"
        )
    topology = whole.get("modelTopology") if isinstance(whole, Mapping) else None
    config = topology.get("model_config", topology) if isinstance(topology, Mapping) else None
    if not isinstance(topology, Mapping) or not isinstance(config, Mapping):
        raise MalformedModelError(f"{path}: modelTopology holds no Keras configuration")
    keras = str(topology.get("keras_version") or "2").removeprefix("tfjs-layers").strip()
    weights = read_weights(DiskFolder(path.parent), whole.get("weightsManifest"))
    version = keras if keras[:1] in tuple("123456789") else "2"
    return use(Source(config, version, "", lambda layer: bind_named(layer, weights)))


def leaves(layer: Layer) -> Iterator[Layer]:
    """The layers of a model and of its inner models."""
    for member in layer.members:
        if member.is_model:
            yield from leaves(member)
        else:
            yield member


def bind_named(model: Layer, weights: Mapping[str, Callable[[], Array]]) -> None:
    """Give layers the arrays that are called after them.

    Raises:
        MalformedModelError: a layer has another number of them.
    """
    by_name: dict[str, list[Layer]] = {}
    for leaf in leaves(model):
        by_name.setdefault(leaf.name, []).append(leaf)
    found: dict[str, list[Array]] = {}
    for name, read in weights.items():
        owner = next((by_name[p][0] for p in name.split("/") if len(by_name.get(p, ())) == 1), None)
        if owner is None:
            raise MalformedModelError(f"the weight {name!r} belongs to no layer, or to several")
        found.setdefault(owner.path, []).append(read())
    for leaf in leaves(model):
        arrays = found.get(leaf.path, [])
        if leaf.kind is None or not leaf.kind.counted:
            leaf.extra = arrays
            continue
        slots = trainable_slots(leaf) + fixed_slots(leaf)
        if len(slots) != len(arrays):
            raise MalformedModelError(f"{leaf.class_name} {leaf.path!r}: {len(slots)} arrays are expected, the file holds {len(arrays)}")
        for (owner, variable), array in zip(slots, arrays, strict=True):
            owner.arrays[variable.role] = array
