"""Command line: ``python -m benchmarks.peers --peers edgekit,litert --models mobilenet_v2 --threads 1``."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers import report, runner, suite

_CONFIG = Path(__file__).with_name("peers.json")


def read_specs(paths: Sequence[Path], pythons: Sequence[str]) -> dict[str, runner.PeerSpec]:
    """The peers known: ``peers.json``, then the files named, then ``NAME=PYTHON`` pairs; later ones win key by key.

    A relative ``python`` in a file is relative to that file when it holds a slash, a command on the path otherwise.
    """
    entries: dict[str, dict[str, Any]] = {}
    for path in (_CONFIG, *paths):
        for name, entry in json.loads(path.read_text()).items():
            if "/" in entry.get("python", ""):
                entry["python"] = str(path.parent.absolute() / entry["python"])
            entries.setdefault(name, {}).update(entry)
    for pair in pythons:
        name, _, python = pair.partition("=")
        if name not in entries or not python:
            raise SystemExit(f"--python {pair}: expected NAME=PATH with NAME one of {', '.join(entries)}")
        entries[name]["python"] = str(Path(python).absolute()) if "/" in python else python
    return {name: runner.PeerSpec(**entry) for name, entry in entries.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description="Compare inference runtimes.")
    parser.add_argument("--peers", default="edgekit,litert,ort", help="comma-separated (default: %(default)s)")
    parser.add_argument("--models", default="all", help="comma-separated, or all (default: %(default)s)")
    parser.add_argument("--precisions", default="fp32,int8", help="comma-separated (default: %(default)s)")
    parser.add_argument("--threads", default="1", help="comma-separated (default: %(default)s)")
    parser.add_argument("--models-dir", type=Path, default=Path("build/peers/models"), help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("build/peers/latest.jsonl"), help="(default: %(default)s)")
    parser.add_argument("--append", action="store_true", help="add to the results file instead of starting it anew")
    parser.add_argument("--config", type=Path, action="append", default=[], metavar="JSON", help="more peers")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="a peer's interpreter")
    parser.add_argument("--runs", type=int, default=50, help="inferences a peer and cell (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="quiet rounds wanted (default: %(default)s)")
    parser.add_argument(
        "--budget", type=float, default=20.0, help="seconds a cell of four peers (default: %(default)s)"
    )
    parser.add_argument("--accuracy", action="store_true", help="also compare outputs with the source framework's")
    return parser


def _choose(asked: str, known: Sequence[str], what: str) -> list[str]:
    names = list(known) if asked == "all" else asked.split(",")
    for name in names:
        if name not in known:
            raise SystemExit(f"unknown {what} {name!r}; known: {', '.join(known)}")
    return names


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every cell asked for, print progress and tables, keep the records as JSON lines."""
    options = _parser().parse_args(arguments)
    specs = read_specs(options.config, options.python)
    peers = {name: specs[name] for name in _choose(options.peers, list(specs), "peer")}
    effort = runner.Effort(options.runs, options.rounds, options.budget)
    cells = [
        runner.Cell(name, precision, threads, (options.models_dir / name).absolute(), options.accuracy and threads == 1)
        for name in _choose(options.models, list(suite.MODELS), "model")
        if (options.models_dir / name).is_dir()
        for precision in options.precisions.split(",")
        for threads in map(int, options.threads.split(","))
    ]
    if not cells:
        raise SystemExit(f"no model folders in {options.models_dir}: see benchmarks/README.md, 'Making the models'")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("a" if options.append else "w") as file:
        for cell in cells:
            record = {"model": cell.model, "precision": cell.precision, "threads": cell.threads, "time": time.time()}
            record["peers"] = runner.measure(cell, peers, effort)
            file.write(json.dumps(record) + "\n")
            file.flush()
            print(report.line(record), flush=True)
    print()
    print(report.tables(report.read([options.out])))


if __name__ == "__main__":
    main()
