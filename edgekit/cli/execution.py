"""How ``edgekit run`` reads inputs, runs a session and writes outputs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from edgekit.arrays import read_arrays
from edgekit.errors import EdgekitError
from edgekit.format import read_model
from edgekit.preprocessing import IMAGE_SUFFIXES, for_caller, read_image
from edgekit.runtime import Session
from edgekit.types import Array


def file_name(output: str) -> str:
    """The name of the ``.npy`` file for an output."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in output) + ".npy"


def load_input(name: str, path: Path, model: Path) -> Array:
    """An input's array from a ``.npy`` file, from a picture prepared as the model says, or the bytes of a ``.wav`` file.

    Raises:
        EdgekitError: the file holds no such thing.
    """
    if path.suffix.lower() in IMAGE_SUFFIXES:
        graph = read_model(model)
        (port,) = [v for v in graph.inputs if v.name == name]
        return read_image(path, port.shape, port.dtype, for_caller(graph.metadata, name, None))[None]
    if path.suffix.lower() == ".wav":  # for models that decode the file themselves
        try:
            return np.fromfile(path, np.uint8)
        except OSError as e:
            raise EdgekitError(f"input {name!r}: {path} cannot be read: {e.strerror or e}") from e
    try:
        loaded = read_arrays(path)
    except (OSError, ValueError) as e:
        raise EdgekitError(f"input {name!r}: {path} is not a readable .npy file: {e}") from e
    if not isinstance(loaded, np.ndarray):
        raise EdgekitError(f"input {name!r}: {path} holds several arrays; give one .npy file for each input")
    return loaded


def save_output(path: Path, a: Array) -> None:
    """Write an array to a ``.npy`` file, which appears whole or not at all."""
    fd, tmp = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(fd, "wb") as f:
            np.save(f, a)
        Path(tmp).replace(path)
    except BaseException:
        Path(tmp).unlink(missing_ok=True)
        raise


def run_session(session: Session, feeds: dict[str, Array], frames: bool, repeat: int) -> dict[str, Array]:
    """The outputs of the last round; of all runs in it, stacked, where the inputs are ``frames``."""
    if not frames:
        for _ in range(repeat - 1):
            session.run(feeds)
        return session.run(feeds)
    counts = {name: len(a) if a.ndim else 0 for name, a in feeds.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        raise EdgekitError(f"--frames: the inputs hold a different number of runs, or none: {counts}")
    steps = [{name: a[k] for name, a in feeds.items()} for k in range(next(iter(counts.values())))]
    for _ in range(repeat):
        found = [session.run(step) for step in steps]
    try:
        return {name: np.stack([f[name] for f in found]) for name in found[0]}
    except ValueError as e:
        raise EdgekitError(f"--frames: an output has another shape in every run and cannot be stacked: {e}") from e
