"""The reference pages say what the built library and the command line really do."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from edgekit.cli.app import command_modules
from edgekit.dev import codegen
from edgekit.errors import RuntimeLibraryError
from edgekit.ops import all_ops
from edgekit.runtime import Session, devices
from tests.cases import all_cases
from tests.cases.case import OpCase
from tests.require import require
from tests.suites.common import model_bytes

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
STATUS_UNSUPPORTED = 5


def test_generated_files_are_up_to_date() -> None:
    assert codegen.stale() == []


@cache
def columns() -> dict[str, tuple[str, str]]:
    """Operator -> (C column, OpenCL column) of the page."""
    text = (ROOT / "docs" / "reference" / "ops.md").read_text()
    rows = re.findall(r"^\| \[(\w+)\]\(#\w+\) \| \d+ \| [^|]+ \| \w+ \| (yes|-) \| (yes|-) \|", text, re.MULTILINE)
    return {name: (c, opencl) for name, c, opencl in rows}


@cache
def cases() -> dict[str, list[OpCase]]:
    found: dict[str, list[OpCase]] = {}
    for c in all_cases():
        found.setdefault(c.op, []).append(c)
    return found


def test_every_operator_is_on_the_page() -> None:
    assert set(columns()) == {d.name for d in all_ops()} and len(columns()) >= 90


@pytest.mark.parametrize("op", [d.name for d in all_ops()])
def test_the_c_column_is_what_the_library_runs(op: str) -> None:
    found = cases().get(op)
    assert found, f"no case of {op} under tests/cases"
    runs = False
    for case in found[:5]:
        try:
            with Session(model_bytes(case)) as session:
                runs = runs or op in {n.op for n in session.nodes}
        except RuntimeLibraryError as e:
            assert e.status == STATUS_UNSUPPORTED, e
    assert ("yes" if runs else "-") == columns()[op][0]


def test_the_opencl_column_is_what_the_device_runs() -> None:
    try:
        there = bool(devices("opencl"))
        why = "this machine has no OpenCL device"
    except RuntimeLibraryError as e:
        there, why = False, str(e)
    require("opencl", there, why)
    placed: dict[str, bool] = {}
    for op, group in cases().items():
        for case in group:
            if placed.get(op):
                break
            with Session(model_bytes(case), backend="opencl") as session:
                placed[op] = any(n.op == op and n.backend == "opencl" for n in session.nodes)
    wrong = {op: on for op, on in placed.items() if ("yes" if on else "-") != columns()[op][1]}
    assert wrong == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in sorted(set(re.findall(r"\]\(([^)\s]+)\)", text))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in _anchors(file), f"{page.name}: {target}"


@cache
def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", h.replace("`", "")).strip().lower()) for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_the_pages_exist(page: Path) -> None:
    known: Any = {name: module.command for name, module in command_modules().items()}
    for line in re.findall(r"^\s*(?:\$ )?(edgekit [a-z]+.*)$", page.read_text(), re.MULTILINE):
        words = shlex.split(line.rstrip("."), comments=True)
        if words[1] not in known:
            pytest.fail(f"{page.name}: {line}")
        flags = {f for p in known[words[1]].params for f in p.opts} | {"--help"}
        for word in words[2:]:
            if re.fullmatch(r"--?[a-z][a-z-]*", word):
                assert word in flags, f"{page.name}: {line}"


def test_the_quick_start_is_two_commands() -> None:
    quick_start = (ROOT / "README.md").read_text().split("## Quick start")[1].split("## ")[0]
    assert re.findall(r"^make \w+$", quick_start, re.MULTILINE) == ["make demo", "make test"]
