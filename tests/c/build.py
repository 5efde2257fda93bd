"""Builds of the C runtime for the tests: kept between runs in ``build-*`` folders, so that only what changed is compiled."""

from __future__ import annotations

import fcntl
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.require import require_program

ROOT = Path(__file__).resolve().parents[2]
TEST_SOURCES = sorted((ROOT / "runtime_c" / "test").rglob("test_*.c"))


def run(command: list[str], timeout: float = 600, env: dict[str, str] | None = None) -> str:
    """Run a command from the root of the repository; fail the test with its output unless it succeeds."""
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, errors="replace", timeout=timeout, check=False)
    output = done.stdout + done.stderr
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)} ended with {done.returncode}:\n{output[-6000:]}")
    return output


@cache
def clang() -> str:
    """Path of a clang with sanitizers."""
    return require_program("clang", "clang-14", "apt-get install clang-14 libclang-rt-14-dev")


@cache
def build(name: str, *options: str, targets: tuple[str, ...] = ()) -> Path:
    """Configure and build into ``build-<name>``.

    Args:
        name: of the build folder.
        *options: CMake options.
        targets: what to build; everything by default.
    """
    folder = ROOT / f"build-{name}"
    require_program("cmake", "cmake", "pip install cmake")
    with (ROOT / f".build-{name}.lock").open("w") as lock:  # test processes share the folder
        fcntl.flock(lock, fcntl.LOCK_EX)
        run(["cmake", "-S", ".", "-B", str(folder), *options])
        run(["cmake", "--build", str(folder), "--parallel", "2", *(["--target", *targets] if targets else [])], timeout=1800)
    return folder
