"""The committed digits models: same weights in every format, same accuracy, and the facts their page states."""

from __future__ import annotations

import hashlib
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.require import require_module

MODELS = Path(__file__).resolve().parents[2] / "samples" / "models"
Float = NDArray[np.float32]
_DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow", "tensorflow": "tensorflow-cpu", "keras": "tensorflow-cpu"}
pytestmark = pytest.mark.filterwarnings("ignore")  # the frameworks warn about themselves when imported


def _require(package: str) -> None:
    require_module(package, package, f"pip install {_DISTRIBUTIONS.get(package, package)}")


@pytest.fixture(scope="module")
def held_out() -> tuple[Float, NDArray[np.int64]]:
    """The 500 held-out images and their labels."""
    _require("sklearn")
    from samples import digits_data

    return digits_data.load().held_out()


@pytest.fixture(scope="module")
def reference(held_out: tuple[Float, NDArray[np.int64]]) -> Float:
    """Logits of ONNX Runtime on the held-out images."""
    _require("onnxruntime")
    from samples.train.digits_sources import run_onnx

    return run_onnx(MODELS / "digits.onnx", held_out[0])


def test_onnx_model_is_accurate(held_out: tuple[Float, NDArray[np.int64]], reference: Float) -> None:
    from samples import digits_data

    assert reference.shape == (500, 10)
    assert digits_data.accuracy(reference, held_out[1]) >= 0.98


@pytest.mark.parametrize("name", ["digits.pt2", "digits.keras", "digits_saved_model"])
def test_format_agrees_with_onnx(name: str, held_out: tuple[Float, NDArray[np.int64]], reference: Float) -> None:
    from samples import digits_data
    from samples.train.digits_sources import SOURCES

    package, run = SOURCES[name]
    _require(package)
    images, labels = held_out
    logits = run(MODELS / name, images)
    np.testing.assert_allclose(logits, reference, rtol=0, atol=1e-4)
    assert digits_data.accuracy(logits, labels) == digits_data.accuracy(reference, labels)


def test_onnx_batch_size_is_open(held_out: tuple[Float, NDArray[np.int64]], reference: Float) -> None:
    from samples.train.digits_sources import run_onnx

    np.testing.assert_allclose(run_onnx(MODELS / "digits.onnx", held_out[0][:1]), reference[:1], rtol=0, atol=1e-5)


def test_page_states_the_hash_of_every_file() -> None:
    page = (MODELS / "README.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"^\| (\S+) \| `([0-9a-f]{64})` \|$", page, re.MULTILINE))
    files = [path for path in MODELS.rglob("*") if path.is_file() and path.name != "README.md"]
    hashes = {path.relative_to(MODELS).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert stated == hashes
    assert sum(path.stat().st_size for path in files) < 2_000_000


def test_split_is_fixed_and_disjoint() -> None:
    _require("sklearn")
    from samples import digits_data

    digits = digits_data.load()
    assert digits.held_out_pixels.shape == (500, 8, 8)
    assert zlib.crc32(digits.held_out_pixels.tobytes()) == 0xD288337C
    train = {image.tobytes() for image in digits.train_pixels}
    assert not any(image.tobytes() in train for image in digits.held_out_pixels)


def test_calibration_files_hold_the_training_images(tmp_path: Path) -> None:
    _require("sklearn")
    from samples import digits_data

    digits = digits_data.load()
    expected = digits.calibration(3)
    arrays = digits_data.write_calibration(tmp_path / "npy", digits=digits, count=3, file_format="npy")
    np.testing.assert_array_equal(np.concatenate([np.load(path) for path in arrays]), expected)
    images = digits_data.write_calibration(tmp_path / "png", digits=digits, count=3)
    _require("PIL")
    from PIL import Image

    pixels = np.stack([np.asarray(Image.open(path)) for path in images])
    np.testing.assert_array_equal(digits_data.to_input(pixels), expected)


def test_bad_options_are_refused(tmp_path: Path) -> None:
    _require("sklearn")
    from samples import digits_data

    with pytest.raises(ValueError, match="file_format"):
        digits_data.write_calibration(tmp_path, file_format="jpg")
    with pytest.raises(ValueError, match="count"):
        digits_data.write_calibration(tmp_path, count=0)
