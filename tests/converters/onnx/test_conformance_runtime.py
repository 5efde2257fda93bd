"""ONNX's own backend tests (``EDGEKIT_CONFORMANCE``) that pass on the reference, once more on the C runtime."""

from __future__ import annotations

import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest

import edgekit
import edgekit.errors
from edgekit import converters
from edgekit.errors import GraphError
from tests.converters.onnx.conformance import ARCHIVE, CASES, compare, read_data, read_manifest
from tests.require import require_folder

SMALL = 64
#: cases the runtime does not run yet: why
EXCEPTIONS = {
    "node/test_attention_4d_fp16": "MatMul has no float16 kernel",
    "node/test_attention_4d_fp16_expanded": "MatMul has no float16 kernel",
    "node/test_attention_4d_gqa_with_past_and_present_fp16": "MatMul has no float16 kernel",
    "node/test_attention_4d_gqa_with_past_and_present_fp16_expanded": "MatMul has no float16 kernel",
    "node/test_range_float_type_positive_delta": "the length of Range is decided by inputs and has no upper bound",
    "node/test_range_int32_type_negative_delta": "the length of Range is decided by inputs and has no upper bound",
    "node/test_reshape_allowzero_reordered": "a shape with a 0, decided by an input, has no upper bound for its other dimensions",
}
NAMES = sorted(n for n, o in read_manifest().items() if o.status == "pass")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked cases."""
    archive = require_folder("conformance", "EDGEKIT_CONFORMANCE") / ARCHIVE
    folder = tmp_path_factory.mktemp("onnx_conformance_runtime")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / CASES


def run(case: Path, target: Path) -> list[str]:
    """What differs on the first data set; small inputs that decide shapes without a bound are frozen."""
    model = case / "model.onnx"
    feeds, want = read_data(model, sorted(case.glob("test_data_set_*"))[0])
    try:
        edgekit.convert(model, target)
    except GraphError:
        later = list(feeds)[1:] or list(feeds)
        values = {n: feeds[n] for n in later if feeds[n].ndim <= 1 and feeds[n].size <= SMALL}
        edgekit.convert(converters.load(model, values=values), target)
    session = edgekit.Session(target)
    got = session.run({v.name: feeds[v.name] for v in session.inputs})
    return [p for p in (compare(np.asarray(a), b) for a, b in zip(got.values(), want, strict=True)) if p]


@pytest.mark.parametrize("name", NAMES)
def test_case_on_the_runtime(cases: Path, name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the stored models use deprecated fields
        if name in EXCEPTIONS:
            with pytest.raises(edgekit.errors.EdgekitError):
                run(cases / name, tmp_path / "model.ekm")
        else:
            assert run(cases / name, tmp_path / "model.ekm") == []
