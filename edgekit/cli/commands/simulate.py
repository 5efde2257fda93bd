"""Say what a device would do with a model.

The exact peak memory against what the device grants, and an estimated latency with the band that should hold it nine times in ten.
A profile that was not fitted to measurements of the device says so.

Examples:
  edgekit devices
  edgekit simulate model.ekm --device raspberry-pi-4b
  edgekit simulate model.onnx --device snapdragon-865 --threads 4 --per-node
"""

from __future__ import annotations

from typing import Annotated

import typer

from edgekit import api
from edgekit.cli import options as o
from edgekit.cli.console import console, duration, error_console, print_json, size, table
from edgekit.simulate import simulate_graph


def command(
    model: o.Source,
    device: Annotated[str, typer.Option("--device", "-d", help="A name from `edgekit devices`, or the path of a profile.")],
    threads: Annotated[
        int | None, typer.Option("--threads", "-t", min=1, help="Threads on the device; the profile's own count by default.")
    ] = None,
    unit: Annotated[str, typer.Option("--unit", help="cpu or gpu.")] = "cpu",
    per_node: Annotated[bool, typer.Option("--per-node", help="Also the estimate of every operator.")] = False,
    json: o.Json = False,
) -> None:
    graph, _ = api.load_optimized(model)
    found = simulate_graph(graph, device, threads=threads, unit=unit)
    if json:
        print_json(found.to_dict())
        return
    out = console()
    if per_node:
        rows = [[n.name, n.op, f"{n.macs / 1e6:.2f}", duration(n.seconds), f"{duration(n.low)} to {duration(n.high)}"] for n in found.nodes]
        out.print(table("operators (simulated)", ["node", "operator", "M MACs", "estimate", "band"], rows))
    out.print(f"{found.title}, {found.unit}, {found.threads} thread(s)", markup=False)
    out.print(
        f"estimated latency {duration(found.seconds)} ({duration(found.low)} to {duration(found.high)}), simulated, {found.calibration}"
    )
    need = found.arena_bytes + found.weight_bytes
    verdict = "fits" if found.fits else "DOES NOT FIT"
    out.print(
        f"memory {size(found.arena_bytes)} peak activations + {size(found.weight_bytes)} weights = {size(need)}: "
        f"{verdict} in {size(found.memory_limit_bytes)}",
        markup=False,
    )
    if found.warning:
        error_console().print(f"warning: {found.warning}", style="yellow", markup=False)
