"""The report in its three forms."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

import edgekit
from edgekit.cli.app import run
from edgekit.report import VariantRecord, source_runtime
from edgekit.report.beside_source import compare_with_source
from edgekit.report.formatting import decibel, duration, size
from tests.digits import MODEL, DigitsFiles, digits_files
from tests.require import require_folder, require_module

SECTIONS = ["summary", "signature", "sizes", "memory", "latency-1", "latency-2", "errors", "placement", "graph", "log", "provenance"]


@pytest.fixture
def digits() -> DigitsFiles:
    return digits_files()


def full_settings(digits: DigitsFiles) -> edgekit.ReportSettings:
    """A report with every section."""
    variants = tuple(
        VariantRecord(name, c.nbytes, c.arena_bytes, 1.0, (("CPU", 1e-4),))
        for name, c in (("float32", digits.floats), ("int8", digits.int8))
    )
    return edgekit.ReportSettings(
        source=MODEL, data=digits.calibration, devices=("raspberry-pi-4b",), samples=2, runs=3, variants=variants, log=("pass x: 1 change",)
    )


class _Page(HTMLParser):
    """Ids and outside references of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "action") and not (value or "").startswith("#"):
                self.references.append(value or "")
        assert tag not in ("script", "link", "iframe", "img"), f"the page needs nothing of the kind <{tag}>"


def test_html_is_one_offline_page(digits: DigitsFiles, tmp_path: Path) -> None:
    path = edgekit.report(digits.int8.path, tmp_path / "r.html", full_settings(digits))
    text = path.read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert [i for i in page.ids if i in SECTIONS] == SECTIONS
    assert page.references == [] and "url(" not in text and "@import" not in text
    assert len(text) < 200_000
    assert digits.int8.sha256 in text and "peak" in text and "Raspberry Pi 4" in text
    assert "This is an estimate, not a measurement." in text
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(page.ids)


def test_json_has_everything(digits: DigitsFiles, tmp_path: Path) -> None:
    r = json.loads(edgekit.report(digits.int8.path, tmp_path / "r.json", full_settings(digits)).read_text())
    assert r["schema_version"] == 1 and r["file_bytes"] == digits.int8.nbytes
    assert r["memory"]["arena_bytes"] == digits.int8.arena_bytes
    assert max(p["nbytes"] for p in r["memory"]["points"]) <= r["memory"]["arena_bytes"]
    assert r["memory"]["peak_node"] in {p["node"] for p in r["memory"]["points"]}
    assert sum(n for _, n in r["memory"]["peak_tensors"]) == max(p["nbytes"] for p in r["memory"]["points"])
    assert [lat["source"] for lat in r["latencies"]] == ["measured", "simulated"]
    measured, simulated = r["latencies"]
    assert measured["low"] is None and simulated["low"] < simulated["seconds"] < simulated["high"]
    assert len(measured["nodes"]) == len(r["placement"]) == sum(n for _, n in r["operators"])
    assert r["comparison"]["samples"] == 2 and r["comparison"]["outputs"][0]["sqnr_db"] > 25
    assert sum(s["nbytes"] for s in r["sizes_by_operator"]) == sum(s["nbytes"] for s in r["sizes_by_tensor"])
    assert {"edgekit", "C library", "numpy"} <= set(r["versions"])
    assert r["hashes"]["digits-int8.ekm"] == digits.int8.sha256 and "digits.onnx" in r["hashes"]


def test_markdown_tables_are_whole(digits: DigitsFiles, tmp_path: Path) -> None:
    text = edgekit.report(digits.int8.path, tmp_path / "r.md", full_settings(digits)).read_text()
    for heading in ("What was gained and lost", "Inputs and outputs", "Size by operator", "Latency: measured", "Latency: simulated",
                    "Float against quantized", "Placement", "Conversion log", "Provenance"):  # fmt: skip
        assert f"## {heading}" in text
    lines = text.splitlines()
    for before, line in pairwise(lines):
        if re.fullmatch(r"\|[-:|]+\|", line):
            assert before.count("|") == line.count("|"), before
        if before.startswith("|") and line.startswith("|"):
            assert before.count("|") == line.count("|"), (before, line)
    assert "\n\n|---" not in text, "a blank line ends a table"


def test_beside_onnxruntime(digits: DigitsFiles, tmp_path: Path) -> None:
    require_module("onnxruntime", "onnxruntime", "pip install onnxruntime")
    settings = full_settings(digits)
    r = json.loads(edgekit.report(digits.floats.path, tmp_path / "r.json", settings).read_text())
    theirs = r["source_runtime"]
    assert theirs["name"].startswith("onnxruntime ") and theirs["runs"] >= 2
    assert theirs["outputs"][0]["max_abs"] < 1e-4 * theirs["outputs"][0]["range"]
    assert 'id="source"' in edgekit.report(digits.floats.path, tmp_path / "r.html", settings).read_text()


class Refusing:
    """A source runtime that knows no model, or runs none."""

    name = "somebody's runtime 1.0"
    loads = False

    def __init__(self, path: Path) -> None:
        if not self.loads:
            raise RuntimeError("opset 99 is\nnot supported")

    def run(self, feeds: object) -> dict[str, object]:
        raise NotImplementedError("no kernel for Frobnicate")

    def reset(self) -> None:
        pass


@pytest.mark.parametrize(("loads", "reason"), [(False, "opset 99 is not supported"), (True, "no kernel for Frobnicate")])
def test_beside_a_runtime_that_refuses_the_model(
    loads: bool, reason: str, digits: DigitsFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Refusing, "loads", loads)
    monkeypatch.setitem(source_runtime._RUNTIMES, ".onnx", (("numpy",), Refusing))
    settings = full_settings(digits)
    theirs = json.loads(edgekit.report(digits.floats.path, tmp_path / "r.json", settings).read_text())["source_runtime"]
    assert theirs["name"] == "the numpy reference of the imported graph" and reason in theirs["reason"] and theirs["seconds"] is None
    assert theirs["outputs"][0]["max_abs"] < 1e-4 * theirs["outputs"][0]["range"] and theirs["our_seconds"] > 0
    for ending in ("html", "md"):
        text = edgekit.report(digits.floats.path, tmp_path / f"r.{ending}", settings).read_text()
        assert f"{reason}; the numpy reference of the imported graph, before any pass, stands in" in text and "there, " not in text
    words = ["compare", str(MODEL), str(digits.int8.path), "--data", str(digits.calibration), "--samples", "2"]
    assert run(words) == 0
    out = capsys.readouterr().out
    assert f"{reason}; the numpy reference of the imported graph stands in" in out and "median of" not in out
    assert run([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["source_runtime"]
    assert reason in found["reason"] and found["seconds"] is None
    # the imported graph is no pass's work: a float yardstick for the integers of the C runtime
    assert 20 < found["outputs"][0]["sqnr_db"] < 80
    with pytest.raises(edgekit.errors.EdgekitError, match=r"somebody's runtime|own runtime cannot"):
        compare_with_source(MODEL, digits.floats.path, [{"image": digits.images[:1]}])


def test_names_are_escaped(tmp_path: Path) -> None:
    from edgekit.ir import GraphBuilder
    from edgekit.types import F32

    b = GraphBuilder("<script>alert(1)</script>")
    b.output(b.call("Relu", b.input("<b>x</b>", F32, (1, 2)), name="a|b<i>"), "y&z")
    path = edgekit.convert(b.graph, tmp_path / "m.ekm").path
    text = edgekit.report(path, tmp_path / "r.html", edgekit.ReportSettings(runs=1)).read_text()
    assert "<script>" not in text and "<b>x" not in text and "<i>" not in text and "y&amp;z" in text


def test_other_endings_are_refused(digits: DigitsFiles, tmp_path: Path) -> None:
    with pytest.raises(edgekit.errors.EdgekitError, match=r"\.html, \.md or \.json"):
        edgekit.report(digits.int8.path, tmp_path / "r.pdf")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("model", ["fastestdet/FastestDet.onnx", "ultraface_slim320/version-slim-320.onnx"])
def test_real_models_stay_below_a_megabyte(tmp_path: Path, model: str) -> None:
    source = require_folder("zoo", "EDGEKIT_MODEL_ZOO") / model
    done = edgekit.convert(source, tmp_path / "m.ekm")
    settings = edgekit.ReportSettings(source=source, samples=1, runs=2, devices=("raspberry-pi-4b", "snapdragon-865"))
    page = edgekit.report(done.path, tmp_path / "r.html", settings)
    assert 20_000 < page.stat().st_size < 1_000_000


def test_numbers_as_people_read_them() -> None:
    assert [size(n) for n in (12, 2048, 3 << 20, 5 << 30)] == ["12 B", "2.0 KiB", "3.0 MiB", "5.00 GiB"]
    assert [duration(s) for s in (1.5e-6, 1.234e-4, 9.999e-4, 0.0123, 0.25, 3)] == [
        "1.50 us",
        "123.4 us",
        "1.00 ms",
        "12.30 ms",
        "250.0 ms",
        "3.00 s",
    ]
    assert decibel(None) == "equal" and decibel(37.04) == "37.0 dB"
