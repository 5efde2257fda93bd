"""What ``edgekit formats`` says of the importers, and the pages written about them."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from edgekit import converters
from edgekit.cli.app import run
from edgekit.converters import Converter, LoadOptions
from edgekit.dev import codegen
from edgekit.dev.codegen.importers import importers
from edgekit.errors import ConversionError
from edgekit.ir import Graph
from edgekit.ops import all_ops

PAGES = codegen.ROOT / "docs" / "reference" / "importers"


class Minimal:
    """What another distribution may bring: the required members alone."""

    name = "minimal"
    description = "a format of somebody else's"
    suffixes = (".mini",)

    def detects(self, source: Any, head: bytes) -> bool:
        return head.startswith(b"MINI")

    def load(self, source: Any, options: LoadOptions) -> Graph:
        return Graph("mini")


class Talkative(Minimal):
    needs = ("numpy", "no-such-package-at-all: the rarer half")

    def coverage(self) -> list[str]:
        return ["B", "A"]


def test_a_converter_with_the_required_members_alone_is_one() -> None:
    assert isinstance(Minimal(), Converter)
    assert converters.needs(Minimal()) == ()
    assert converters.coverage(Minimal()) is None


def plug_in(monkeypatch: pytest.MonkeyPatch, *loaded: Any) -> None:
    """Entry points of other distributions that give these."""
    points = [EntryPoint(f"p{i}", f"theirs:{i}", converters.ENTRY_POINT_GROUP) for i in range(len(loaded))]
    monkeypatch.setattr(EntryPoint, "load", lambda point: loaded[points.index(point)])
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points if group == converters.ENTRY_POINT_GROUP else [])


def test_other_distributions_bring_formats(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plug_in(monkeypatch, Minimal)
    (tmp_path / "model").write_bytes(b"MINI and more")
    assert isinstance(converters.find_converter(tmp_path / "model"), Minimal)
    assert "minimal" in [c.name for c in converters.converters()]
    (tmp_path / "broken.mini").write_bytes(b"something else")
    assert isinstance(converters.find_converter(tmp_path / "broken.mini"), Minimal)


def test_a_plug_in_that_is_no_converter_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, dict)
    with pytest.raises(ConversionError, match="theirs:0 is not a converter: it needs name"):
        converters.converters()


def test_needs_and_coverage() -> None:
    always, sometimes = converters.needs(Talkative())
    assert (always.package, always.purpose) == ("numpy", "") and always.installed
    assert (sometimes.package, sometimes.purpose, sometimes.installed) == ("no-such-package-at-all", "the rarer half", None)
    assert converters.coverage(Talkative()) == ("A", "B")


def test_a_converter_that_says_little_is_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("edgekit.converters.catalogue.converters", lambda: [Minimal(), Talkative()])
    assert run(["formats"]) == 0
    text = capsys.readouterr().out
    assert "not installed: the rarer half" in text and "?" in text
    assert run(["formats", "minimal"]) == 0
    assert "does not say" in capsys.readouterr().out


@pytest.mark.parametrize("converter", converters.converters(), ids=lambda c: c.name)
def test_every_importer_says_what_it_covers(converter: Any) -> None:
    covered = converters.coverage(converter)
    assert covered
    for operator in covered:
        functions = converter.functions(operator)
        assert functions and all(callable(f) for f in functions), operator
    assert not list(converter.functions("no such operator"))


def test_every_importer_has_its_page() -> None:
    names = {i.info.name for i in importers()}
    assert names == {c.name for c in converters.converters() if type(c).__module__.startswith("edgekit_converters.")}
    assert {p.stem for p in PAGES.iterdir()} == names


def test_what_operators_become_is_found_in_the_code() -> None:
    becomes = {i.info.name: i.becomes for i in importers()}
    assert becomes["onnx"]["Relu"] == ("Relu",)
    assert becomes["tflite"]["ABS"] == ("Abs",)
    used = {t for table in becomes.values() for targets in table.values() for t in targets}
    assert used <= {d.name for d in all_ops()} and len(used) > 80


def test_formats_of_one_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["formats", "tflite"]) == 0
    assert "CONV_2D" in capsys.readouterr().out
    assert run(["formats", "tflite", "--json"]) == 0
    (facts,) = json.loads(capsys.readouterr().out)["formats"]
    assert facts["name"] == "tflite" and "CONV_2D" in facts["coverage"] and facts["needs"] == []
    assert run(["formats", "nonsense"]) == 2


def test_pages_are_listed_in_the_overview() -> None:
    text = (PAGES.parent / "importers.md").read_text()
    for page in sorted(Path(PAGES).iterdir()):
        assert f"(importers/{page.name})" in text
