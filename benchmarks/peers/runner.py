"""Starts a worker a peer, runs them in interleaved rounds, keeps only rounds that the machine left alone."""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
Record = dict[str, Any]


@dataclass(frozen=True)
class PeerSpec:
    """One entry of ``peers.json``.

    Attributes:
        adapter: "module:class".
        python: The interpreter that has the runtime; None means the running one.
        precision: Asked precision -> the adapter's, where they differ.
        options: Given to the adapter.
        env: Added to the worker's environment.
    """

    adapter: str
    python: str | None = None
    precision: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """What one comparison measures: a model, a precision and a thread count."""

    model: str
    precision: str
    threads: int
    folder: Path
    accuracy: bool = False


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        runs: At least this many inferences a peer and cell.
        rounds: Quiet rounds wanted of each peer.
        budget_s: Seconds of timing for a cell of four peers.
        wait_limit: A round is quiet when its threads stood ready without a CPU for at most this share of the time.
    """

    runs: int = 50
    rounds: int = 5
    budget_s: float = 20.0
    wait_limit: float = 0.03


class Peer:
    """A worker process, pinned to CPUs, spoken to over pipes."""

    def __init__(self, spec: PeerSpec, cpus: list[int]) -> None:
        """Start the worker with the peer's own Python."""
        names = ",".join(map(str, cpus))
        command = ["taskset", "-c", names, spec.python or sys.executable, "-m", "benchmarks.peers.worker"]
        if os.geteuid() == 0:  # only root may run a timed peer through other processes' load
            command = ["nice", "-n", "-20", *command]
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(len(cpus)), **spec.env}
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=null, env=env, cwd=ROOT, text=True)

    def ask(self, op: str, timeout: float = 180, **arguments: Any) -> Record:
        """Send a command and wait for its answer; {"error": ...} when the worker died or took too long."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps({"op": op, **arguments}) + "\n")
            process.stdin.flush()
        except OSError:
            return {"error": f"worker died (exit {process.poll()})"}
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                process.kill()
                return {"error": f"timeout after {timeout} s"}
        line = process.stdout.readline()
        answer: Record = json.loads(line) if line else {"error": f"worker died (exit {process.wait()})"}
        return answer

    def freeze(self, on: bool) -> None:
        """Stop or continue the process: a stopped peer cannot spin while another is timed."""
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGSTOP if on else signal.SIGCONT)

    def close(self) -> None:
        """Ask the worker to end; kill it when it does not."""
        self.freeze(False)
        try:
            self._process.communicate('{"op": "quit"}\n', timeout=5)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()


def measure(cell: Cell, specs: Mapping[str, PeerSpec], effort: Effort) -> dict[str, Record]:
    """One cell: peer -> its record, with ``ratio`` to the fastest; peers without such a file are left out."""
    cpus = sorted(os.sched_getaffinity(0), reverse=True)[: cell.threads]
    peers: dict[str, Peer] = {}
    records: dict[str, Record] = {}
    try:
        for name, spec in specs.items():
            peer = Peer(spec, cpus)
            record = _prepare(peer, spec, cell, effort)
            if not record.get("missing"):
                records[name] = record
            if "missing" in record or "error" in record:
                peer.close()
            else:
                peer.freeze(True)
                peers[name] = peer
        rounds = _time(peers, records, effort, cell.threads)
        for name, peer in peers.items():
            peer.freeze(False)
            records[name]["memory_end"] = peer.ask("memory")
            _summarize(records[name], rounds[name], effort)
    finally:
        for peer in peers.values():
            peer.close()
    best = min((r["median_ms"] for r in records.values() if "median_ms" in r), default=math.nan)
    for record in records.values():
        if "median_ms" in record:
            record["ratio"] = record["median_ms"] / best
    return records


def _prepare(peer: Peer, spec: PeerSpec, cell: Cell, effort: Effort) -> Record:
    record = peer.ask(
        "load",
        adapter=spec.adapter,
        options=dict(spec.options),
        model=cell.model,
        folder=str(cell.folder),
        precision=spec.precision.get(cell.precision, cell.precision),
        threads=cell.threads,
    )
    if "missing" in record or "error" in record:
        return record
    warm = peer.ask("run", n=3)
    if "error" in warm:
        return {**record, "error": warm["error"]}
    if cell.accuracy:
        limit = 20 if cell.precision == "fp32" else None
        record["accuracy"] = peer.ask("accuracy", timeout=300, folder=str(cell.folder), limit=limit)
    # a round lasts at least 15 ms and gives its share of the runs
    seconds = max(min(warm["ns"]), 1000) / 1e9
    record["batch"] = max(-(-effort.runs // effort.rounds), min(2000, int(0.015 / seconds)))
    return record


def _time(
    peers: Mapping[str, Peer], records: Mapping[str, Record], effort: Effort, threads: int
) -> dict[str, list[Record]]:
    order, turn, start = list(peers), 0, time.monotonic()
    wanted = dict.fromkeys(peers, effort.rounds)
    rounds: dict[str, list[Record]] = {name: [] for name in peers}
    limit = effort.budget_s * max(1, len(peers)) / 4
    while any(wanted.values()) and time.monotonic() - start < limit:
        first = turn % len(order)
        for name in order[first:] + order[:first]:
            if not wanted[name]:
                continue
            peer = peers[name]
            peer.freeze(False)
            peer.ask("run", n=1)
            result = peer.ask("run", n=records[name]["batch"])
            peer.freeze(True)
            if "error" in result:
                records[name]["error"] = result["error"]
                wanted[name] = 0
                continue
            result["quiet"] = result["wait_ns"] <= effort.wait_limit * result["wall_ns"] * threads
            rounds[name].append(result)
            wanted[name] -= result["quiet"]
        turn += 1
    return rounds


def _summarize(record: Record, rounds: list[Record], effort: Effort) -> None:
    quiet = [r for r in rounds if r["quiet"]]
    # with too few quiet rounds the quietest ones count, and rounds_quiet says so
    calmest = sorted(rounds, key=lambda r: float(r["wait_ns"] / r["wall_ns"]))[: max(2, effort.rounds // 2)]
    used = quiet if len(quiet) >= 2 else calmest
    ns = sorted(value for r in used for value in r["ns"])
    if not ns:
        return
    record.update(
        median_ms=statistics.median(ns) / 1e6,
        p90_ms=ns[min(len(ns) - 1, int(0.9 * len(ns)))] / 1e6,
        min_ms=ns[0] / 1e6,
        cpu_ms=sum(r["cpu_ns"] for r in used) / len(ns) / 1e6,
        n=len(ns),
        rounds_quiet=len(quiet),
        rounds_all=len(rounds),
    )
