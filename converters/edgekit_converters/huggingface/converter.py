"""``HuggingFaceConverter``: tells folders with a ``config.json`` apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit_converters.huggingface.folder import INDEX, ONNX_PLACES, PICKLED, SAFETENSORS, read_config
from edgekit_converters.importing.lazy import LazyConverter


class HuggingFaceConverter(LazyConverter):
    """Reads folders as the Hugging Face hub keeps them: an ONNX model, or weights with a config of a known family."""

    name = "huggingface"
    description = "Hugging Face folders: ONNX, or safetensors and config.json of BERT, DistilBERT, RoBERTa and ViT"
    suffixes = ()
    needs = ("onnx: folders with an ONNX model", "torch: other families, with transformers", "transformers: other families, with torch")
    importer = "edgekit_converters.huggingface.loading"

    def detects(self, source: Any, head: bytes) -> bool:
        """True for a folder with a ``config.json`` that names a model, and weights or an ONNX file."""
        if not isinstance(source, Path) or not source.is_dir() or not (source / "config.json").is_file():
            return False
        try:
            config = read_config(source)
        except MalformedModelError:
            return False
        held = (*ONNX_PLACES, SAFETENSORS, INDEX, PICKLED)
        return ("model_type" in config or "architectures" in config) and any((source / n).is_file() for n in held)
