"""The tensors a TorchScript file wants, read from the text of its code: what is missing is said without starting torch."""

from __future__ import annotations

import re
from pathlib import Path

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.archives import open_archive
from edgekit_converters.pytorch.pickles import globals_of

MAX_TEXT_BYTES = 1 << 24
#: the parameters of ``forward`` up to its result, each with its type; the first is the module itself
FORWARD = r"def forward\(\s*self: [\w.]+,?\s*(?P<parameters>.*?)\) -> "
PARAMETER = re.compile(r"(?P<name>\w+): Tensor\s*(?:,|$)")


def tensor_inputs(path: Path) -> list[str]:
    """The names of the tensors that ``forward`` requires; empty where the text does not tell."""
    try:
        with open_archive(path) as archive:
            root = next(n for n in archive if n.endswith("/data.pkl")).partition("/")[0]
            top = next(g for g in globals_of(archive.read(f"{root}/data.pkl", MAX_TEXT_BYTES)) if g.module.startswith("__torch__"))
            text = archive.read(f"{root}/code/{top.module.replace('.', '/')}.py", MAX_TEXT_BYTES).decode("utf-8", "replace")
    except (MalformedModelError, StopIteration, KeyError):
        return []
    at = f"\n{text}".find(f"\nclass {top.name}(Module):")
    found = re.compile(rf"^  {FORWARD}", re.MULTILINE | re.DOTALL).search(text, max(0, at)) if at >= 0 else None
    return [] if found is None else PARAMETER.findall(" ".join(found["parameters"].split()))
