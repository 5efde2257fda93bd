"""The importer of Hugging Face folders."""

from __future__ import annotations

from edgekit_converters.huggingface.converter import HuggingFaceConverter

CONVERTER = HuggingFaceConverter

__all__ = ["CONVERTER", "HuggingFaceConverter"]
