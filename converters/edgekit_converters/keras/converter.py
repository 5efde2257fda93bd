"""``KerasConverter``: tells .keras archives, HDF5 models and layers models of TensorFlow.js apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit_converters.importing.lazy import LazyConverter
from edgekit_converters.keras.detection import SIGNATURE, is_json_model, is_keras_archive


class KerasConverter(LazyConverter):
    """Reads Keras models without Keras: ``.keras`` archives, HDF5 files of Keras 1, 2 and 3, and layers models of TensorFlow.js."""

    name = "keras"
    description = "Keras (.keras archive, .h5/.hdf5 model of Keras 1 to 3, TensorFlow.js layers model.json)"
    suffixes = (".keras", ".h5", ".hdf5")
    needs = ("h5py",)
    importer = "edgekit_converters.keras.loading"

    def detects(self, source: Any, head: bytes) -> bool:
        """True for an HDF5 file, a zip archive that holds a Keras configuration, and model.json with one."""
        if not isinstance(source, Path):
            return False
        return head.startswith(SIGNATURE) or is_json_model(head) or is_keras_archive(source, head)
