"""The conversion benchmark: its model converts, and a measurement says what a process used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.conversion import measure, resnet50_onnx
from edgekit import converters
from edgekit.ir.macs import graph_macs


def test_the_model_is_resnet50(tmp_path: Path) -> None:
    graph = converters.load(resnet50_onnx(tmp_path / "r.onnx"))
    parameters = sum(v.const.size for v in graph.constants() if v.const is not None)
    # 25.557 M parameters (torchvision's ResNet50), the running means and variances of 53 batch normalizations besides
    assert 25.5e6 < parameters < 25.7e6
    assert 4.0e9 < graph_macs(graph) < 4.2e9
    assert graph.outputs[0].shape == (1, 1000)


def test_a_measurement(tmp_path: Path) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    source.write_bytes(bytes(1 << 20))
    code = f"open({str(output)!r}, 'wb').write(bytes(2 << 20))"
    m = measure("copy", [sys.executable, "-c", code], source, output, 2)
    assert (m.converter, m.source, m.input_mib, m.output_mib) == ("copy", "in", 1, 2)
    assert m.cpu_seconds > 0 and 0 < m.seconds < 60 and m.peak_mib > 2


def test_a_failing_converter_is_told(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"")
    with pytest.raises(SystemExit, match="oops"):
        measure("bad", [sys.executable, "-c", "raise SystemExit('oops')"], tmp_path / "in", tmp_path / "in", 1)
