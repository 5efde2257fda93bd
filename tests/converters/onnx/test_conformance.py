"""ONNX's own backend tests (``EDGEKIT_CONFORMANCE``) against the manifest, on the reference and on the C runtime.

A case that gets better or worse on either fails until the manifest says so.
"""

from __future__ import annotations

import tarfile
import warnings
from collections import Counter
from pathlib import Path

import pytest

from tests.converters.onnx.conformance import ARCHIVE, CASES, GROUPS, all_names, read_manifest, reference, run_case, runtime
from tests.require import require_folder

EXPECTED = read_manifest()
#: of the inference core, as fed
MINIMUM_PASSES = 1498
NODE_TESTS = 1653


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked cases."""
    archive = require_folder("conformance", "EDGEKIT_CONFORMANCE") / ARCHIVE
    folder = tmp_path_factory.mktemp("onnx_conformance")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / CASES


@pytest.mark.parametrize("engine", [reference, runtime], ids=["reference", "runtime"])
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_case_is_as_the_manifest_says(cases: Path, name: str, engine: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the stored models use deprecated fields
        outcome = run_case(cases / name, reference if engine is reference else runtime)
    assert outcome.status == EXPECTED[name].status, f"{name}: {outcome.reason or 'passes'}; the manifest says {EXPECTED[name]}"


def test_the_manifest_lists_every_case(cases: Path) -> None:
    assert sorted(EXPECTED) == all_names(cases)
    assert sum(n.startswith(f"{GROUPS[0]}/") for n in EXPECTED) == NODE_TESTS


def test_the_manifest_names_a_reason_for_all_that_does_not_pass() -> None:
    assert all(o.reason for o in EXPECTED.values() if o.status != "pass")
    assert {o.status for o in EXPECTED.values()} <= {"pass", "frozen", "unsupported", "differs"}


def test_the_inference_core() -> None:
    core = (require_folder("conformance", "EDGEKIT_CONFORMANCE") / "core_tests.txt").read_text().split()
    counts = Counter(EXPECTED[n].status for n in core)
    assert counts["pass"] >= MINIMUM_PASSES, counts
