"""A pytest plugin that keeps the small models tests load, as seeds for fuzzing: they hold every operator there is.

    pytest -p tests.fuzz.collect tests/converters
    python -m tests.fuzz.collect
    python -m tests.fuzz.importers --format onnx --zoo

They go to ``build/fuzz/seeds/FORMAT``, from where ``--zoo`` takes them; the second line takes those out that do not
load. Exported programs of torch are kept as ``.pt2`` files.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edgekit import converters
from edgekit.errors import EdgekitError

FOLDER = Path(__file__).resolve().parents[2] / "build" / "fuzz" / "seeds"
MAX_BYTES = 60_000
MAX_FILES = 16


def keep(name: str, files: dict[str, bytes], entry: str) -> None:
    """Write a seed down: its files, and ``ENTRY``, which names the one to load."""
    if not files or sum(map(len, files.values())) > MAX_BYTES or not all(map(_plain, files)):
        return
    digest = hashlib.sha256(b"\0".join(k.encode() + b"\0" + files[k] for k in sorted(files))).hexdigest()[:16]
    target = FOLDER / name / digest
    if target.exists():
        return
    for k, data in files.items():
        (target / "files" / k).parent.mkdir(parents=True, exist_ok=True)
        (target / "files" / k).write_bytes(data)
    (target / "ENTRY").write_text(entry)


def _plain(name: str) -> bool:
    return name.isprintable() and len(name.encode("utf-8", "replace")) < 200


def _contents(source: Any) -> tuple[dict[str, bytes], str]:
    """The files of a source, and which of them to load; none where it is too large or no file."""
    if isinstance(source, str | Path):
        path = Path(source)
        folder = path if path.is_dir() else path.parent
        found = [p for _, p in zip(range(200), folder.rglob("*"), strict=False) if p.is_file() and not p.name.endswith(".ekm")]
        if path.is_file() and (len(found) > MAX_FILES or sum(p.stat().st_size for p in found) > MAX_BYTES):
            found = [path]
        if len(found) > MAX_FILES or sum(p.stat().st_size for p in found) > MAX_BYTES:
            return {}, ""
        return {str(p.relative_to(folder)): p.read_bytes() for p in found}, path.name if path.is_file() else ""
    if isinstance(source, bytes):
        return {"m.tflite": source}, "m.tflite"
    if hasattr(source, "graph") and hasattr(source, "SerializeToString"):
        return {"m.onnx": source.SerializeToString()}, "m.onnx"
    return {}, ""


def _watched(find: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def watching(source: Any) -> Any:
        found = find(source)
        with suppress(OSError, ValueError):
            keep(found.name, *_contents(source))
        return found

    return watching


def _saved(export: Callable[..., Any]) -> Callable[..., Any]:
    def saving(module: Any, example: Any) -> Any:
        import torch

        program = export(module, example)
        folder = tempfile.mkdtemp()
        with suppress(Exception):  # what torch itself cannot store is no seed
            torch.export.save(program, f"{folder}/m.pt2")
            keep("pytorch", {"m.pt2": Path(folder, "m.pt2").read_bytes()}, "m.pt2")
        shutil.rmtree(folder)
        return program

    return saving


@pytest.fixture(autouse=True, scope="session")
def _watch() -> Any:
    from edgekit_converters.pytorch import exported
    from edgekit_converters.pytorch import loading as pytorch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgekit.converters.loading.find_converter", _watched(converters.find_converter))
        patch.setattr(pytorch, "export_module", _saved(exported.export_module))
        yield


def prune() -> None:
    """Take out what does not load as it is: tests of errors load broken models, too."""
    for folder in sorted(FOLDER.glob("*/*")):
        entry = (folder / "ENTRY").read_text()
        try:
            converters.load(folder / "files" / entry, default_leading=1)
        except EdgekitError:
            shutil.rmtree(folder)


if __name__ == "__main__":
    prune()
