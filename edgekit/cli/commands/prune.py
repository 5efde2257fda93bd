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
from typing import Annotated

import typer

from edgekit import api
from edgekit.cli import options as o
from edgekit.cli.console import console, print_json, size, table


def _deflated(path: Path) -> int:
    """Bytes of the file compressed as an app package compresses it."""
    packer, total = zlib.compressobj(9), 0
    with path.open("rb") as f:
        while chunk := f.read(1 << 20):
            total += len(packer.compress(chunk))
    return total + len(packer.flush())


def command(
    source: o.Source,
    output: o.Output,
    sparsity: Annotated[float, typer.Option("--sparsity", "-s", min=0.0, max=0.999, help="Share of the weights to zero.")] = 0.5,
    json: o.Json = False,
) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        dense, _ = api.prune(source, Path(tmp) / "dense.ekm", 0.0)
        before = (dense.nbytes, _deflated(dense.path))
    done, pruned = api.prune(source, output, sparsity)
    after = (done.nbytes, _deflated(done.path))
    if json:
        sizes = {"file_bytes": [before[0], after[0]], "deflated_bytes": [before[1], after[1]]}
        print_json({"path": done.path, "sparsity": pruned.sparsity, "sha256": done.sha256, **sizes, "layers": list(pruned.layers)})
        return
    out = console()
    rows = [[x.node, x.weights, f"{x.zeros_before / x.weights:.1%}", f"{x.zeros_after / x.weights:.1%}"] for x in pruned.layers]
    out.print(table("", ["layer", "weights", "zeros before", "zeros after"], rows))
    out.print(f"wrote {done.path}: {pruned.sparsity:.1%} of the weights are zero", markup=False, soft_wrap=True)
    out.print(f"file {size(before[0])} -> {size(after[0])}; compressed (deflate) {size(before[1])} -> {size(after[1])}", markup=False)
