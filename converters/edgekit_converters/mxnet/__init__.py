"""The MXNet importer."""

from __future__ import annotations

from edgekit_converters.mxnet.converter import MxnetConverter

CONVERTER = MxnetConverter

__all__ = ["CONVERTER", "MxnetConverter"]
