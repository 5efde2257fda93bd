"""Run a model on .npy inputs or pictures.

Prints type, shape and range of every output, and writes them as .npy files with --output-dir. A model that keeps state begins with its
first values; with --frames it goes through a sequence, with --repeat it runs on the same inputs again.
Pictures (.png .jpg .bmp) are prepared as the file says: see --preprocess, --mean and --std of edgekit convert. A .wav file is given as
its bytes, to models that decode sound themselves.

Examples:
  edgekit run model.ekm --input image=digit.npy
  edgekit run streaming.ekm --input frame=frames.npy --frames --output-dir out/
  edgekit run model.ekm --input a=a.npy --input b=b.npy --output-dir out/
"""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli import options as o
from edgekit.cli.command import Command
from edgekit.cli.console import model_file, print_json, size
from edgekit.errors import EdgekitError


@click.command("run", cls=Command, help=__doc__)
@o.model
@click.option(
    "--input",
    "-i",
    multiple=True,
    help="NAME=FILE (.npy, a picture or .wav), once for each input; a model with one input needs no NAME.",
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
    from edgekit.cli.execution import file_name, load_input, run_session, save_output
    from edgekit.cli.parsing import parse_inputs
    from edgekit.runtime import Session

    with Session(model_file(model), backend=backend, threads=threads, isa=isa) as session:
        files = parse_inputs(input, [s.name for s in session.inputs])
        feeds = {name: load_input(name, path, model) for name, path in files.items()}
        outputs = run_session(session, feeds, frames, repeat)
        written: dict[str, str] = {}
        if output_dir is not None:
            if output_dir.exists() and not output_dir.is_dir():
                raise EdgekitError(f"cannot write to {output_dir}: it is a file; name a folder, which gets one .npy file an output")
            try:
                output_dir.mkdir(parents=True, exist_ok=True)
                for name, a in outputs.items():
                    written[name] = str(output_dir / file_name(name))
                    save_output(Path(written[name]), a)
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
