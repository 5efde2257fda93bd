"""Converts a model of the zoo, runs it on its golden inputs, and says what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import edgekit
from edgekit import converters
from edgekit.errors import ConversionError, UnsupportedOpError
from edgekit.types import Array
from tests.zoo.models import UNITS, Model


@dataclass(frozen=True)
class Golden:
    """Stored inputs and outputs, by the reference runtime's names, in order."""

    inputs: dict[str, Array]
    outputs: dict[str, Array]


def golden(zoo: Path, model: Model) -> Golden:
    """The golden data of a model."""
    with np.load(zoo / model.golden_path) as data:

        def numbered(kind: str) -> dict[str, Array]:
            names = [str(n) for n in data[f"{kind}_names"]]
            count = sum(k.startswith(kind) and k[len(kind) :].isdigit() for k in data.files)
            assert count == len(names)
            return {n: data[f"{kind}{i}"] for i, n in enumerate(names)}

        names = dict(model.renamed)
        return Golden({names.get(n, n): a for n, a in numbered("in").items()}, numbered("out"))


def run(zoo: Path, model: Model, folder: Path) -> dict[str, Array]:
    """The outputs of the C runtime on the golden inputs."""
    data = golden(zoo, model)
    frozen = {n: data.inputs[n] for n in model.freeze}
    fed = {n: a for n, a in data.inputs.items() if n not in frozen}
    shapes = {n: a.shape for n, a in fed.items()} if model.shapes else None
    source = converters.load(zoo / model.path, shapes, frozen) if frozen else zoo / model.path
    made = edgekit.convert(source, folder / "model.ekm", shapes=None if frozen else shapes)
    with edgekit.Session(made.path) as session:
        return session.run(by_name_or_order(fed, [v.name for v in session.inputs]))


def by_name_or_order(arrays: Mapping[str, Array], names: list[str]) -> dict[str, Array]:
    """The arrays under our names: as they are where the names are the same, else in order."""
    if set(arrays) == set(names):
        return dict(arrays)
    return dict(zip(names, arrays.values(), strict=False))


def differs(got: Array, want: Array, tolerance: float) -> str:
    """What is wrong with an output; empty where it matches."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"differs: {got.dtype}{list(got.shape)} instead of {want.dtype}{list(want.shape)}"
    if want.dtype.kind != "f":
        units = int(np.abs(got.astype(np.int64) - want.astype(np.int64)).max(initial=0))
        return "" if units <= UNITS else f"differs: {units} units"
    error = relative_error(got, want)
    return "" if error < tolerance else f"differs: {error:.2e} of the range"


def relative_error(got: Array, want: Array) -> float:
    """Largest difference as part of the range of ``want``."""
    spread = float(want.max() - want.min()) or float(np.abs(want).max()) or 1.0
    return float(np.abs(got.astype(np.float64) - want.astype(np.float64)).max(initial=0)) / spread


def fault(zoo: Path, model: Model, folder: Path) -> str:
    """Why a model does not match; empty where it does."""
    try:
        got = run(zoo, model, folder)
    except UnsupportedOpError as e:
        return ", ".join(sorted({b.op for b in e.blockers}))
    except ConversionError as e:
        return str(e)
    want = golden(zoo, model).outputs
    if len(got) != len(want):
        return f"differs: {len(want)} outputs are due, {len(got)} came"
    pairs = by_name_or_order(got, list(want))
    return next((f for name, b in want.items() if (f := differs(pairs[name], b, model.tolerance))), "")
