"""Zero the smallest weights of all layers together.

Magnitudes are compared over the whole model, so layers that matter less lose more. Prints the share of zeros in every layer, and the file's
size as it is and compressed, before and after.

Examples:
  edgekit prune model.onnx -o sparse.ekm --sparsity 0.5
"""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path

import click

from edgekit.cli import options as o
from edgekit.cli.command import Command
from edgekit.cli.console import print_json, print_table, size


def _deflated(path: Path) -> int:
    """Bytes of the file compressed as an app package compresses it."""
    packer, total = zlib.compressobj(9), 0
    with path.open("rb") as f:
        while chunk := f.read(1 << 20):
            total += len(packer.compress(chunk))
    return total + len(packer.flush())


@click.command("prune", cls=Command, help=__doc__)
@o.source
@o.output
@click.option("--sparsity", "-s", type=click.FloatRange(0.0, 0.999), default=0.5, help="Share of the weights to zero.")
@o.json
def command(source: Path, output: Path, sparsity: float, json: bool) -> None:
    from edgekit import api

    with tempfile.TemporaryDirectory() as tmp:
        dense, _ = api.prune(source, Path(tmp) / "dense.ekm", 0.0)
        before = (dense.nbytes, _deflated(dense.path))
    done, pruned = api.prune(source, output, sparsity)
    after = (done.nbytes, _deflated(done.path))
    if json:
        sizes = {"file_bytes": [before[0], after[0]], "deflated_bytes": [before[1], after[1]]}
        print_json({"path": done.path, "sparsity": pruned.sparsity, "sha256": done.sha256, **sizes, "layers": list(pruned.layers)})
        return
    rows = [[x.node, x.weights, f"{x.zeros_before / x.weights:.1%}", f"{x.zeros_after / x.weights:.1%}"] for x in pruned.layers]
    print_table("", ["layer", "weights", "zeros before", "zeros after"], rows)
    click.echo(f"wrote {done.path}: {pruned.sparsity:.1%} of the weights are zero")
    click.echo(f"file {size(before[0])} -> {size(after[0])}; compressed (deflate) {size(before[1])} -> {size(after[1])}")
