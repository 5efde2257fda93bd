"""Every command on the digit classifier: what it prints, what it writes, and what its JSON says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit.cli.app import command_modules, run
from edgekit.runtime import devices
from edgekit.simulate import list_devices
from tests.digits import MODEL, DigitsFiles, digits_files
from tests.require import require_module


@pytest.fixture
def digits() -> DigitsFiles:
    return digits_files()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command that must succeed and gives its standard output."""

    def call(*arguments: object, code: int = 0) -> str:
        capsys.readouterr()
        got = run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert got == code, err
        return out

    return call


def test_help_of_every_command_has_examples(cli: Any) -> None:
    assert list(command_modules()) == sorted(
        [
            "bench",
            "check",
            "compare",
            "convert",
            "devices",
            "formats",
            "inspect",
            "profile",
            "prune",
            "quantize",
            "report",
            "run",
            "simulate",
        ]
    )
    listing = cli("--help")
    for name in command_modules():
        assert f"  {name} " in listing
        text = cli(name, "--help")
        assert "Examples:\n" in text and f"    edgekit {name}" in text, text
        assert "--json" in text
    assert edgekit.__version__ in cli("--version")


def test_convert_prints_the_arena_of_the_session(cli: Any, tmp_path: Path) -> None:
    text = cli("convert", MODEL, "-o", tmp_path / "d.ekm")
    with edgekit.Session(tmp_path / "d.ekm") as session:
        assert f"({session.peak_memory_bytes} bytes)" in text
    facts = json.loads(cli("convert", MODEL, "-o", tmp_path / "again.ekm", "--json"))
    assert (tmp_path / "d.ekm").read_bytes() == (tmp_path / "again.ekm").read_bytes()
    assert facts["sha256"] in text
    assert facts["bytes"] == (tmp_path / "d.ekm").stat().st_size
    assert facts["inputs"] == [{"name": "image", "dtype": "float32", "shape": [1, 1, 8, 8]}]
    assert "batch" in facts["notes"][0]


def test_convert_with_a_range_of_batches(cli: Any, digits: DigitsFiles, tmp_path: Path) -> None:
    cli("convert", MODEL, "-o", tmp_path / "d.ekm", "--shape", "image:1..8,1,8,8")
    with edgekit.Session(tmp_path / "d.ekm") as session, edgekit.Session(digits.floats.path) as single:
        got = session.run({"image": digits.images[:5]})["logits"]
        for i in range(5):
            assert got[i].tobytes() == single.run({"image": digits.images[i : i + 1]})["logits"][0].tobytes()


@pytest.mark.parametrize("kind", ["png", "npy", "npz"])
def test_quantize_from_any_kind_of_folder(cli: Any, digits: DigitsFiles, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "calibration"
    folder.mkdir()
    for i, file in enumerate(sorted(digits.calibration.iterdir())):
        from PIL import Image

        pixels = np.asarray(Image.open(file), np.float32)[None, None] / np.float32(255)
        if kind == "png":
            (folder / f"{i:03d}.png").write_bytes(file.read_bytes())
        elif kind == "npy":
            np.save(folder / f"{i:03d}.npy", pixels)
        else:
            np.savez(folder / f"{i:03d}.npz", image=pixels)
    out = json.loads(cli("quantize", digits.floats.path, "-o", tmp_path / "q.ekm", "-c", folder, "--json"))
    assert out["quantization"][0]["sqnr_db"] > 25
    with edgekit.Session(digits.int8.path) as a, edgekit.Session(tmp_path / "q.ekm") as b:
        feeds = {"image": digits.images[:1]}
        assert a.run(feeds)["logits"].tobytes() == b.run(feeds)["logits"].tobytes()


@pytest.mark.parametrize(("recipe", "smaller"), [("float16", 0.6), ("int8-weight-only", 0.45)])
def test_quantize_without_data(cli: Any, digits: DigitsFiles, tmp_path: Path, recipe: str, smaller: float) -> None:
    cli("quantize", MODEL, "-o", tmp_path / "w.ekm", "--recipe", recipe)
    assert (tmp_path / "w.ekm").stat().st_size < smaller * digits.floats.nbytes
    with edgekit.Session(tmp_path / "w.ekm") as a, edgekit.Session(digits.floats.path) as b:
        for i in range(5):
            feeds = {"image": digits.images[i : i + 1]}
            got, want = a.run(feeds)["logits"], b.run(feeds)["logits"]
            assert np.abs(got - want).max() < 0.02 * np.ptp(want)


def test_run_writes_outputs(cli: Any, digits: DigitsFiles, tmp_path: Path) -> None:
    text = cli("run", digits.floats.path, "--input", digits.folder / "digit.npy", "-o", tmp_path / "out")
    assert "logits: float32[1, 10]" in text
    logits = np.load(tmp_path / "out" / "logits.npy")
    assert logits.shape == (1, 10) and int(logits.argmax()) == digits.labels[0]
    facts = json.loads(cli("run", digits.floats.path, "-i", f"image={digits.folder / 'digit.npy'}", "--json"))
    assert facts["outputs"]["logits"]["max"] == float(logits.max())
    assert facts["peak_memory_bytes"] == digits.floats.arena_bytes


def test_run_with_each_isa_gives_the_same_integers(cli: Any, digits: DigitsFiles, tmp_path: Path) -> None:
    for isa in ("scalar", None):
        extra = ["--isa", isa] if isa else []
        cli("run", digits.int8.path, "-i", digits.folder / "digit.npy", "-o", tmp_path / str(isa), *extra)
    assert (tmp_path / "scalar" / "logits.npy").read_bytes() == (tmp_path / "None" / "logits.npy").read_bytes()


def test_compare(cli: Any, digits: DigitsFiles) -> None:
    facts = json.loads(cli("compare", digits.floats.path, digits.int8.path, "--data", digits.calibration, "--samples", 3, "--json"))
    assert facts["samples"] == 3 and facts["source_runtime"] is None
    assert {e["name"] for e in facts["outputs"]} == {"logits"} and facts["outputs"][0]["sqnr_db"] > 25
    assert sum(e["op"] == "Conv" for e in facts["layers"]) >= 8
    assert "logits" in cli("compare", digits.floats.path, digits.int8.path)


def test_compare_beside_the_sources_own_runtime(cli: Any, digits: DigitsFiles) -> None:
    require_module("onnxruntime", "onnxruntime", "pip install onnxruntime")
    facts = json.loads(cli("compare", MODEL, digits.floats.path, "--data", digits.calibration, "--samples", 3, "--json"))
    theirs = facts["source_runtime"]
    assert theirs["name"].startswith("onnxruntime") and theirs["seconds"] > 0 and theirs["our_seconds"] > 0
    assert theirs["outputs"][0]["max_abs"] < 1e-4 * theirs["outputs"][0]["range"]


def test_inspect(cli: Any, digits: DigitsFiles) -> None:
    facts = json.loads(cli("inspect", MODEL, "--shape", "image:1,1,8,8", "--json"))
    assert facts["operators"]["Conv"] == 10 and facts["ports"][0]["name"] == "image"
    assert 700_000 < facts["macs"] < 900_000
    text = cli("inspect", digits.int8.path)
    assert "int8" in text and "multiply-accumulates" in text
    assert "FullyConnected" in cli("inspect", digits.int8.path, "--text")


def test_bench(cli: Any, digits: DigitsFiles) -> None:
    facts = json.loads(cli("bench", digits.int8.path, "--runs", 5, "--warmup", 1, "--per-node", "--json"))
    assert 0 < facts["seconds"]["min"] <= facts["seconds"]["median"]
    assert {"Conv", "FullyConnected"} <= {n["op"] for n in facts["nodes"]}
    assert any(n["kernel"].startswith("ek_qs8_") for n in facts["nodes"])
    assert "median" in cli("bench", digits.floats.path, "--runs", 3)


def test_simulate(cli: Any, digits: DigitsFiles) -> None:
    facts = json.loads(cli("simulate", digits.int8.path, "--device", "raspberry-pi-4b", "--json"))
    assert facts["low"] < facts["seconds"] < facts["high"] and facts["fits"] and facts["calibration"] == "fitted"
    assert facts["arena_bytes"] == digits.int8.arena_bytes
    assert len(facts["nodes"]) == len(digits.int8.graph.nodes)
    text = cli("simulate", MODEL, "--device", "raspberry-pi-4b", "--per-node")
    assert "simulated" in text and "fits in" in text
    uncalibrated = json.loads(cli("simulate", digits.int8.path, "--device", "generic-armv8-1ghz", "--json"))
    assert not uncalibrated["calibrated"] and "not calibrated" in uncalibrated["warning"]


def test_devices(cli: Any) -> None:
    facts = json.loads(cli("devices", "--json"))
    assert [p["name"] for p in facts["profiles"]] == list(list_devices()) and len(facts["profiles"]) >= 8
    assert facts["here"][0]["backend"] == "cpu"
    text = cli("devices")
    assert "raspberry-pi-4b" in text and "not calibrated" in text


def test_devices_lists_opencl(cli: Any) -> None:
    from tests.require import require

    try:
        found = devices("opencl")
    except edgekit.errors.RuntimeLibraryError as e:
        require("opencl", False, str(e))
    require("opencl", bool(found), "this machine has no OpenCL device")
    facts = json.loads(cli("devices", "--json"))
    assert [d["name"] for d in facts["here"] if d["backend"] == "opencl"] == [name for _, name, _ in found]


def test_formats(cli: Any) -> None:
    facts = json.loads(cli("formats", "--json"))
    assert "onnx" in [f["name"] for f in facts["formats"]]
    assert ".onnx" in cli("formats")


def test_prune_measures_sizes(cli: Any, digits: DigitsFiles, tmp_path: Path) -> None:
    facts = json.loads(cli("prune", MODEL, "-o", tmp_path / "p.ekm", "--sparsity", 0.5, "--json"))
    assert abs(facts["sparsity"] - 0.5) < 0.01
    assert facts["file_bytes"][1] == (tmp_path / "p.ekm").stat().st_size
    assert facts["deflated_bytes"][1] < 0.75 * facts["deflated_bytes"][0]
    with edgekit.Session(tmp_path / "p.ekm") as session:
        assert np.isfinite(session.run({"image": digits.images[:1]})["logits"]).all()


def test_profile_of_this_machine(cli: Any, digits: DigitsFiles, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    facts = json.loads(cli("profile", "-o", path, "--name", "test-machine", "--json"))
    assert facts["name"] == "test-machine" and set(facts["quality"]) >= {"f32", "int8"}
    simulated = json.loads(cli("simulate", digits.int8.path, "--device", path, "--json"))
    assert simulated["device"] == "test-machine" and simulated["seconds"] > 0


def test_report(cli: Any, digits: DigitsFiles, tmp_path: Path) -> None:
    facts = json.loads(cli("report", digits.int8.path, "-o", tmp_path / "r.html", "--runs", 2, "--json"))
    assert facts["bytes"] == (tmp_path / "r.html").stat().st_size
    cli("report", digits.int8.path, "-o", tmp_path / "r.txt", code=1)
    assert not (tmp_path / "r.txt").exists()
