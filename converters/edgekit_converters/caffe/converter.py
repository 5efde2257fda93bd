"""``CaffeConverter``: tells either file of a Caffe model apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit_converters.caffe.files import WEIGHTS_END, is_prototxt
from edgekit_converters.caffe.weights import looks_like_weights
from edgekit_converters.importing.lazy import LazyConverter


class CaffeConverter(LazyConverter):
    """Reads Caffe models, layers of the forms V0 to V2 and those of the SSD fork. Neither Caffe nor protobuf is needed."""

    name = "caffe"
    description = "Caffe (NAME.prototxt and NAME.caffemodel; either, or their folder, may be named)"
    suffixes = (WEIGHTS_END, ".prototxt")
    needs: tuple[str, ...] = ()
    importer = "edgekit_converters.caffe.loading"

    def detects(self, source: Any, head: bytes) -> bool:
        """True for either file of a model, whatever its name, and for a folder with a ``.caffemodel``."""
        if not isinstance(source, Path):
            return False
        if source.is_dir():
            return any(source.glob("*" + WEIGHTS_END))
        return is_prototxt(head) or looks_like_weights(head)
