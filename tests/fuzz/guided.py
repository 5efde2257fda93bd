"""The coverage-guided engine: atheris (libFuzzer) decides what is broken, and keeps what reaches new code of an importer.

    python -m tests.fuzz.importers --format onnx --engine atheris --zoo --seconds 300

An input is a tape of choices (``mutations.Tape``): which seed, which edits, where. libFuzzer keeps a tape that reaches new code and makes
longer ones of it. Only the importer's own package and the shared kit are instrumented, and the clock starts behind that. The fuzzer lives
in a child process; a failure is written down and the search goes on, a crash or a hang is written down and a new child goes on.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import converters
from edgekit.converters import registry
from tests.fuzz.importers import MEMORY_PER_INPUT, ROOT, SECONDS_PER_INPUT, WAITING, Failure, attempt, warm_up, write
from tests.fuzz.mutations import Tape, mutate
from tests.fuzz.numbers import change
from tests.fuzz.seeds import Seed, seeds

MAX_TAPE = 256
FIRST_TAPES = 300
MAX_ROUNDS = 8
MAX_CHILDREN = 20
#: beyond this no input is running any more: Python's own alarm comes after SECONDS_PER_INPUT, unless native code never returns
HANGS_AFTER = (WAITING + 3) * SECONDS_PER_INPUT


def play(tape: Tape, pool: list[Seed], numbers: bool = False) -> Seed:
    """The broken model that a tape makes of the seeds; ``numbers``: with single numbers changed."""
    if numbers:
        return change(tape, pool[tape.integers(len(pool))])
    broken = mutate(tape, pool[tape.integers(len(pool))], pool)
    for _ in range(MAX_ROUNDS):
        if not tape.left or not any(broken.files.values()):
            break
        broken = mutate(tape, broken, pool)
    return broken


def fuzz_here(name: str, seconds: float, folder: Path, zoo: bool, deep: bool, numbers: bool) -> None:
    """In a child: instrument, then fuzz; never returns. ``folder`` gets the corpus, ``current``, ``findings.jsonl`` and failing models."""
    import atheris

    with atheris.instrument_imports(include=[f"edgekit_converters.{name}", "edgekit_converters.importing"]):
        converters.coverage(next(c for c in converters.converters() if c.name == name))  # imports everything there is of it
    registry._plugged_in = list  # looking for others takes longer than many an input
    warm_up(name, deep)
    pool = seeds(name, zoo)
    scratch = Path(tempfile.mkdtemp(prefix="edgekit-fuzz-"))
    findings, current = folder / "findings.jsonl", os.open(folder / "current", os.O_RDWR | os.O_CREAT)
    known = {json.loads(line)["signature"] for line in findings.read_text().splitlines()} if findings.exists() else set()

    def one(data: bytes) -> None:
        os.ftruncate(current, 0)
        os.pwrite(current, data, 0)
        broken = play(Tape(data), pool, numbers)
        with tempfile.TemporaryDirectory(dir=scratch) as target:
            outcome = attempt(write(broken, Path(target)), deep)
        if isinstance(outcome, Failure) and outcome.signature not in known:
            known.add(outcome.signature)
            note(folder, pool, (data, numbers), outcome)

    if not any((folder / "corpus").iterdir()):
        r = np.random.default_rng(0)
        for k in range(FIRST_TAPES):
            (folder / "corpus" / f"first-{k}").write_bytes(r.bytes(int(r.integers(4, 96))))
    atheris.Setup(
        [
            name, str(folder / "corpus"), f"-max_total_time={max(1, round(seconds))}", f"-max_len={MAX_TAPE}", "-len_control=0",
            "-print_final_stats=1", "-rss_limit_mb=0", "-timeout=0", f"-artifact_prefix={folder}/",
        ],
        one,
    )  # fmt: skip
    soft = MEMORY_PER_INPUT + int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (soft, soft))
    (folder / "ready").touch()
    atheris.Fuzz()


def note(folder: Path, pool: list[Seed], played: tuple[bytes, bool], failure: Failure) -> None:
    """Write a failure down, and the model that brought it out: a tape, and whether it changes numbers."""
    tape, numbers = played
    findings = folder / "findings.jsonl"
    number = len(findings.read_text().splitlines()) if findings.exists() else 0
    path = write(play(Tape(tape), pool, numbers), folder / f"failure-{number}")
    with findings.open("a") as f:
        row = {"signature": failure.signature, "path": str(path), "tape": tape.hex(), "detail": failure.detail}
        f.write(json.dumps(row) + "\n")


def run(name: str, seconds: float, save: Path, flags: tuple[bool, bool, bool]) -> bool:
    """Fuzz one importer for some time, instrumentation not counted, print what came of it, and say whether anything failed.

    Args:
        name: of the format.
        seconds: for inputs.
        save: folder that gets ``guided-NAME`` with the corpus (taken up again by the next run) and the failures.
        flags: zoo, deep and numbers, as the plain engine has them; the last one keeps a corpus of its own.
    """
    zoo, _, numbers = flags
    folder = save.resolve() / f"guided-{name}{'-numbers' if numbers else ''}"
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    (folder / "findings.jsonl").unlink(missing_ok=True)
    tried = coverage = features = 0
    left = seconds
    for _ in range(MAX_CHILDREN):
        log, used, ended = _child(name, left, folder, flags)
        found = re.findall(r"^#(\d+)\s.*?cov: (\d+) ft: (\d+)", log, re.MULTILINE)
        if found:
            coverage, features = max(coverage, int(found[-1][1])), max(features, int(found[-1][2]))
        total = re.findall(r"stat::number_of_executed_units:\s*(\d+)", log)
        tried += int(total[-1]) if total else int(found[-1][0]) if found else 0
        left -= used
        if ended == 0:
            break
        tape = (folder / "current").read_bytes() if (folder / "current").exists() else b""
        note(folder, seeds(name, zoo), (tape, numbers), Failure(f"crash {ended}", log[-4000:]))
        if left < 1 or not used:
            break
    rows: list[dict[str, Any]] = []
    with suppress(FileNotFoundError):
        rows = [json.loads(line) for line in (folder / "findings.jsonl").read_text().splitlines()]
    summary = {
        "format": name,
        "engine": "atheris",
        "seconds": round(seconds - left),
        "tried": tried,
        "edges": coverage,
        "features": features,
    }
    print(json.dumps({**summary, "failures": len({r["signature"] for r in rows})}), flush=True)
    for row in rows:
        print(f"  {row['signature']} ({row['path']})\n{row['detail']}", flush=True)
    return bool(rows)


def _child(name: str, seconds: float, folder: Path, flags: tuple[bool, bool, bool]) -> tuple[str, float, int]:
    """Run a child to its end: its log, the seconds it spent on inputs, and its exit status (negative: a signal; -9: it hung)."""
    ready, current = folder / "ready", folder / "current"
    ready.unlink(missing_ok=True)
    words = [name, repr(seconds), str(folder), *(str(int(f)) for f in flags)]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "tests.fuzz.guided", *words], stdout=log, stderr=log, cwd=ROOT)
        start: float | None = None
        while process.poll() is None:
            time.sleep(0.5)
            if start is None and ready.exists():
                start = time.monotonic()
            stamp = max(p.stat().st_mtime for p in (ready, current) if p.exists()) if start is not None else time.time()
            if time.time() - stamp > HANGS_AFTER:
                process.kill()
    text = (folder / "log.txt").read_text(errors="replace")
    return text, 0.0 if start is None else time.monotonic() - start, process.returncode


if __name__ == "__main__":
    fuzz_here(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]), *(word == "1" for word in sys.argv[4:7]))
