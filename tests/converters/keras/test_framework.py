"""Every layer against the installed Keras, from both file formats."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.converters import load
from edgekit.reference import ReferenceSession
from edgekit.types import Array
from tests.converters.keras.framework_cases import CASES
from tests.require import require

BATCH = 2
#: largest error as part of the output's range
TOLERANCE = 1e-5
#: float16 in between; TensorFlow takes cubic weights from a table of 1024 steps
LOOSE = {"mixed_precision": 2e-3, "Resizing.2": 1e-3, "UpSampling2D.2": 1e-3}


def framework() -> Any:
    """Keras, on whatever back end it has."""
    require("keras", importlib.util.find_spec("keras") is not None, "the package keras is not installed (pip install keras tensorflow)")
    import keras

    return keras


def randomized(model: Any) -> Any:
    """The model with every array random; variances positive."""
    rng = np.random.default_rng(5)
    for v in model.weights:
        if v.path.startswith("normalization/"):
            continue  # statistics of adapt(), which the layer keeps a copy of
        value = rng.normal(0.0, 0.5, v.shape)
        v.assign(np.abs(value) + 0.2 if "variance" in v.path else value)
    return model


def feeds(model: Any) -> list[Array]:
    """Random inputs: integers for tables, some of them 0."""
    rng = np.random.default_rng(3)
    found: list[Array] = []
    for x in model.inputs:
        shape = [BATCH if d is None and i == 0 else 5 if d is None else d for i, d in enumerate(x.shape)]
        if x.dtype == "bool":
            found.append(rng.random(shape) > 0.4)
        elif "int" in x.dtype or any("Embedding" in type(found).__name__ for found in model.layers):
            found.append(rng.integers(0, 4, shape).astype(x.dtype))
        else:
            found.append(rng.normal(0.0, 1.0, shape).astype(x.dtype))
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_layer_gives_what_keras_gives(name: str, suffix: str, tmp_path: Path) -> None:
    keras = framework()
    keras.utils.clear_session()
    model = randomized(CASES[name](keras))
    arrays = feeds(model)
    path = tmp_path / f"model.{suffix}"
    model.save(path)
    graph = load(path)
    session = ReferenceSession(graph)
    for _ in range(2 if name == "stateful" else 1):
        got = session.run({v.name: a for v, a in zip(graph.user_inputs, arrays, strict=True)})
        structure = model(arrays if len(arrays) > 1 else arrays[0], training=False)
        want = [np.asarray(keras.ops.convert_to_numpy(t)) for t in keras.tree.flatten(structure)]
        assert len(got) == len(want)
        for (out, a), b in zip(got.items(), want, strict=True):
            assert a.shape == b.shape, out
            assert a.dtype.kind == b.dtype.kind, out
            spread = max(float(np.abs(b).max(initial=0.0)), 1e-3)
            limit = LOOSE.get(name, TOLERANCE)
            assert float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0.0)) <= limit * spread, out
