"""The peer comparison with peers made of numpy: configuration, workers, rounds, tables."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers import __main__ as command
from benchmarks.peers import report, runner, suite

_ADAPTER = """
import time
import numpy as np
from benchmarks.peers.adapters.base import Adapter

class Fake(Adapter):
    files = {"fp32": "fp32.fake"}
    nchw = False

    def load(self, path, model, threads):
        self.seconds = float(self.options["seconds"])
        if self.options.get("fail") == "load":
            raise ValueError("no such format")

    def set_input(self, x):
        self.x = x

    def run(self):
        if self.options.get("fail") == "run":
            raise SystemExit("gone")
        time.sleep(self.seconds)
        self.y = self.x.reshape(-1)[:12]

    def output(self):
        return self.y
"""
pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("taskset") is None, reason="needs Linux with taskset"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder holding ds_cnn for the fake peers, whose adapter the workers can import."""
    (tmp_path / "fake_peer.py").write_text(_ADAPTER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    model = tmp_path / "models" / "ds_cnn"
    model.mkdir(parents=True)
    (model / "fp32.fake").write_bytes(b"12345")
    reference = [suite.make_input("ds_cnn", index).reshape(-1)[:12] for index in range(3)]
    np.save(model / "ref.npy", np.stack(reference))
    return model


def _spec(**options: str) -> runner.PeerSpec:
    return runner.PeerSpec("fake_peer:Fake", options={"seconds": "0.001", **options})


def test_measure_ranks_peers_and_reports_failures(folder: Path) -> None:
    peers = {
        "fast": _spec(),
        "slow": _spec(seconds="0.004"),
        "broken": _spec(fail="load"),
        "dying": _spec(fail="run"),
        "absent": runner.PeerSpec("no_such_module:Fake"),
    }
    cell = runner.Cell("ds_cnn", "fp32", 1, folder, accuracy=True)
    records = runner.measure(cell, peers, runner.Effort(runs=6, rounds=2, budget_s=8))
    assert records["fast"]["ratio"] == 1.0
    assert records["slow"]["ratio"] > 1.0
    assert records["slow"]["min_ms"] >= 4
    assert records["fast"]["bytes"] == 5
    assert records["fast"]["accuracy"]["max_abs"] == 0
    assert records["fast"]["accuracy"]["n"] == 3
    assert "no such format" in records["broken"]["error"]
    assert "gone" in records["dying"]["error"]
    assert "no_such_module" in records["absent"]["error"]


def test_peer_without_a_file_is_left_out(folder: Path) -> None:
    cell = runner.Cell("ds_cnn", "int8", 1, folder)
    assert runner.measure(cell, {"fast": _spec()}, runner.Effort(runs=2, rounds=1)) == {}


def test_command_writes_records_and_tables(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "more.json"
    config.write_text(json.dumps({"fake": {"adapter": "fake_peer:Fake", "options": {"seconds": "0.001"}}}))
    out = tmp_path / "out" / "results.jsonl"
    arguments = ["--peers", "fake", "--models", "ds_cnn", "--precisions", "fp32", "--config", str(config)]
    paths = ["--models-dir", str(folder.parent), "--out", str(out)]
    command.main([*arguments, *paths, "--runs", "2", "--rounds", "1"])
    assert "| ds_cnn | **" in capsys.readouterr().out
    assert [record["model"] for record in report.read([out])] == ["ds_cnn"]


def test_configuration_joins_files_and_arguments(tmp_path: Path) -> None:
    config = tmp_path / "peers.json"
    config.write_text(json.dumps({"ort": {"python": "venv/bin/python"}, "litert": {"python": "python3"}}))
    specs = command.read_specs([config], ["ncnn=other/python"])
    assert specs["ort"].python == str(tmp_path / "venv/bin/python")
    assert specs["ort"].adapter.endswith(":OnnxRuntime")
    assert specs["litert"].python == "python3"
    assert specs["ncnn"].python == str(Path("other/python").absolute())
    with pytest.raises(SystemExit, match="NAME=PATH"):
        command.read_specs([], ["nobody=python3"])


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="unknown peer 'nobody'"):
        command.main(["--peers", "nobody", "--models-dir", str(tmp_path)])
    with pytest.raises(SystemExit, match="no model folders"):
        command.main(["--peers", "litert", "--models-dir", str(tmp_path)])


def test_report_keeps_the_quieter_record(tmp_path: Path) -> None:
    def record(median: float, quiet: int) -> str:
        peer = {"median_ms": median, "min_ms": median, "p90_ms": median, "rounds_quiet": quiet, "rounds_all": 5}
        return json.dumps({"model": "ds_cnn", "precision": "fp32", "threads": 2, "peers": {"a": peer}})

    path = tmp_path / "results.jsonl"
    path.write_text(record(2.0, 5) + "\n" + record(3.0, 1) + "\n")
    (joined,) = report.read([path])
    assert joined["peers"]["a"]["median_ms"] == 2.0
    assert "**2.00** / 2.00 / 2.00 (x1.00)" in report.tables([joined])


@pytest.mark.parametrize("name", list(suite.MODELS))
def test_inputs_are_deterministic_and_finite(name: str) -> None:
    x = suite.make_input(name, 3)
    assert x.shape == suite.MODELS[name].shape
    np.testing.assert_array_equal(x, suite.make_input(name, 3))
    assert np.isfinite(x).all()
    assert not np.array_equal(x, suite.make_input(name, 4))
