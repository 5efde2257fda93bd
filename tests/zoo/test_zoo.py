"""Every model of the zoo converts and gives its golden outputs on the C runtime."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path

import pytest

from edgekit import converters
from tests.require import require_folder, require_module
from tests.zoo.golden import fault, golden
from tests.zoo.models import MODELS, STATE_DICTS, Model

MAX_CHECK_SECONDS = 2.0


def zoo_for(model: Model) -> Path:
    """The zoo, where this model can be tried."""
    zoo = require_folder("zoo", "EDGEKIT_MODEL_ZOO")
    if model.needs:
        require_module(model.needs, model.needs, f"pip install {model.needs}")
    return zoo


def test_every_model_of_the_zoo_is_listed() -> None:
    zoo = require_folder("zoo", "EDGEKIT_MODEL_ZOO")
    files = {m["file"].removesuffix("/saved_model.pb") for m in json.loads((zoo / "MANIFEST.json").read_text())["models"]}
    listed = {m.path for m in MODELS} | set(STATE_DICTS)
    assert files <= listed
    assert all((zoo / path).exists() for path in listed)
    assert len({m.path for m in MODELS}) == len(MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.path)
def test_the_runtime_gives_the_golden_outputs(model: Model, tmp_path: Path) -> None:
    assert fault(zoo_for(model), model, tmp_path) == ""


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.path)
def test_check_finds_nothing_in_less_than_two_seconds(model: Model) -> None:
    zoo = zoo_for(model)
    inputs = golden(zoo, model).inputs
    shapes = {n: a.shape for n, a in inputs.items() if n not in model.freeze} if model.shapes else None
    values = {n: inputs[n] for n in model.freeze}
    if model.needs:
        importlib.import_module(model.needs)  # its own start is not ours
    start = time.process_time()  # other processes share the machine
    blockers = converters.check(zoo / model.path, shapes=shapes, values=values)
    assert time.process_time() - start < MAX_CHECK_SECONDS
    assert blockers == []
