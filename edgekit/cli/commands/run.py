"""Run a model on .npy inputs or pictures.

Prints type, shape and range of every output, and writes them as .npy files with --output-dir. A model that keeps state begins with its
first values; with --frames it goes through a sequence, with --repeat it runs on the same inputs again.
Pictures (.png .jpg .bmp) are prepared as the file says: see --preprocess, --mean and --std of edgekit convert.

Examples:
  edgekit run model.ekm --input image=digit.npy
  edgekit run streaming.ekm --input frame=frames.npy --frames --output-dir out/
  edgekit run model.ekm --input a=a.npy --input b=b.npy --output-dir out/
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click
import numpy as np

from edgekit.cli import options as o
from edgekit.cli.command import Command
from edgekit.cli.console import model_file, print_json, size
from edgekit.cli.parsing import parse_inputs
from edgekit.errors import EdgekitError
from edgekit.format import read_model
from edgekit.preprocessing import IMAGE_SUFFIXES, for_caller, read_image
from edgekit.runtime import Session
from edgekit.types import Array


def _file_name(output: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in output) + ".npy"


def _load(name: str, path: Path, model: Path) -> Array:
    if path.suffix.lower() in IMAGE_SUFFIXES:
        graph = read_model(model)
        (port,) = [v for v in graph.inputs if v.name == name]
        return read_image(path, port.shape, port.dtype, for_caller(graph.metadata, name, None))[None]
    try:
        loaded = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as e:
        raise EdgekitError(f"input {name!r}: {path} is not a readable .npy file: {e}") from e
    if not isinstance(loaded, np.ndarray):
        raise EdgekitError(f"input {name!r}: {path} holds several arrays; give one .npy file for each input")
    return loaded


def _save(path: Path, a: Array) -> None:
    fd, tmp = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(fd, "wb") as f:
            np.save(f, a)
        Path(tmp).replace(path)
    except BaseException:
        Path(tmp).unlink(missing_ok=True)
        raise


def _run(session: Session, feeds: dict[str, Array], frames: bool, repeat: int) -> dict[str, Array]:
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


@click.command("run", cls=Command, help=__doc__)
@o.model
@click.option(
    "--input",
    "-i",
    multiple=True,
    help="NAME=FILE (.npy or a picture), once for each input; a model with one input needs no NAME.",
)
@click.option("--output-dir", "-o", type=o.PATH, help="Where to write one .npy an output; made if missing.")
@click.option(
    "--frames",
    is_flag=True,
    help="Every input file holds one array a run, along one more dimension in front; state goes on from run to run. "
    "Outputs are stacked the same way.",
)
@click.option("--repeat", type=o.COUNT, default=1, help="Run that many times, state going on; the last outputs count.")
@o.backend
@o.threads
@o.isa
@o.json
def command(
    model: Path,
    input: tuple[str, ...],
    output_dir: Path | None,
    frames: bool,
    repeat: int,
    backend: str,
    threads: int,
    isa: str | None,
    json: bool,
) -> None:
    with Session(model_file(model), backend=backend, threads=threads, isa=isa) as session:
        files = parse_inputs(input, [s.name for s in session.inputs])
        feeds = {name: _load(name, path, model) for name, path in files.items()}
        outputs = _run(session, feeds, frames, repeat)
        written: dict[str, str] = {}
        if output_dir is not None:
            try:
                output_dir.mkdir(parents=True, exist_ok=True)
                for name, a in outputs.items():
                    written[name] = str(output_dir / _file_name(name))
                    _save(Path(written[name]), a)
            except OSError as e:
                raise EdgekitError(f"cannot write to {output_dir}: {e.strerror or e}") from e
        facts = {
            name: {
                "dtype": str(a.dtype),
                "shape": list(a.shape),
                "min": float(a.min()) if a.size else 0.0,
                "max": float(a.max()) if a.size else 0.0,
            }
            for name, a in outputs.items()
        }
        if json:
            print_json(
                {
                    "outputs": {n: facts[n] | ({"file": written[n]} if n in written else {}) for n in facts},
                    "states": [s.name for s in session.states],
                    "peak_memory_bytes": session.peak_memory_bytes,
                }
            )
            return
        for name, f in facts.items():
            where = f" -> {written[name]}" if name in written else ""
            click.echo(f"{name}: {f['dtype']}{f['shape']} from {f['min']:.6g} to {f['max']:.6g}{where}")
        click.echo(f"peak memory {size(session.peak_memory_bytes)}")
