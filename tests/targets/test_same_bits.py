"""int8 gives the same bytes everywhere: numpy reference, every ISA, emulated ARM, OpenCL; one and two threads.

Run with ``-s`` to see the hash of each target.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edgekit.ir import Graph
from edgekit.reference import run_graph
from edgekit.runtime import Session, cpu_features, devices
from edgekit.types import Array
from tests.c.build import ROOT, build
from tests.require import require, require_program
from tests.targets.models import digits_int8, ultraface_int8

MODELS: dict[str, Callable[[Path], tuple[Path, Graph, dict[str, Array]]]] = {"digits": digits_int8, "ultraface": ultraface_int8}
SYSROOT = "/usr/aarch64-linux-gnu"
#: emulated cores: NEON alone, with dot products, with int8 matrix products
CORES = {"neon": "cortex-a72", "neondot": "cortex-a76", "neoni8mm": "max,sve=off,sme=off"}
THREADS = (1, 2)

Model = tuple[Path, Graph, dict[str, Array], str]


def digest(outputs: dict[str, Array]) -> str:
    """One hash of all outputs, names included."""
    h = hashlib.sha256()
    for name, a in outputs.items():
        h.update(f"{name} {a.dtype} {a.shape};".encode())
        h.update(np.ascontiguousarray(a).tobytes())
    return h.hexdigest()


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """(path, graph, feeds, hash of the numpy reference) of one int8 model."""
    path, graph, feeds = MODELS[request.param](tmp_path_factory.mktemp(request.param))
    want = digest(run_graph(graph, feeds))
    print(f"\n{request.param}: numpy reference        {want}")
    yield path, graph, feeds, want


def _check(model: Model, target: str, outputs: dict[str, Array]) -> None:
    path, _, _, want = model
    got = digest(outputs)
    print(f"\n{path.stem}: {target:22} {got}")
    assert got == want, f"{target} gives other bits than the numpy reference"


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("isa", ["scalar", "avx2", "avx512", "avx512vnni"])
def test_native(model: Model, isa: str, threads: int) -> None:
    if isa != "scalar" and isa not in cpu_features():
        pytest.skip(f"this CPU has no {isa}")
    with Session(model[0], isa=isa, threads=threads) as session:
        _check(model, f"{isa}, {threads} thread(s)", session.run(model[2]))


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("isa", CORES)
def test_emulated_arm(model: Model, isa: str, threads: int, tmp_path: Path) -> None:
    qemu = require_program("qemu", "qemu-aarch64", "apt-get install qemu-user")
    require_program("qemu", "aarch64-linux-gnu-gcc", "apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross")
    toolchain = str(ROOT / "runtime_c/cmake/aarch64-linux-gnu.cmake")
    program = build("aarch64", "--toolchain", toolchain, targets=("edgekit-run",)) / "edgekit-run"
    emulator = [qemu, "-cpu", CORES[isa], "-L", SYSROOT]
    command = [*emulator, str(program), str(model[0]), "--output-dir", str(tmp_path), "--threads", str(threads)]
    for name, a in model[2].items():
        np.save(tmp_path / f"in_{name}.npy", a)
        command += ["--input", f"{name}={tmp_path}/in_{name}.npy"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = {name: np.load(tmp_path / f"{name}.npy") for name in model[1].output_names}
    _check(model, f"qemu {isa}, {threads} thread(s)", outputs)


@pytest.mark.parametrize("threads", THREADS)
def test_opencl(model: Model, threads: int) -> None:
    found = devices("opencl")
    require("opencl", bool(found), "no OpenCL device is installed (apt-get install pocl-opencl-icd)")
    with Session(model[0], backend="opencl", threads=threads) as session:
        outputs = session.run(model[2])
        assert any(n.backend == "opencl" for n in session.nodes), "nothing ran on the device"
    _check(model, f"OpenCL {found[0][1][:10]}, {threads} thr", outputs)
