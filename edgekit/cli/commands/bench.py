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
from pathlib import Path

import click

from edgekit.cli import options as o
from edgekit.cli.command import Command
from edgekit.cli.console import duration, model_file, print_json, print_table, progress_bar, size


@click.command("bench", cls=Command, help=__doc__)
@o.model
@click.option("--runs", "-n", type=o.COUNT, default=50, help="Timed runs.")
@click.option("--warmup", type=click.IntRange(min=0), default=5, help="Runs before the clock starts.")
@click.option("--per-node", is_flag=True, help="Also the time of every operator.")
@o.backend
@o.threads
@o.isa
@o.json
def command(model: Path, runs: int, warmup: int, per_node: bool, backend: str, threads: int, isa: str | None, json: bool) -> None:
    import numpy as np

    from edgekit.format import read_model
    from edgekit.runtime import Session
    from edgekit.self_check import seeded_inputs

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
    if nodes:
        print_table("operators", ["node", "operator", "back end", "kernel", "time"], [[*n[:4], duration(n[4])] for n in nodes])
    click.echo(f"median {duration(figures['median'])}, min {duration(figures['min'])}, p90 {duration(figures['p90'])} over {runs} runs")
    click.echo(f"{backend}, {threads} thread(s); peak memory {size(memory.activation_bytes)}, packed weights {size(memory.packed_bytes)}")
