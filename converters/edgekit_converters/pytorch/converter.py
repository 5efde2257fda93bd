"""``PyTorchConverter``: tells files and objects of torch apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit_converters.importing.lazy import LazyConverter
from edgekit_converters.pytorch.detection import is_exported, is_module, kind_of_file


class PyTorchConverter(LazyConverter):
    """Reads exported programs (``.pt2``) with no torch installed; modules, ``ExportedProgram`` objects and TorchScript through torch."""

    name = "pytorch"
    description = "PyTorch: exported programs (.pt2), torch.nn.Module and ExportedProgram objects, TorchScript"
    suffixes = (".pt2", ".pt", ".pth", ".jit", ".ts", ".torchscript")
    needs = ("torch: TorchScript, modules and ExportedProgram objects",)
    takes_examples = True
    importer = "edgekit_converters.pytorch.loading"

    def detects(self, source: Any, head: bytes) -> bool:
        """True for zip archives of torch, for pickles that torch wrote, and for modules and exported programs in memory."""
        if isinstance(source, Path):
            return kind_of_file(source, head) is not None
        return is_exported(source) or is_module(source)

    def missing(self) -> dict[str, str]:
        """Core ATen operators that do not convert, with the reason."""
        from edgekit_converters.pytorch import core_aten

        return core_aten.missing()
