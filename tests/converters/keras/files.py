"""Writes Keras files by hand: ``.keras`` archives and HDF5 models, as the framework lays them out."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.converters import load
from edgekit.ir import Graph
from edgekit.reference import ReferenceSession
from edgekit.types import Array

Arrays = Sequence[Array]


def tensor(layer: str, node: int = 0, index: int = 0, shape: Sequence[int | None] = (), dtype: str = "float32") -> dict[str, Any]:
    """A tensor argument of Keras 3."""
    config = {"shape": list(shape), "dtype": dtype, "keras_history": [layer, node, index]}
    return {"class_name": "__keras_tensor__", "config": config}


def call(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """A call of Keras 3; texts are layers' names."""
    return {"args": [tensor(a) if isinstance(a, str) else a for a in args], "kwargs": kwargs}


def old_call(*layers: Any) -> list[Any]:
    """A call of Keras 1 and 2: names, or whole entries."""
    return [[entry, 0, 0, {}] if isinstance(entry, str) else entry for entry in layers]


def layer(class_name: str, name: str, *nodes: Any, **config: Any) -> dict[str, Any]:
    """A layer of a functional model."""
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": name, "trainable": True, **config},
        "registered_name": None,
        "name": name,
        "inbound_nodes": list(nodes),
    }


def entry(name: str, shape: Sequence[int | None], dtype: str = "float32", old: bool = False) -> dict[str, Any]:
    """An input layer."""
    key = "batch_input_shape" if old else "batch_shape"
    found = layer("InputLayer", name, dtype=dtype, **{key: list(shape)})
    del found["config"]["trainable"]
    return found


def functional(layers: Sequence[Mapping[str, Any]], inputs: Sequence[str], outputs: Sequence[Any], name: str = "model") -> dict[str, Any]:
    """A functional model."""
    config = {
        "name": name,
        "trainable": True,
        "layers": list(layers),
        "input_layers": [[i, 0, 0] for i in inputs],
        "output_layers": [[o, 0, 0] if isinstance(o, str) else o for o in outputs],
    }
    return {"module": "keras.src.models.functional", "class_name": "Functional", "config": config, "registered_name": "Functional"}


def sequential(layers: Sequence[Mapping[str, Any]], name: str = "model") -> dict[str, Any]:
    """A sequential model."""
    return {"module": "keras", "class_name": "Sequential", "config": {"name": name, "trainable": True, "layers": list(layers)}}


def write_archive(path: Path, config: Any, arrays: Mapping[str, Arrays], version: str = "3.9.0") -> Path:
    """A ``.keras`` archive.

    Args:
        path: to write.
        config: of the model.
        arrays: by folder of the weights file, e.g. ``"layers/dense"``.
        version: of Keras.
    """
    h5py = __import__("h5py")
    stream = io.BytesIO()
    with h5py.File(stream, "w") as f:
        for folder, values in arrays.items():
            group = f.create_group(f"{folder}/vars")
            for i, a in enumerate(values):
                group[str(i)] = a
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("metadata.json", json.dumps({"keras_version": version}))
        z.writestr("config.json", json.dumps(config))
        z.writestr("model.weights.h5", stream.getvalue())
    return path


def write_hdf5(path: Path, config: Any, arrays: Mapping[str, Arrays], version: str | None = "2.4.0", backend: str = "tensorflow") -> Path:
    """An HDF5 model.

    Args:
        path: to write.
        config: of the model.
        arrays: by top-level layer, in the framework's order.
        version: of Keras; None leaves it out, as early Keras 1 did.
        backend: the recorded one.
    """
    h5py = __import__("h5py")
    with h5py.File(path, "w") as f:
        f.attrs["model_config"] = json.dumps(config).encode()
        if version is not None:
            f.attrs["keras_version"] = version.encode()
            f.attrs["backend"] = backend.encode()
        weights = f.create_group("model_weights")
        weights.attrs["layer_names"] = np.asarray([n.encode() for n in arrays] or [b""])
        for name, values in arrays.items():
            group = weights.create_group(name)
            names = [f"{name}/array_{i}:0" for i in range(len(values))]
            group.attrs["weight_names"] = np.asarray([n.encode() for n in names])
            for n, a in zip(names, values, strict=True):
                group[n] = a
    return path


def run(graph: Graph, *arrays: Array) -> list[Array]:
    """The outputs of the reference."""
    feeds = {v.name: a for v, a in zip(graph.user_inputs, arrays, strict=True)}
    return list(ReferenceSession(graph).run(feeds).values())


def one_layer(
    folder: Path, description: Mapping[str, Any], arrays: Arrays, x: Array, stored: str = "", version: str = "3.9.0"
) -> list[list[Array]]:
    """The outputs of a model of one layer, from an archive and from an HDF5 file.

    Args:
        folder: for the files.
        description: of the layer, without its call.
        arrays: of the layer, trainable ones first.
        x: the input.
        stored: the layer's folder in the archive, below ``layers/``; empty for no archive.
        version: of Keras for the archive; the HDF5 file is of Keras 2 where the archive is of Keras 3.
    """
    dtype = str(x.dtype)
    shape = [None, *x.shape[1:]]
    name = description["name"]
    found = []
    if stored:
        new = {**description, "inbound_nodes": [call("x")]}
        config = functional([entry("x", shape, dtype), new], ["x"], [name])
        found.append(run(load(write_archive(folder / "model.keras", config, {f"layers/{stored}": arrays}, version)), x))
    old = {k: v for k, v in description.items() if k not in ("module", "registered_name")}
    config = functional([entry("x", shape, dtype, old=True), {**old, "inbound_nodes": [old_call("x")]}], ["x"], [name])
    found.append(run(load(write_hdf5(folder / "model.h5", config, {name: arrays})), x))
    return found


def write_json(path: Path, config: Any, arrays: Mapping[str, Array]) -> Path:
    """A layers model of TensorFlow.js: model.json and one file of weights beside it.

    Args:
        path: of the JSON file.
        config: of the model.
        arrays: by the weights' names, e.g. ``"dense/kernel"``.
    """
    weights = [{"name": n, "shape": list(a.shape), "dtype": str(a.dtype)} for n, a in arrays.items()]
    whole = {
        "format": "layers-model",
        "generatedBy": "keras v2.4.0",
        "modelTopology": {"keras_version": "2.4.0", "backend": "tensorflow", "model_config": config},
        "weightsManifest": [{"paths": ["group1-shard1of1.bin"], "weights": weights}],
    }
    path.write_text(json.dumps(whole))
    (path.parent / "group1-shard1of1.bin").write_bytes(b"".join(a.tobytes() for a in arrays.values()))
    return path
