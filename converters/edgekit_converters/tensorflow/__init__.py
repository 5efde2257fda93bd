"""TensorFlow: SavedModel, frozen graphs, TensorFlow Hub archives and TensorFlow.js graph models, read without TensorFlow."""

from edgekit_converters.tensorflow.converter import TensorflowConverter

CONVERTER = TensorflowConverter

__all__ = ["CONVERTER", "TensorflowConverter"]
