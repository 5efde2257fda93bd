"""Run a model on .npy inputs and write its outputs as .npy files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from edgekit.cli import options as o
from edgekit.cli.console import console, parse_pairs, print_json, size
from edgekit.errors import EdgekitError
from edgekit.runtime import Session


def _file_name(output: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in output) + ".npy"


def _load(name: str, path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as e:
        raise EdgekitError(f"input {name!r}: {path} is not a readable .npy file: {e}") from e


def _save(path: Path, a: np.ndarray) -> None:
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
    input: Annotated[list[str], typer.Option("--input", "-i", help="NAME=FILE.npy, once for each input.")] = [],  # noqa: B006
    output_dir: Annotated[Path | None, typer.Option("--output-dir", "-o", help="Where to write one .npy an output; made if missing.")] = None,
    backend: o.Backend = "cpu",
    threads: o.Threads = 1,
    isa: o.Isa = None,
    json: o.Json = False,
) -> None:
    with Session(model, backend=backend, threads=threads, isa=isa) as session:
        feeds = {name: _load(name, path) for name, path in parse_pairs(input, "--input").items()}
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
            name: {"dtype": str(a.dtype), "shape": list(a.shape), "min": float(a.min()) if a.size else 0.0, "max": float(a.max()) if a.size else 0.0}
            for name, a in outputs.items()
        }
        if json:
            print_json({"outputs": {n: facts[n] | ({"file": written[n]} if n in written else {}) for n in facts}, "peak_memory_bytes": session.peak_memory_bytes})
            return
        out = console()
        for name, f in facts.items():
            where = f" -> {written[name]}" if name in written else ""
            out.print(f"{name}: {f['dtype']}{f['shape']} from {f['min']:.6g} to {f['max']:.6g}{where}", markup=False, soft_wrap=True)
        out.print(f"peak memory {size(session.peak_memory_bytes)}", markup=False)
