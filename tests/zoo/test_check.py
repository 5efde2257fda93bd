"""``edgekit check`` on every file of the zoo, as a process: it says everything at once, and quickly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.require import require_folder
from tests.zoo.models import MODELS, STATE_DICTS, Model
from tests.zoo.test_zoo import zoo_for

MAX_SECONDS = 2.0


def check(path: Path) -> tuple[subprocess.CompletedProcess[str], float]:
    """The finished process, and the processor time it took: other processes share the machine."""
    before = os.times()
    done = subprocess.run([sys.executable, "-m", "edgekit", "check", "--json", str(path)], capture_output=True, text=True)
    after = os.times()
    return done, after.children_user + after.children_system - before.children_user - before.children_system


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.path)
def test_check_is_quick_and_complete(model: Model) -> None:
    path = zoo_for(model) / model.path
    done, seconds = check(path)
    assert seconds < MAX_SECONDS, f"{model.path}: {seconds:.2f} s"
    assert done.returncode in (0, 3), done.stderr
    found = json.loads(done.stdout)["models"][str(path)]
    assert found["error"] is None
    assert found["converts"] == (not found["blockers"]) == (done.returncode == 0)
    assert all(b["message"] and b["nodes"] and b["reason"] for b in found["blockers"])


@pytest.mark.parametrize("path", STATE_DICTS)
def test_check_of_a_state_dict_says_what_to_do(path: str) -> None:
    done, seconds = check(require_folder("zoo", "EDGEKIT_MODEL_ZOO") / path)
    assert done.returncode == 1 and seconds < MAX_SECONDS
    assert "Traceback" not in done.stderr
