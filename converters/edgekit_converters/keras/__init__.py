"""The Keras importer: .keras archives and HDF5 models of Keras 1, 2 and 3, read with h5py and numpy alone.

``register`` enters a converter for a layer of your own.
"""

from __future__ import annotations

from edgekit_converters.keras.converter import KerasConverter
from edgekit_converters.keras.registry import register

CONVERTER = KerasConverter

__all__ = ["CONVERTER", "KerasConverter", "register"]
