"""Runs one peer on one model: JSON commands on stdin, one line each, answers on stdout.

Commands: load, run, accuracy, memory, quit. What native libraries print to stdout goes to stderr.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import suite
from benchmarks.peers.adapters.base import Adapter

Record = dict[str, Any]


def memory() -> dict[str, float]:
    """Resident memory of this process in MiB, from the kernel."""
    fields = {}
    for line in Path("/proc/self/status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key in ("VmHWM", "VmRSS", "RssAnon", "RssFile"):
            fields[key] = int(value.split()[0]) / 1024
    return fields


def run_queue_wait_ns() -> int:
    """Time this process's threads stood ready but had no CPU: the mark of other load on the machine."""
    total = 0
    for task in Path("/proc/self/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[1])
        except (OSError, IndexError):  # the thread has ended, or the kernel keeps no such figures
            continue
    return total


class Worker:
    """One peer with one model loaded."""

    _adapter: Adapter
    _model: suite.Model

    def load(
        self, adapter: str, options: dict[str, str], model: str, folder: str, precision: str, threads: int
    ) -> Record:
        """Import the runtime, load the model, run it once; times in seconds, memory in MiB."""
        module, _, name = adapter.partition(":")
        self._model = suite.MODELS[model]
        self._adapter = getattr(importlib.import_module(module), name)(options)
        path = self._adapter.path(Path(folder), precision)
        if path is None:
            return {"missing": True}
        x = suite.make_input(model, 0)
        gc.collect()
        stages, times = [memory()], [time.perf_counter()]

        def mark() -> None:
            times.append(time.perf_counter())
            stages.append(memory())

        self._adapter.start(threads)
        mark()
        self._adapter.load(path, self._model, threads)
        self._adapter.set_input(self._adapter.native(self._model, x))
        mark()
        self._adapter.run()
        mark()
        y = self._adapter.canonical(self._model, self._adapter.output())
        if y.size == 0 or not np.isfinite(y).all():
            return {"error": f"no usable output: {y.size} values, finite {bool(np.isfinite(y).all())}"}
        record: Record = {"bytes": self._adapter.sizes(path), "outputs": y.size}
        record.update(zip(("import_s", "load_s", "first_s"), np.diff(times).tolist(), strict=True))
        record.update(zip(("memory_base", "memory_import", "memory_load", "memory_first"), stages, strict=True))
        return record

    def run(self, n: int) -> Record:
        """Time ``n`` inferences; nanoseconds."""
        run, clock = self._adapter.run, time.perf_counter_ns
        latencies = []
        wait, cpu, wall = run_queue_wait_ns(), time.process_time_ns(), clock()
        for _ in range(n):
            start = clock()
            run()
            latencies.append(clock() - start)
        wall, cpu = clock() - wall, time.process_time_ns() - cpu
        return {"ns": latencies, "wall_ns": wall, "cpu_ns": cpu, "wait_ns": run_queue_wait_ns() - wait}

    def memory(self) -> Record:
        """Resident memory now."""
        return dict(memory())

    def accuracy(self, folder: str, limit: int | None = None) -> Record:
        """Error of this peer's outputs against the source framework's, over the stored reference outputs."""
        path = Path(folder) / "ref.npy"
        if not path.exists():
            return {"error": "no ref.npy"}
        reference = np.load(path, mmap_mode="r")
        count = min(len(reference), limit or len(reference))
        signal = noise = largest_error = largest = agree = 0.0
        for index in range(count):
            x = suite.make_input(self._model.name, index)
            self._adapter.set_input(self._adapter.native(self._model, x))
            self._adapter.run()
            y = self._adapter.canonical(self._model, self._adapter.output()).astype(np.float64)
            expected = np.asarray(reference[index], np.float64)
            if y.size != expected.size:
                return {"error": f"{y.size} outputs, expected {expected.size}"}
            y = y.reshape(expected.shape)
            signal += float((expected**2).sum())
            noise += float(((y - expected) ** 2).sum())
            largest_error = max(largest_error, float(np.abs(y - expected).max()))
            largest = max(largest, float(np.abs(expected).max()))
            agree += float((y.argmax(-1) == expected.argmax(-1)).mean())
        sqnr = 10 * float(np.log10(signal / noise)) if noise > 0 else float("inf")
        return {
            "n": count,
            "sqnr_db": sqnr,
            "max_abs": largest_error,
            "max_rel": largest_error / largest,
            "top1": agree / count,
        }


def main() -> None:
    """Answer commands until told to quit or stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker()
    for line in sys.stdin:
        command = json.loads(line)
        operation = command.pop("op")
        if operation == "quit":
            break
        try:
            answer = getattr(worker, operation)(**command)
        except BaseException as error:  # the parent reports it; a peer may raise anything
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    os._exit(0)  # some runtimes hang or crash while they are torn down


if __name__ == "__main__":
    main()
