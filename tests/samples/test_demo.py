"""The demo: what it prints, what it writes, and that it fails when it should."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.require import require_module


def test_the_demo_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require_module("sklearn", "sklearn", "pip install scikit-learn")
    from samples import demo

    assert demo.main(tmp_path) == 0
    out = capsys.readouterr().out
    assert "500 held-out digits" in out and "the same bits" in out
    for word in ("float32", "int8", "CPU, 1 thread", "simulated Raspberry Pi 4", "accuracy", "peak memory", "KiB"):
        assert word in out
    assert "OpenCL" in out, "either a row or the reason why there is none"
    page = tmp_path / "report.html"
    assert f"report: {page}" in out
    assert "What was gained and lost" in page.read_text() and page.stat().st_size < 1_000_000
    assert len(list((tmp_path / "calibration").glob("*.png"))) == 100


def test_lost_accuracy_and_other_bits_are_failures() -> None:
    require_module("sklearn", "sklearn", "pip install scikit-learn")
    from samples import demo

    logits = np.zeros((500, 10), np.float32)
    row = demo.Row("float32", "CPU", 1, 1, logits, 0.98, 1e-3, 1e-3, 1e-3)
    same = dataclasses.replace(row, model="int8", accuracy=0.975)
    assert demo.problems([row, same]) == []
    worse = dataclasses.replace(same, accuracy=0.974)
    assert "0.60 points less accurate" in demo.problems([row, worse])[0]
    other = dataclasses.replace(same, where="OpenCL", logits=np.nextafter(logits, np.float32(1)))
    assert demo.problems([row, same, other]) == ["int8 on OpenCL gives other bits than int8 on CPU"]
