"""Every file a release ever wrote opens and gives the results it gave then; the schema only grows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgekit.format import read_model
from edgekit.format.generated.schema import TABLES
from edgekit.reference import run_graph
from edgekit.runtime import Session
from tests.golden.make_museum import MUSEUM, exhibits

FILES = sorted(MUSEUM.rglob("*.ekm"))
RELEASES = sorted(p.name for p in MUSEUM.iterdir() if p.is_dir())


def test_the_museum_holds_every_kind() -> None:
    kinds = {name for name, _, _ in exhibits()}
    for release in RELEASES:
        assert {p.stem for p in (MUSEUM / release).glob("*.ekm")} == kinds
    assert RELEASES


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_results_stay(path: Path) -> None:
    with np.load(path.with_suffix(".npz")) as stored:
        feeds = {k[3:]: stored[k] for k in stored.files if k.startswith("in.")}
        want = {k[4:]: stored[k] for k in stored.files if k.startswith("out.")}
    with Session(path) as session:
        results = [run_graph(read_model(path), feeds), session.run(feeds)]
    for got in results:
        assert list(got) == list(want)
        for name, w in want.items():
            if path.stem == "int8":
                np.testing.assert_array_equal(got[name], w)
            else:
                np.testing.assert_allclose(got[name], w, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("release", RELEASES)
def test_the_schema_only_grows(release: str) -> None:
    """A field keeps its slot, kind and default for ever; an attribute table keeps its name."""
    then = json.loads((MUSEUM / release / "schema.json").read_text())["tables"]
    for table, fields in then.items():
        now = [[str(x) for x in f] for f in TABLES[table]]
        assert now[: len(fields)] == [[str(x) for x in f] for f in fields], f"table {table} changed since {release}"
