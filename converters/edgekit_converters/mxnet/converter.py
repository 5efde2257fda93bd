"""``MxnetConverter``: tells either file of an MXNet model apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit_converters.importing.lazy import LazyConverter
from edgekit_converters.mxnet.detection import SYMBOL_END, is_npz, is_params, is_symbol


class MxnetConverter(LazyConverter):
    """Reads MXNet models: a symbol of versions 0.8 to 2.0 and its parameters. Neither MXNet nor another framework is needed."""

    name = "mxnet"
    description = "MXNet (NAME-symbol.json and NAME-0001.params; either, or their folder, may be named)"
    suffixes = ("-symbol.json", ".params")
    needs: tuple[str, ...] = ()
    importer = "edgekit_converters.mxnet.loading"

    def detects(self, source: Any, head: bytes) -> bool:
        """True for either file of a model, whatever its name, and for a folder that holds one."""
        if not isinstance(source, Path):
            return False
        if source.is_dir():
            return any(source.glob("*" + SYMBOL_END))
        return is_params(head) or is_symbol(head) or is_npz(source, head)
