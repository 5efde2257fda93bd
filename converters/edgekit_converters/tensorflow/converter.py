"""``TensorflowConverter``: tells SavedModels, frozen graphs and TensorFlow.js graph models apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit_converters.importing.lazy import LazyConverter
from edgekit_converters.importing.marks import is_tar
from edgekit_converters.tensorflow import detection


class TensorflowConverter(LazyConverter):
    """Reads TensorFlow models without TensorFlow."""

    name = "tensorflow"
    description = "TensorFlow (SavedModel folder or .tar.gz, frozen GraphDef .pb or .pbtxt, TensorFlow.js graph model.json)"
    suffixes = (".pb", ".pbtxt", ".tar.gz", ".tgz")
    needs = ("protobuf",)
    has_signatures = True
    importer = "edgekit_converters.tensorflow.loading"

    def detects(self, source: Any, head: bytes) -> bool:
        """True for a SavedModel's folder or main file, and for a GraphDef, whatever its name."""
        if not isinstance(source, Path):
            return False
        if source.is_dir():
            return detection.is_saved_model(source)
        return (
            detection.looks_like_saved_model(head)
            or detection.looks_like_graph(head)
            or detection.looks_like_graph_text(head)
            or detection.looks_like_saved_model_text(head)
            or detection.looks_like_graph_model(head)
            or (is_tar(head) and _is_hub_archive(source, head))
        )


def _is_hub_archive(path: Path, head: bytes) -> bool:
    from edgekit_converters.tensorflow.hub import is_hub_archive

    return is_hub_archive(path, head)
