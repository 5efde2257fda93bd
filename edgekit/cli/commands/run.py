"""Run a model on .npy inputs.

Prints type, shape and range of every output, and writes them as .npy files with --output-dir.

Examples:
  edgekit run model.ekm --input image=digit.npy
  edgekit run model.ekm --input a=a.npy --input b=b.npy --output-dir out/
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from edgekit.cli import options as o
from edgekit.cli.console import console, model_file, parse_inputs, print_json, size
from edgekit.errors import EdgekitError
from edgekit.runtime import Session
from edgekit.types import Array


def _file_name(output: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in output) + ".npy"


def _load(name: str, path: Path) -> Array:
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


def command(
    model: o.Model,
    input: Annotated[
        list[str], typer.Option("--input", "-i", help="NAME=FILE.npy, once for each input; a model with one input needs no NAME.")
    ] = [],  # noqa: B006
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", "-o", help="Where to write one .npy an output; made if missing.")
    ] = None,
    backend: o.Backend = "cpu",
    threads: o.Threads = 1,
    isa: o.Isa = None,
    json: o.Json = False,
) -> None:
    with Session(model_file(model), backend=backend, threads=threads, isa=isa) as session:
        files = parse_inputs(input, [s.name for s in session.inputs])
        feeds = {name: _load(name, path) for name, path in files.items()}
        outputs = session.run(feeds)
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
                    "peak_memory_bytes": session.peak_memory_bytes,
                }
            )
            return
        out = console()
        for name, f in facts.items():
            where = f" -> {written[name]}" if name in written else ""
            out.print(f"{name}: {f['dtype']}{f['shape']} from {f['min']:.6g} to {f['max']:.6g}{where}", markup=False, soft_wrap=True)
        out.print(f"peak memory {size(session.peak_memory_bytes)}", markup=False)
