"""Opens a Keras file: its configuration, the Keras that wrote it, and its arrays."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.errors import ConversionError, MalformedModelError
from edgekit_converters.importing.archives import Archive, open_archive
from edgekit_converters.importing.files import read_head
from edgekit_converters.keras.bytesource import ByteSource
from edgekit_converters.keras.config import Layer, parse_json
from edgekit_converters.keras.hdf5 import H5File, H5Group
from edgekit_converters.keras.weights import ArchiveWeights, bind_legacy

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MAX_CONFIG = 1 << 28
SUBCLASSED = (
    "a subclassed model: its layers are wired in Python code that the file does not hold. Export it with model.export(folder) and convert "
    "the SavedModel, export it to ONNX, or rebuild it as a functional model"
)


@dataclass(frozen=True)
class Source:
    """What a file says.

    Attributes:
        config: of the model. keras: version of the Keras that wrote it, as the file has it. backend: the one recorded, or empty.
        bind: gives every layer its arrays.
    """

    config: Mapping[str, Any]
    keras: str
    backend: str
    bind: Callable[[Layer], None]

    @property
    def version(self) -> int:
        """Major version of Keras; files of Keras 1 before 1.1 carry none."""
        head = self.keras.split(".")[0]
        return int(head) if re.fullmatch("[0-9]{1,4}", head) else 1


def open_source(path: Path, use: Callable[[Source], Any]) -> Any:
    """Open a file, pass what it says to ``use``, and close it.

    Raises:
        MalformedModelError: it is broken.
        ConversionError: it holds no model that can be rebuilt: weights alone, or a subclassed model.
    """
    head = read_head(path, 4)
    return _archive(path, use) if head == b"PK\x03\x04" else _hdf5(path, use)


def _archive(path: Path, use: Callable[[Source], Any]) -> Any:
    with open_archive(path) as archive:
        if CONFIG not in archive:
            raise MalformedModelError(f"{path}: the archive holds no {CONFIG}")
        config = _object(parse_json(archive.read(CONFIG, MAX_CONFIG), f"{path}: {CONFIG}"), f"{path}: {CONFIG}")
        metadata = parse_json(archive.read(METADATA, MAX_CONFIG), f"{path}: {METADATA}") if METADATA in archive else {}
        keras = str(metadata.get("keras_version", "3")) if isinstance(metadata, Mapping) else "3"
        if WEIGHTS not in archive:
            raise MalformedModelError(f"{path}: the archive holds no {WEIGHTS}; files whose weights are cut into shards are not supported")
        with H5File(_member(archive, WEIGHTS), f"{path}: {WEIGHTS}") as weights:
            return use(Source(config, keras, "", ArchiveWeights(weights.root).bind))


def _member(archive: Archive, name: str) -> ByteSource:
    """An entry of an archive, read from the file where it is not compressed."""
    entry = archive.entry(name)
    if entry.offset is None:
        return ByteSource(archive.path, data=archive.array(name))
    return ByteSource(archive.path, entry.offset, entry.size)


def _hdf5(path: Path, use: Callable[[Source], Any]) -> Any:
    with H5File(ByteSource(path), str(path)) as file:
        root = file.root
        text = root.text("model_config")
        if text is None:
            raise _without_model(path, root)
        config = _object(parse_json(text, f"{path}: model_config"), f"{path}: model_config")
        group = root.group("model_weights") or root
        keras = root.text("keras_version") or group.text("keras_version") or ""
        backend = root.text("backend") or group.text("backend") or ""
        return use(Source(config, keras, backend, lambda layer: bind_legacy(layer, group)))


def _without_model(path: Path, root: H5Group) -> ConversionError:
    names = root.names()
    if root.texts("layer_names") or "layers" in names or "_layer_checkpoint_dependencies" in names or "vars" in names:
        return ConversionError(
            f"{path}: a file of weights alone (save_weights); the layers they belong to are not in it. Save the whole model with "
            "model.save('model.keras'), after model.load_weights() into the code that builds it"
        )
    return ConversionError(f"{path}: an HDF5 file without a Keras model (no model_config)")


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise MalformedModelError(f"{where}: an object is needed")
    return value
