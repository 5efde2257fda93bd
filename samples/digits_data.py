"""The handwritten digits of the samples: scikit-learn's ``load_digits`` with a fixed split.

The images come with scikit-learn, so nothing is downloaded and none are stored here. A pixel is kept as the byte
``round(value * 255 / 16)`` and given to a model as ``byte / 255``: a PNG file and a float array hold the same image.

Run ``python -m samples.digits_data --calibration DIR --held-out DIR`` to write folders that the command line takes.
"""

from __future__ import annotations

import argparse
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

HELD_OUT_COUNT = 500
CALIBRATION_COUNT = 100
_SPLIT_SEED = 2026


@dataclass(frozen=True)
class Digits:
    """Both parts of the data set; images are bytes of shape (N, 8, 8), labels are int64 of shape (N,)."""

    train_pixels: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    held_out_pixels: NDArray[np.uint8]
    held_out_labels: NDArray[np.int64]

    def train(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The 1297 training images, float32 (N, 1, 8, 8) in 0..1, and their labels."""
        return to_input(self.train_pixels), self.train_labels

    def held_out(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The 500 images no training or calibration sees, float32 (N, 1, 8, 8) in 0..1, and their labels."""
        return to_input(self.held_out_pixels), self.held_out_labels

    def calibration(self, count: int = CALIBRATION_COUNT) -> NDArray[np.float32]:
        """The first ``count`` training images, float32 (N, 1, 8, 8) in 0..1; the split has shuffled them already."""
        return to_input(self.train_pixels[:count])


def load() -> Digits:
    """Load the digits and split them; the same arrays on every machine."""
    values, labels = load_digits(return_X_y=True)
    pixels = np.rint(values * (255.0 / 16.0)).astype(np.uint8).reshape(-1, 8, 8)
    # RandomState, unlike default_rng, promises the same stream in every numpy.
    order = np.random.RandomState(_SPLIT_SEED).permutation(len(pixels))
    held_out, train = order[:HELD_OUT_COUNT], order[HELD_OUT_COUNT:]
    labels = labels.astype(np.int64)
    return Digits(pixels[train], labels[train], pixels[held_out], labels[held_out])


def to_input(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bytes (N, 8, 8) as the models' input, float32 (N, 1, 8, 8) in 0..1."""
    return (pixels.astype(np.float32) / np.float32(255.0))[:, np.newaxis]


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """One grey image (H, W) as a PNG file (PNG specification, third edition: colour type 0, 8 bits, no filter)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def write_calibration(
    folder: Path, *, digits: Digits | None = None, count: int = CALIBRATION_COUNT, file_format: str = "png"
) -> list[Path]:
    """Write calibration images, one a file, as ``0000.png`` or as ``0000.npy`` of shape (1, 1, 8, 8).

    Args:
        folder: Where to write; made when missing.
        digits: The data; loaded when None.
        count: How many images of the training part.
        file_format: "png" (8-bit grey) or "npy" (float32 in 0..1).

    Returns:
        The files written, in order.

    Raises:
        ValueError: ``file_format`` is neither, or ``count`` is outside the training part.
    """
    digits = digits or load()
    if file_format not in ("png", "npy"):
        raise ValueError(f"file_format must be 'png' or 'npy', got {file_format!r}")
    if not 1 <= count <= len(digits.train_pixels):
        raise ValueError(f"count must be in 1..{len(digits.train_pixels)}, got {count}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, pixels in enumerate(digits.train_pixels[:count]):
        path = folder / f"{index:04d}.{file_format}"
        if file_format == "png":
            path.write_bytes(png_bytes(pixels))
        else:
            np.save(path, to_input(pixels[np.newaxis]))
        paths.append(path)
    return paths


def write_held_out(folder: Path, *, digits: Digits | None = None) -> tuple[Path, Path]:
    """Write ``images.npy`` (float32 (500, 1, 8, 8) in 0..1) and ``labels.npy`` (int64 (500,)); give both paths."""
    images, labels = (digits or load()).held_out()
    folder.mkdir(parents=True, exist_ok=True)
    image_path, label_path = folder / "images.npy", folder / "labels.npy"
    np.save(image_path, images)
    np.save(label_path, labels)
    return image_path, label_path


def accuracy(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Share of images whose largest logit is the label; ``logits`` is (N, 10)."""
    return float((logits.argmax(axis=1) == labels).mean())


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the folders named on the command line."""
    parser = argparse.ArgumentParser(description="Write the samples' handwritten digits into folders.")
    parser.add_argument("--calibration", type=Path, metavar="DIR", help="write calibration images, one a file")
    parser.add_argument("--count", type=int, default=CALIBRATION_COUNT, help="how many (default: %(default)s)")
    parser.add_argument("--format", choices=("png", "npy"), default="png", help="their format (default: %(default)s)")
    parser.add_argument("--held-out", type=Path, metavar="DIR", help="write images.npy and labels.npy, 500 held out")
    options = parser.parse_args(arguments)
    if options.calibration is None and options.held_out is None:
        parser.error("nothing to write: pass --calibration DIR, --held-out DIR or both")
    digits = load()
    if options.calibration is not None:
        paths = write_calibration(options.calibration, digits=digits, count=options.count, file_format=options.format)
        print(f"{len(paths)} calibration images in {options.calibration}")
    if options.held_out is not None:
        for path in write_held_out(options.held_out, digits=digits):
            print(path)


if __name__ == "__main__":
    main()
