"""Says what a file of pickled tensors or modules is."""

from __future__ import annotations

from pathlib import Path

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.archives import open_archive
from edgekit_converters.importing.marks import is_zip
from edgekit_converters.pytorch.pickles import Global, globals_of

MAX_PICKLE_BYTES = 1 << 26


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
        f"{what}. Pickles are never unpickled: build the module in Python, load the weights into it, and export it: "
        "module.load_state_dict(torch.load(FILE, weights_only=True)), "
        "torch.export.save(torch.export.export(module.eval(), inputs), 'model.pt2'), "
        "or pass the module itself: edgekit.convert(module.eval(), ...) with example inputs"
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
