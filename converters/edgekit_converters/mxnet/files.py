"""Finds the two files of a model: ``NAME-symbol.json`` and ``NAME-0001.params``, whichever of them (or their folder) is named."""

from __future__ import annotations

import re
from pathlib import Path

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.files import read_head
from edgekit_converters.mxnet.detection import SYMBOL_END, is_npz, is_params

EPOCH = re.compile(r"-(\d{1,9})\Z")


def find_files(source: Path) -> tuple[Path, Path | None]:
    """The symbol and the parameters of a model; no parameters where none lie beside the symbol.

    Raises:
        MalformedModelError: no symbol lies beside the parameters, or the folder holds several models.
    """
    if source.is_dir():
        symbols = sorted(source.glob("*" + SYMBOL_END))
        if len(symbols) != 1:
            names = ", ".join(s.name for s in symbols) or "none"
            raise MalformedModelError(f"{source}: one file *{SYMBOL_END} is needed, the folder has {names}; name the file itself")
        return symbols[0], _params_beside(symbols[0])
    head = read_head(source, 16)
    if is_params(head) or is_npz(source, head):
        return _symbol_beside(source), source
    return source, _params_beside(source)


def _symbol_beside(params: Path) -> Path:
    prefix = EPOCH.sub("", params.stem)
    tried = [f"{prefix}{SYMBOL_END}", f"{prefix}.json", f"{params.stem}{SYMBOL_END}", f"{params.stem}.json"]
    for name in dict.fromkeys(tried):
        if params.with_name(name).is_file():
            return params.with_name(name)
    raise MalformedModelError(f"{params}: holds weights alone; put the model's symbol beside it, as {tried[0]}")


def _params_beside(symbol: Path) -> Path | None:
    """The parameters of the last epoch."""
    prefix = symbol.name.removesuffix(SYMBOL_END).removesuffix(".json")
    epochs = []
    for path in symbol.parent.glob("*.params"):
        epoch = EPOCH.search(path.stem)
        if path.stem == prefix or (epoch and EPOCH.sub("", path.stem) == prefix):
            epochs.append((int(epoch.group(1)) if epoch else -1, path))
    return max(epochs)[1] if epochs else None
