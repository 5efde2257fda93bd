"""The runtime in one file: it compiles as promised, gives the same results, and shrinks to what one model needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgekit.format import write_model
from edgekit.ir import GraphBuilder
from edgekit.types import F32
from tests.c.build import ROOT, clang, run
from tests.require import require_program

AMALGAMATE = [sys.executable, str(ROOT / "edgekit" / "dev" / "amalgamate.py"), "--output"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with edgekit.c and edgekit.h."""
    out = tmp_path_factory.mktemp("amalgamation")
    run([*AMALGAMATE, str(out)])
    return out


def test_same_results(folder: Path, tmp_path: Path) -> None:
    """``cc -O2`` alone, and every operator case passes."""
    library = tmp_path / "libedgekit.so"
    run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", str(folder / "edgekit.c"), "-o", str(library), "-lm", "-lpthread", "-ldl"])
    env = {**os.environ, "EDGEKIT_LIBRARY": str(library)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/suites/test_cpu.py"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("compiler", ["clang", "aarch64", "scalar", "opencl"])
def test_other_compilers(folder: Path, tmp_path: Path, compiler: str) -> None:
    source = [str(folder / "edgekit.c"), "-O1", "-c", "-o", str(tmp_path / "edgekit.o")]
    if compiler == "clang":
        run([clang(), *source])
    elif compiler == "aarch64":
        run([require_program("qemu", "aarch64-linux-gnu-gcc", "apt-get install gcc-aarch64-linux-gnu"), *source])
    elif compiler == "opencl":
        run([*AMALGAMATE, str(tmp_path), "--opencl"])
        run([os.environ.get("CC", "cc"), str(tmp_path / "edgekit.c"), *source[1:]])
    else:
        run([os.environ.get("CC", "cc"), "-DEK_AMALGAMATION_SCALAR", *source])


def test_one_model(tmp_path: Path) -> None:
    """Only the operators of one model: much smaller, and the model runs."""
    b = GraphBuilder("one")
    x = b.input("x", F32, (2, 3))
    b.output(b.call("Reshape", x, b.constant(np.array([3, 2]))), "y")
    write_model(b.graph, tmp_path / "one.ekm")
    run([*AMALGAMATE, str(tmp_path), "--model", str(tmp_path / "one.ekm")])
    common = ROOT / "runtime_c" / "tools" / "common"
    shutil.copytree(common, tmp_path / "common")
    (tmp_path / "edgekit").mkdir()
    shutil.copy(tmp_path / "edgekit.h", tmp_path / "edgekit" / "edgekit.h")
    run([os.environ.get("CC", "cc"), "-Os", "-c", str(tmp_path / "edgekit.c"), "-o", str(tmp_path / "edgekit.o")])
    assert (tmp_path / "edgekit.o").stat().st_size < 200_000
    tool = [str(ROOT / "runtime_c" / "tools" / "edgekit-run.c"), *map(str, (tmp_path / "common").glob("*.c"))]
    program = str(tmp_path / "run")
    folders = [f"-I{tmp_path}", f"-I{tmp_path}/common"]
    run([os.environ.get("CC", "cc"), *folders, *tool, str(tmp_path / "edgekit.o"), "-o", program, "-lm", "-lpthread"])
    np.save(tmp_path / "x.npy", np.arange(6, dtype=np.float32).reshape(2, 3))
    run([program, str(tmp_path / "one.ekm"), "--input", f"x={tmp_path}/x.npy", "--output-dir", str(tmp_path)])
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), np.arange(6, dtype=np.float32).reshape(3, 2))
