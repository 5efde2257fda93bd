"""Conversion needs no framework: every format converts in a process where none can be imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.zoo.golden import golden
from tests.zoo.models import CAFFE, KERAS, MXNET, ONNX, PT2, TENSORFLOW, TFLITE, Model
from tests.zoo.test_zoo import zoo_for

#: what a process must do without
FRAMEWORKS = (
    "ai_edge_litert",
    "caffe",
    "coremltools",
    "cv2",
    "jax",
    "keras",
    "mxnet",
    "onnxruntime",
    "pytensor",
    "safetensors",
    "tensorflow",
    "tflite_runtime",
    "torch",
    "transformers",
)
PROGRAM = """
import json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {frameworks!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
import edgekit
shapes = {{n: tuple(s) for n, s in json.loads(sys.argv[3]).items()}}
print(edgekit.convert(sys.argv[1], sys.argv[2], shapes=shapes or None).path)
"""


def representatives() -> list[Model]:
    """The first matching model of each format."""
    groups = (ONNX, TFLITE, KERAS, TENSORFLOW[:3], TENSORFLOW[3:4], CAFFE, MXNET, PT2)
    return [group[0] for group in groups]


@pytest.mark.parametrize("model", representatives(), ids=lambda m: m.path)
def test_converts_where_no_framework_can_be_imported(model: Model, tmp_path: Path) -> None:
    zoo = zoo_for(model)
    shapes = {n: a.shape for n, a in golden(zoo, model).inputs.items()} if model.shapes else {}
    out = tmp_path / "model.ekm"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(frameworks=FRAMEWORKS), str(zoo / model.path), str(out), json.dumps(shapes)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert out.stat().st_size > 0
