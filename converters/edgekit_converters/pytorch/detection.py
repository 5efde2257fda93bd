"""Tells files and objects of torch from others, without torch."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.marks import is_zip

#: how ``torch.save`` began files before torch 1.6: a pickled magic number (torch/serialization.py)
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

OLD_PROGRAM = "serialized_exported_program.json"


class Kind(enum.Enum):
    """Kinds of torch files."""

    PT2 = "exported program"
    TORCHSCRIPT = "TorchScript"
    PICKLE = "pickled tensors or modules"


def is_pickle(head: bytes) -> bool:
    """Whether a file is a bare pickle that names something of torch near its beginning."""
    return head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and b"torch" in head


def is_module(source: Any) -> bool:
    """Whether an object is a ``torch.nn.Module``."""
    return any(c.__module__ == "torch.nn.modules.module" and c.__name__ == "Module" for c in type(source).__mro__)


def is_script(source: Any) -> bool:
    """Whether an object is a ``torch.jit.ScriptModule``."""
    return any(c.__module__ == "torch.jit._script" and c.__name__ == "ScriptModule" for c in type(source).__mro__)


def is_exported(source: Any) -> bool:
    """Whether an object is an ``ExportedProgram``."""
    return type(source).__name__ == "ExportedProgram" and type(source).__module__.startswith("torch.export")


def is_pt2(names: list[str]) -> bool:
    """Whether an archive's entries are those of an exported program."""
    return any(inner_name(n) == OLD_PROGRAM or (inner_name(n).startswith("models/") and n.endswith(".json")) for n in names)


def inner_name(name: str) -> str:
    """An entry's name below the archive's own folder, which is called after the file it was first written to."""
    return name if "/" not in name or name.startswith(("models/", "data/")) else name.partition("/")[2]


def kind_of_file(path: Path, head: bytes) -> Kind | None:
    """The kind of a file, None where it is none of torch's."""
    if head.startswith(LEGACY_MAGIC) or is_pickle(head):
        return Kind.PICKLE
    if not is_zip(head) or not path.is_file():
        return None
    from edgekit_converters.importing.archives import open_archive

    try:
        with open_archive(path) as archive:
            names = list(archive)
    except MalformedModelError:
        return None
    if is_pt2(names):
        return Kind.PT2
    inner = {n.partition("/")[2] for n in names}
    if "data.pkl" not in inner:
        return None
    return Kind.TORCHSCRIPT if "constants.pkl" in inner or any(n.startswith("code/") for n in inner) else Kind.PICKLE
