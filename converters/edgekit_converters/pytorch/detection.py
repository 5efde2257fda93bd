"""Tells what kind of torch file a file is."""

from __future__ import annotations

import enum
from pathlib import Path

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.archives import is_zip, open_archive
from edgekit_converters.pytorch.pickles import Global, globals_of
from edgekit_converters.pytorch.pt2 import is_pt2

#: how ``torch.save`` began files before torch 1.6: a pickled magic number (torch/serialization.py)
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

MAX_PICKLE_BYTES = 1 << 26


class Kind(enum.Enum):
    """Kinds of torch files."""

    PT2 = "exported program"
    TORCHSCRIPT = "TorchScript"
    PICKLE = "pickled tensors or modules"


def is_pickle(head: bytes) -> bool:
    """Whether a file is a bare pickle that names something of torch near its beginning."""
    return head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and b"torch" in head


def explain_pickle(path: Path, head: bytes) -> str:
    """What a file of pickled tensors or modules is, and how to bring its model here. Nothing of it is unpickled."""
    names = _pickled_names(path, head)
    classes = sorted(
        {f"{g.module}.{g.name}" for g in names if not g.module.startswith(("torch", "collections", "numpy", "builtins", "__builtin__"))}
    )
    modules = sorted({g.name for g in names if g.module.startswith("torch.nn.modules")})
    if classes or modules:
        shown = ", ".join(classes[:3] or modules[:3])
        what = f"a pickled module ({shown}): its graph is Python code that is not in the file, and unpickling runs code"
    else:
        what = "a state dict: tensors by name, without a graph"
    return (
        f"{what}. Build the module in Python, load the weights into it, and export it: "
        "torch.export.save(torch.export.export(module.eval(), inputs), 'model.pt2'), "
        "or pass the module itself: edgekit.load(module, inputs)"
    )


def _pickled_names(path: Path, head: bytes) -> list[Global]:
    try:
        if not is_zip(head):
            with path.open("rb") as f:
                return globals_of(f.read(MAX_PICKLE_BYTES))
        with open_archive(path) as archive:
            name = next(n for n in archive if n.rpartition("/")[2] == "data.pkl")
            return globals_of(archive.read(name, MAX_PICKLE_BYTES))
    except (MalformedModelError, OSError, StopIteration):
        return []


def kind_of_file(path: Path, head: bytes) -> Kind | None:
    """The kind of a file, None where it is none of torch's."""
    if head.startswith(LEGACY_MAGIC) or is_pickle(head):
        return Kind.PICKLE
    if not is_zip(head) or not path.is_file():
        return None
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
