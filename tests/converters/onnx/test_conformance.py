"""ONNX's own backend tests (``EDGEKIT_CONFORMANCE``) against the manifest: a case that gets better or worse fails until it says so."""

from __future__ import annotations

import tarfile
import warnings
from collections import Counter
from pathlib import Path

import pytest

from tests.converters.onnx.conformance import ARCHIVE, CASES, read_manifest, run_case
from tests.require import require_folder

EXPECTED = read_manifest()
MINIMUM_PASSES = 1487


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked cases."""
    archive = require_folder("conformance", "EDGEKIT_CONFORMANCE") / ARCHIVE
    folder = tmp_path_factory.mktemp("onnx_conformance")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / CASES


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_case_is_as_the_manifest_says(cases: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the stored models use deprecated fields
        outcome = run_case(cases / name)
    assert outcome.status == EXPECTED[name].status, f"{name}: {outcome.reason or 'passes'}; the manifest says {EXPECTED[name]}"


def test_the_manifest_lists_every_core_case() -> None:
    core = require_folder("conformance", "EDGEKIT_CONFORMANCE") / "core_tests.txt"
    assert sorted(EXPECTED) == sorted(core.read_text().split())


def test_the_manifest_names_a_reason_for_all_that_does_not_pass() -> None:
    assert all(o.reason for o in EXPECTED.values() if o.status != "pass")
    counts = Counter(o.status for o in EXPECTED.values())
    assert set(counts) <= {"pass", "frozen", "unsupported", "differs"}
    assert counts["pass"] + counts["frozen"] >= MINIMUM_PASSES
