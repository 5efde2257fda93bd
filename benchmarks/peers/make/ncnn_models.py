"""Make ``ncnn.param`` and ``ncnn.bin`` from ``trace.pt`` with pnnx.

Run ``python -m benchmarks.peers.make.ncnn_models [--models-dir DIR] [NAME...]`` where pnnx is installed, after
``torch_twin``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.peers import suite
from benchmarks.peers.make import common


def convert(spec: suite.Model, folder: Path) -> Path:
    """Run pnnx in a folder of its own and keep the two files that ncnn reads."""
    shape = ",".join(map(str, suite.to_nchw(spec, suite.make_input(spec.name, 0)).shape))
    program = Path(sys.executable).with_name("pnnx")
    with tempfile.TemporaryDirectory() as temporary:
        shutil.copy(folder / "trace.pt", temporary)
        command = [str(program), "trace.pt", f"inputshape=[{shape}]f32", "fp16=0"]
        result = subprocess.run(command, cwd=temporary, capture_output=True, text=True, timeout=300, check=False)
        made = Path(temporary) / "trace.ncnn.param"
        if not made.exists():
            raise RuntimeError(f"pnnx gave no model for {folder}: {(result.stdout + result.stderr)[-300:]}")
        shutil.copy(made, folder / "ncnn.param")
        shutil.copy(made.with_suffix(".bin"), folder / "ncnn.bin")
    return folder / "ncnn.bin"


def main() -> None:
    """Convert the models named on the command line."""
    for spec, folder in common.folders("Make ncnn models.", common.keras_models()):
        path = convert(spec, folder)
        print(f"{path}: {path.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
