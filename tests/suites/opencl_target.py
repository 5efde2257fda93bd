"""What the OpenCL tests share: whether a device is there, and sessions whose compiled programs are kept between tests."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from edgekit.runtime import devices
from tests.require import require


@cache
def work_folder() -> Path:
    """A folder of this test run for compiled kernels; PoCL gets its own in there, away from the user's."""
    folder = Path(tempfile.mkdtemp(prefix="edgekit-opencl-"))
    os.environ["POCL_CACHE_DIR"] = str(folder / "pocl")  # read when a driver starts
    return folder


def cache_dir() -> Path:
    """Where the tests' sessions keep compiled programs."""
    return work_folder() / "programs"


@cache
def _devices() -> list[tuple[str, str, str]]:
    work_folder()
    return devices("opencl")


def require_opencl() -> None:
    """Skip the running test where there is no OpenCL device; fail where the environment requires one."""
    require("opencl", bool(_devices()), "no OpenCL device is there (PoCL gives one to any CPU: apt-get install pocl-opencl-icd)")
