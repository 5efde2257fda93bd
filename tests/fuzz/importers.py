"""Feeds broken models to the importers: whatever comes, only EdgeKit's own errors may come out, in bounded time and memory.

    python -m tests.fuzz.importers --format onnx --seconds 60
    python -m tests.fuzz.importers --format all --runs 2000 --zoo
    python -m tests.fuzz.importers --format tflite --engine atheris --seconds 600

Inputs follow from ``--seed`` and their number, so that a failure can be had again; it is saved, too. The work is done in child processes,
so that a crash of native code is a finding like any other. With atheris (pip install atheris) coverage guides the same mutations: see
tests/fuzz/guided.py.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import edgekit
from edgekit import converters
from edgekit.errors import EdgekitError, GraphError
from edgekit.ir import Graph
from tests.fuzz.mutations import mutate
from tests.fuzz.numbers import change
from tests.fuzz.seeds import OWN, Seed, seeds

SECONDS_PER_INPUT = 10
#: how many times as long an input may take that hardly computes: it waits, or the machine is busy with other things
WAITING = 12
#: until a child's first input: packages as large as torch are imported, on a busy machine
SECONDS_TO_START = 900
MEMORY_PER_INPUT = 3 << 30
#: models with larger tensors are converted without the check of their results
CHECKED_ELEMENTS = 1 << 22
#: what an error says where a few gigabytes were asked for in vain; what no machine has is refused at once and harms nobody
FILLS_MEMORY = re.compile(r"Unable to allocate [\d.]+ GiB|MemoryError\(\)|MemoryError: *[.;]")
ROOT = Path(__file__).resolve().parents[2]


class TooSlow(Exception):
    """An input took longer than it may."""


@dataclass(frozen=True)
class Failure:
    """One input that brought out something else than an error of EdgeKit's.

    Attributes:
        signature: exception and the place in EdgeKit it came from: failures with the same one are taken for one.
        detail: the traceback, or what killed the process.
    """

    signature: str
    detail: str


def write(seed: Seed, folder: Path) -> Path:
    """The files of a model; the path to load."""
    for name, data in seed.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder / seed.entry if seed.entry else folder


def attempt(path: Path, deep: bool = False) -> str | Failure:
    """Load a model, and convert it where ``deep``: the kind of outcome, or what should not have happened."""
    try:
        with _time_limit():
            graph = converters.load(path, default_leading=1)
            if deep:
                edgekit.convert(path, path.parent / "out.ekm", options=edgekit.ConvertOptions(check=_is_small(graph)))
    except EdgekitError as e:
        asked = FILLS_MEMORY.search(f"{e} {e.__cause__!r} {e.__context__!r}")
        return type(e).__name__ if asked is None else Failure(f"memory: {_place(e)}", str(e))
    except (Exception, RecursionError) as e:
        return Failure(_signature(e), "".join(traceback.format_exception(e)[-12:]))
    return "loaded"


@cache
def warm_up(name: str, deep: bool = False) -> None:
    """Load a whole model of a format, so that what is imported on the way does not count as time an input takes."""
    with tempfile.TemporaryDirectory() as folder, suppress(EdgekitError):
        path = write(seeds(name)[0], Path(folder) / "m")
        converters.load(path, default_leading=1)
        if deep:
            edgekit.convert(path, Path(folder) / "out.ekm")


@contextmanager
def _time_limit() -> Iterator[None]:
    start, busy = time.monotonic(), time.process_time()

    def alarm(*_: object) -> None:
        starved = time.process_time() - busy < SECONDS_PER_INPUT  # by others on the machine; or it waits for something
        if starved and time.monotonic() - start < SECONDS_PER_INPUT * WAITING:
            signal.setitimer(signal.ITIMER_REAL, SECONDS_PER_INPUT)
            return
        raise TooSlow(f"more than {SECONDS_PER_INPUT} s")

    before = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_PER_INPUT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _is_small(graph: Graph) -> bool:
    """Whether its check takes little time: all its tensors together."""
    try:
        return sum(v.type.max_elements() for v in graph.values()) <= CHECKED_ELEMENTS
    except GraphError:
        return False


def _signature(e: BaseException) -> str:
    return f"{type(e).__name__} at {_place(e)}"


def _place(e: BaseException) -> str:
    place = "?"
    for frame in traceback.extract_tb(e.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(ROOT) and not path.is_relative_to(Path(__file__).parent):
            place = f"{path.relative_to(ROOT)}:{frame.lineno}"
    return place


def inputs(name: str, first: int, seed: int, zoo: bool, numbers: bool = False) -> Iterator[Seed]:
    """Broken models without end; the ``k``-th one depends on ``seed`` and ``k`` alone. ``numbers``: see tests/fuzz/numbers.py."""
    pool = seeds(name, zoo)
    k = first
    while True:
        r = np.random.default_rng([seed, k])
        whole = pool[int(r.integers(len(pool)))]
        yield change(r, whole) if numbers else mutate(r, whole, pool)
        k += 1


def _work(name: str, options: dict[str, Any], first: int, last: int, deadline: float, pipe: Any) -> None:
    """In a child process: try inputs ``first`` to ``last``, and send the number of each before it is tried and its outcome behind."""
    warm_up(name, options["deep"])
    soft = MEMORY_PER_INPUT + int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (soft, soft))
    with tempfile.TemporaryDirectory() as folder:
        for k, broken in zip(range(first, last), inputs(name, first, *options["of"]), strict=False):
            if time.monotonic() > deadline:
                break
            target = Path(folder) / "m"
            pipe.send((k, None))
            pipe.send((k, attempt(write(broken, target), options["deep"])))
            shutil.rmtree(target)
    pipe.send((last, "done"))


@dataclass
class Summary:
    """What came of a run over one format."""

    tried: int
    outcomes: Counter[str]
    failures: dict[str, tuple[int, Failure]]


def fuzz(name: str, runs: int, seconds: float, of: tuple[int, bool, bool] = (0, False, False), deep: bool = False) -> Summary:
    """Try inputs until their number or the time is used up; ``of`` are the last arguments of ``inputs``."""
    deadline = time.monotonic() + seconds
    out = Summary(0, Counter(), {})
    k = 0
    context = multiprocessing.get_context("fork")
    while k < runs and time.monotonic() < deadline:
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_work, args=(name, {"of": of, "deep": deep}, k, runs, deadline, theirs))
        child.start()
        theirs.close()
        current, finished, patience = k, False, SECONDS_TO_START
        try:
            while True:
                if not ours.poll(patience):
                    child.kill()
                    break
                number, outcome = ours.recv()
                patience = SECONDS_PER_INPUT * (WAITING + 3)
                current = number
                if outcome == "done":
                    finished = True
                    break
                if outcome is None:
                    continue
                out.tried += 1
                if isinstance(outcome, Failure):
                    out.failures.setdefault(outcome.signature, (number, outcome))
                else:
                    out.outcomes[outcome] += 1
        except EOFError:
            pass
        child.join()
        if finished:
            break
        out.tried += 1
        why = f"the process ended with {child.exitcode} (a negative number is a signal; -9: it did not come back in time)"
        out.failures.setdefault(f"crash {child.exitcode}", (current, Failure(f"crash {child.exitcode}", why)))
        k = current + 1
    return out


def _save(name: str, number: int, of: tuple[int, bool, bool], folder: Path) -> Path:
    target = folder / f"{name}-{of[0]}-{number}"
    shutil.rmtree(target, ignore_errors=True)
    return write(next(inputs(name, number, *of)), target)


def main() -> int:
    """1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.importers", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--format", default="all", choices=["all", *OWN])
    parser.add_argument("--runs", type=int, default=1 << 60)
    parser.add_argument("--seconds", type=float, default=60, help="for each format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--zoo", action="store_true", help="also break the smaller files of EDGEKIT_MODEL_ZOO")
    parser.add_argument("--deep", action="store_true", help="convert what loads, too: passes, memory plan, self-check and writing")
    parser.add_argument("--numbers", action="store_true", help="change single numbers and leave the rest of a model whole")
    parser.add_argument("--engine", default="plain", choices=["plain", "atheris"])
    parser.add_argument("--save", type=Path, default=Path("build/fuzz"), help="where failing inputs go (default: %(default)s)")
    args = parser.parse_args()
    found = False
    for name in OWN if args.format == "all" else [args.format]:
        if args.engine == "atheris":
            from tests.fuzz.guided import run

            found |= run(name, args.seconds, args.save, (args.zoo, args.deep, args.numbers))
            continue
        of = (args.seed, args.zoo, args.numbers)
        summary = fuzz(name, args.runs, args.seconds, of, args.deep)
        print(json.dumps({"format": name, "tried": summary.tried, **summary.outcomes, "failures": len(summary.failures)}), flush=True)
        for number, failure in summary.failures.values():
            found = True
            path = _save(name, number, of, args.save)
            print(f"  {failure.signature} ({path})\n{failure.detail}", flush=True)
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
