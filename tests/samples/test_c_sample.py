"""The C sample on the digits model: natively, and for 64-bit ARM in an emulator, with the same answers as the Python session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.runtime import library_path
from samples import digits_data
from tests.c.build import ROOT, build, run
from tests.require import require_program

COUNT = 100
TOOLCHAIN = str(ROOT / "runtime_c" / "cmake" / "aarch64-linux-gnu.cmake")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("c_sample") / "digits.ekm"
    edgekit.convert(ROOT / "samples" / "models" / "digits.onnx", path, shapes={"image": (1, 1, 8, 8)})
    return path


def build_sample(folder: Path, library: Path, *options: str) -> Path:
    places = [f"-DEDGEKIT_INCLUDE={ROOT / 'runtime_c' / 'include'}", f"-DEDGEKIT_LIBRARY={library}"]
    run(["cmake", "-S", str(ROOT / "samples" / "c"), "-B", str(folder), *places, *options])
    run(["cmake", "--build", str(folder)])
    return folder / "digits"


def check_answers(output: str, model: Path) -> None:
    """Against the Python session on the same images, and the labels."""
    digits = digits_data.load()
    rows = [line.split() for line in output.splitlines() if line[:1].isdigit()]
    assert [int(r[0]) for r in rows] == list(range(COUNT))
    with edgekit.Session(model) as session:
        images = digits_data.to_input(digits.held_out_pixels[:COUNT])
        name = session.inputs[0].name
        logits = np.concatenate([session.run({name: x[None]})[session.outputs[0].name] for x in images])
    assert [int(r[1]) for r in rows] == logits.argmax(1).tolist()
    assert np.mean([int(r[1]) == label for r, label in zip(rows, digits.held_out_labels, strict=False)]) > 0.9


def save_images(folder: Path) -> tuple[Path, Path]:
    """The same images as .npy and as raw bytes."""
    pixels = digits_data.load().held_out_pixels[:COUNT]
    np.save(folder / "images.npy", pixels)
    (folder / "images.raw").write_bytes(pixels.tobytes())
    return folder / "images.npy", folder / "images.raw"


def test_native(model: Path, tmp_path: Path) -> None:
    program = build_sample(tmp_path / "build", library_path())
    npy, raw = save_images(tmp_path)
    output = run([str(program), str(model), str(npy)])
    check_answers(output, model)
    assert run([str(program), str(model), str(raw)]) == output


def test_arm(model: Path, tmp_path: Path) -> None:
    qemu = require_program("qemu", "qemu-aarch64", "apt-get install qemu-user")
    require_program("qemu", "aarch64-linux-gnu-gcc", "apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross")
    folder = build("aarch64", "--toolchain", TOOLCHAIN, targets=("edgekit", "edgekit-run"))
    program = build_sample(tmp_path / "build", folder / "libedgekit.so", f"-DCMAKE_TOOLCHAIN_FILE={TOOLCHAIN}")
    npy, _ = save_images(tmp_path)
    check_answers(run([qemu, "-cpu", "cortex-a76", "-L", "/usr/aarch64-linux-gnu", str(program), str(model), str(npy)]), model)
