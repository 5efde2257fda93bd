"""The Caffe importer."""

from __future__ import annotations

from edgekit_converters.caffe.converter import CaffeConverter

CONVERTER = CaffeConverter

__all__ = ["CONVERTER", "CaffeConverter"]
