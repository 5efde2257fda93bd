"""Optional test targets: skip with a reason when absent, fail where ``EDGEKIT_REQUIRE`` (comma-separated names) asks for them."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest


def require(name: str, available: bool, reason: str) -> None:
    """Skip the running test unless ``available``; fail instead when the environment requires ``name``.

    Args:
        name: one of the names ``.ci/run`` uses, e.g. ``"qemu"``, ``"opencl"``, ``"zoo"``.
        available: whether the target is there.
        reason: what is missing and how to get it.
    """
    if available:
        return
    if name in {n.strip() for n in os.environ.get("EDGEKIT_REQUIRE", "").split(",")}:
        pytest.fail(f"EDGEKIT_REQUIRE names {name!r}, but {reason}")
    pytest.skip(reason)


def require_module(name: str, module: str, hint: str) -> None:
    """``require`` an importable Python package."""
    require(name, importlib.util.find_spec(module) is not None, f"the package {module} is not installed ({hint})")


def require_program(name: str, program: str, hint: str) -> str:
    """``require`` a program on the PATH, and return its path."""
    found = shutil.which(program)
    require(name, found is not None, f"{program} is not installed ({hint})")
    return str(found)


def require_folder(name: str, variable: str) -> Path:
    """``require`` a folder named by an environment variable, and return it."""
    value = os.environ.get(variable, "")
    require(name, bool(value) and Path(value).is_dir(), f"{variable} does not name a folder")
    return Path(value).resolve()
