"""The public names, the exception tree, and what importing the package costs."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import edgekit
from edgekit import errors


def test_names_are_sorted_and_there() -> None:
    names = edgekit.__all__
    assert names == sorted(names)
    assert all(hasattr(edgekit, n) for n in names)
    assert {"load", "convert", "quantize", "prune", "simulate", "report", "Session", "errors"} <= set(names)
    assert edgekit.convert.__module__ == "edgekit.api" and callable(edgekit.quantize)


def test_every_public_name_is_documented() -> None:
    for name in edgekit.__all__:
        value = getattr(edgekit, name)
        if callable(value):
            assert value.__doc__ and len(value.__doc__) > 20, name


@pytest.mark.parametrize("name", ["load", "convert", "quantize", "Session"])
def test_main_entry_points_have_examples(name: str) -> None:
    assert ">>> " in getattr(edgekit, name).__doc__


def test_no_framework_is_imported() -> None:
    heavy = [
        "torch",
        "onnx",
        "onnxruntime",
        "tensorflow",
        "keras",
        "h5py",
        "PIL",
        "sklearn",
        "ai_edge_litert",
        "tflite_runtime",
        "matplotlib",
    ]
    code = f"import sys, edgekit, edgekit.cli; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_exception_tree_is_as_drawn() -> None:
    """Indentation in the docstring of ``errors`` gives each class's parent."""
    drawn: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^( {4}[│├└─ ]*)([A-Z]\w+)", line)
        if match is None:
            continue
        depth, name = len(match[1]), match[2]
        stack = [(d, n) for d, n in stack if d < depth]
        drawn[name] = stack[-1][1] if stack else "Exception"
        stack.append((depth, name))
    real = {n: c.__bases__[0].__name__ for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, Exception)}
    assert drawn == real


def test_unsupported_operators_are_all_in_the_message() -> None:
    blockers = [
        errors.Blocker(f"Op{i}", tuple(f"n{k}" for k in range(i + 1)), "unsupported-op", "no converter.", "Replace it.") for i in range(5)
    ]
    text = str(errors.UnsupportedOpError("m.onnx does not convert", blockers))
    assert text.startswith("m.onnx does not convert\n")
    for i in range(5):
        assert f"Op{i} x{i + 1} " in text
    assert "'n2', ..." in text and text.count("Replace it.") == 5
