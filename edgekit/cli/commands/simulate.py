"""Say what a device would do with a model.

The exact peak memory against what the device grants, and an estimated latency with the band that should hold it nine times in ten.
A profile that was not fitted to measurements of the device says so.

Examples:
  edgekit devices
  edgekit simulate model.ekm --device raspberry-pi-4b
  edgekit simulate model.onnx --device snapdragon-865 --threads 4 --per-node
"""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli import options as o
from edgekit.cli.command import Argument, Command
from edgekit.cli.console import duration, print_json, print_table, print_warning, size


@click.command("simulate", cls=Command, help=__doc__)
@click.argument("model", cls=Argument, type=o.PATH, help="The model: a file or folder of any supported format, or an .ekm file.")
@click.option("--device", "-d", required=True, help="A name from `edgekit devices`, or the path of a profile.")
@click.option("--threads", "-t", type=o.COUNT, help="Threads on the device; the profile's own count by default.")
@click.option("--unit", default="cpu", help="cpu or gpu.")
@click.option("--per-node", is_flag=True, help="Also the estimate of every operator.")
@o.json
def command(model: Path, device: str, threads: int | None, unit: str, per_node: bool, json: bool) -> None:
    from edgekit import api
    from edgekit.simulate import simulate_graph

    graph, _ = api.load_optimized(model)
    found = simulate_graph(graph, device, threads=threads, unit=unit)
    if json:
        print_json(found.to_dict())
        return
    if per_node:
        rows = [[n.name, n.op, f"{n.macs / 1e6:.2f}", duration(n.seconds), f"{duration(n.low)} to {duration(n.high)}"] for n in found.nodes]
        print_table("operators (simulated)", ["node", "operator", "M MACs", "estimate", "band"], rows)
    click.echo(f"{found.title}, {found.unit}, {found.threads} thread(s)")
    click.echo(
        f"estimated latency {duration(found.seconds)} ({duration(found.low)} to {duration(found.high)}), simulated, {found.calibration}"
    )
    need = found.arena_bytes + found.weight_bytes
    verdict = "fits" if found.fits else "DOES NOT FIT"
    click.echo(
        f"memory {size(found.arena_bytes)} peak activations + {size(found.weight_bytes)} weights = {size(need)}: "
        f"{verdict} in {size(found.memory_limit_bytes)}"
    )
    if found.warning:
        print_warning(f"warning: {found.warning}")
