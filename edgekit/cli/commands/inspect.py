"""Show what is in a model.

Inputs, outputs, operators, sizes and metadata of a source model or an .ekm file; with --text the whole graph.

Examples:
  edgekit inspect model.onnx
  edgekit inspect model.ekm --text
  edgekit inspect model.tflite --signature decode
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from edgekit.cli import options as o
from edgekit.cli.command import Command
from edgekit.cli.console import print_json, print_table, size


@click.command("inspect", cls=Command, help=__doc__)
@o.source
@click.option("--text", is_flag=True, help="Print the whole graph in .ektxt form.")
@o.shape
@o.signature
@o.outputs
@o.json
def command(source: Path, text: bool, shape: tuple[str, ...], signature: str | None, outputs: tuple[str, ...], json: bool) -> None:
    from edgekit import api
    from edgekit.cli.parsing import parse_names, parse_shapes
    from edgekit.ir import graph_hash, print_graph
    from edgekit.ir.macs import graph_macs
    from edgekit.types import format_shape

    graph = api.load(source, shapes=parse_shapes(shape), signature=signature, outputs=parse_names(outputs))
    if text:
        print(print_graph(graph))
        return
    ops = Counter(n.op for g in graph.walk() for n in g.nodes)
    constants = {id(v): v for g in graph.walk() for v in g.constants()}
    weights = sum(v.type.nbytes_max() for v in constants.values())
    parameters = sum(v.const.size for v in constants.values() if v.const is not None)
    static = all(v.type.is_static for v in graph.values())
    macs = graph_macs(graph) if static else None
    ports = [("input", v.name, v) for v in graph.user_inputs]
    ports += [("output", n, v) for n, v in zip(graph.user_output_names, graph.user_outputs, strict=True)]
    ports += [("state", s.name, s.input) for s in graph.states]
    if json:
        rows = [
            {"kind": k, "name": n, "dtype": v.dtype.label, "shape": [d if isinstance(d, int) else str(d) for d in v.shape]}
            for k, n, v in ports
        ]
        record = {"name": graph.name, "ports": rows, "operators": dict(ops.most_common()), "parameters": parameters}
        print_json({**record, "weight_bytes": weights, "macs": macs, "metadata": graph.metadata, "hash": graph_hash(graph)})
        return
    print_table(
        f"{graph.name or source.name}",
        ["", "name", "type", "shape"],
        [[k, n, v.dtype.label, format_shape(v.shape)] for k, n, v in ports],
    )
    print_table("operators", ["operator", "count"], ops.most_common())
    click.echo(
        f"{parameters:,} parameters, {size(weights)} of constants"
        + (f", {macs / 1e6:,.1f} M multiply-accumulates" if macs is not None else "")
    )
    for k, v in sorted(graph.metadata.items()):
        click.echo(f"{k}: {v.splitlines()[0] if v else ''}")
