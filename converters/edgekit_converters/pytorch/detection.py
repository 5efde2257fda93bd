"""Tells what kind of torch file a file is."""

from __future__ import annotations

import enum
from pathlib import Path

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.archives import is_zip, open_archive
from edgekit_converters.pytorch.pt2 import is_pt2

#: how ``torch.save`` began files before torch 1.6: a pickled magic number (torch/serialization.py)
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


class Kind(enum.Enum):
    """Kinds of torch files."""

    PT2 = "exported program"
    TORCHSCRIPT = "TorchScript"
    PICKLE = "pickled tensors or modules"


def kind_of_file(path: Path, head: bytes) -> Kind | None:
    """The kind of a file, None where it is none of torch's."""
    if head.startswith(LEGACY_MAGIC):
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
