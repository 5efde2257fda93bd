"""Time a model on this machine.

Inputs are random, from a fixed seed. Prints the median, minimum and 90th percentile over the runs, and with --per-node the time, the back
end and the kernel of every operator.

Examples:
  edgekit bench model.ekm
  edgekit bench model.ekm --threads 2 --runs 200 --per-node
  edgekit bench model.ekm --isa scalar --json
"""

from __future__ import annotations

import time
from typing import Annotated

import numpy as np
import typer

from edgekit.cli import options as o
from edgekit.cli.console import console, duration, model_file, print_json, progress_bar, size, table
from edgekit.format import read_model
from edgekit.runtime import Session
from edgekit.self_check import seeded_inputs


def command(
    model: o.Model,
    runs: Annotated[int, typer.Option("--runs", "-n", min=1, help="Timed runs.")] = 50,
    warmup: Annotated[int, typer.Option("--warmup", min=0, help="Runs before the clock starts.")] = 5,
    per_node: Annotated[bool, typer.Option("--per-node", help="Also the time of every operator.")] = False,
    backend: o.Backend = "cpu",
    threads: o.Threads = 1,
    isa: o.Isa = None,
    json: o.Json = False,
) -> None:
    feeds = seeded_inputs(read_model(model_file(model)))
    with Session(model, backend=backend, threads=threads, isa=isa, profile=per_node) as session, progress_bar(quiet=json) as tell:
        times = []
        for i in range(warmup + runs):
            start = time.perf_counter()
            session.run(feeds)
            times.append(time.perf_counter() - start)
            if tell is not None:
                tell("run", i + 1, warmup + runs)
        t = np.sort(np.array(times[warmup:]))
        figures = {"median": float(np.median(t)), "min": float(t[0]), "p90": float(t[int(0.9 * (len(t) - 1))]), "mean": float(t.mean())}
        nodes = [(n.name, n.op, n.backend, n.kernel, n.total_ns / max(1, n.run_count) / 1e9) for n in session.nodes] if per_node else []
        memory = session.memory
    if json:
        records = [dict(zip(("name", "op", "backend", "kernel", "seconds"), n, strict=True)) for n in nodes]
        print_json(
            {"seconds": figures, "runs": runs, "threads": threads, "backend": backend, "isa": isa, "memory": memory, "nodes": records}
        )
        return
    out = console()
    if nodes:
        out.print(table("operators", ["node", "operator", "back end", "kernel", "time"], [[*n[:4], duration(n[4])] for n in nodes]))
    out.print(f"median {duration(figures['median'])}, min {duration(figures['min'])}, p90 {duration(figures['p90'])} over {runs} runs")
    out.print(
        f"{backend}, {threads} thread(s); peak memory {size(memory.activation_bytes)}, packed weights {size(memory.packed_bytes)}",
        markup=False,
    )
