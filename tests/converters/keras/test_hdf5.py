"""Reading HDF5: packed datasets, and files that claim more than they hold."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.errors import MalformedModelError
from edgekit_converters.keras.arrays import Arrays, Stored
from edgekit_converters.keras.bytesource import ByteSource
from edgekit_converters.keras.hdf5 import H5File
from tests.require import require_module

VALUES = np.arange(1000, dtype=np.float32).reshape(25, 40) / 7


@pytest.fixture(autouse=True)
def _needs_h5py() -> None:
    require_module("h5py", "h5py", "pip install h5py")


def made(path: Path, **options: Any) -> Path:
    """A file with the dataset ``w``."""
    import h5py

    with h5py.File(path, "w") as f:
        f.create_dataset("w", **{"data": VALUES, **options})
    return path


def read(path: Path, name: str = "w") -> Any:
    """A dataset of a file."""
    with H5File(ByteSource(path), str(path)) as file:
        return file.root.array(name)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"chunks": (7, 11)}, {"compression": "gzip"}, {"compression": "gzip", "shuffle": True, "chunks": (7, 11)},
        {"compression": "gzip", "fletcher32": True, "shuffle": True, "compression_opts": 9}, {"compression": "lzf"},
        {"compression": "lzf", "shuffle": True, "chunks": (25, 1)}, {"fletcher32": True}, {"shuffle": True},
        {"data": VALUES.astype(">f4")}, {"data": VALUES.astype(np.float16)}, {"data": VALUES > 3}, {"data": VALUES.astype(np.int8)},
        {"data": VALUES.astype(">i8"), "chunks": (3, 3)}, {"data": VALUES[:0]}, {"data": np.float32(3)},
        {"data": VALUES, "maxshape": (None, 40)},
        {"data": VALUES > 3, "chunks": (3, 3)},
    ],
    ids=str,
)  # fmt: skip
def test_however_numbers_are_stored(options: dict[str, Any], tmp_path: Path) -> None:
    found = read(made(tmp_path / "m.h5", **options))
    want = np.asarray(options.get("data", VALUES))
    assert found.dtype == want.dtype and found.shape == want.shape
    np.testing.assert_array_equal(found, want)


def test_chunks_that_were_never_written_hold_the_fill_value(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "m.h5", "w") as f:
        w = f.create_dataset("w", (25, 40), np.float32, chunks=(7, 11), compression="gzip", fillvalue=2.5)
        w[7:14, 11:22] = 1
    want = np.full((25, 40), 2.5, np.float32)
    want[7:14, 11:22] = 1
    np.testing.assert_array_equal(read(tmp_path / "m.h5"), want)


@pytest.mark.parametrize("start", [0, 1, 13])
def test_bytes_in_part_of_a_file(start: int, tmp_path: Path) -> None:
    inner = made(tmp_path / "m.h5", chunks=(7, 11), compression="gzip").read_bytes()
    (tmp_path / "whole").write_bytes(b"x" * start + inner + b"y" * 9)
    for source in (
        ByteSource(tmp_path / "whole", start, len(inner)),
        ByteSource(tmp_path / "whole", data=np.frombuffer(inner, np.uint8)),
    ):
        assert source.size == len(inner) and source.read(len(inner) - 3, 9) == inner[-3:] and source.read(1 << 40, 5) == b""
        with H5File(source, "m.h5") as file:
            np.testing.assert_array_equal(file.root.array("w"), VALUES)


def peak(path: Path) -> tuple[int, str]:
    """Peak memory in MiB that reading a file's ``w`` takes in a process of its own, and what came of it."""
    code = (
        "import sys, resource, h5py\nfrom pathlib import Path\nfrom edgekit_converters.keras.hdf5 import *\n"
        "from edgekit_converters.keras.bytesource import ByteSource\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    with H5File(ByteSource(Path(sys.argv[1])), 'm') as f:\n        f.root.texts('t')\n"
        "        f.root.array('w'); found = 'read'\n"
        "except MalformedModelError as e:\n    found = str(e)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before >> 10, found)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    size, _, found = done.stdout.strip().partition(" ")
    return int(size), found


def test_a_chunk_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "m.h5", "w") as f:
        w = f.create_dataset("w", (1000,), np.float32, chunks=(1000,), compression="gzip")
        packer = zlib.compressobj(9)
        bomb = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(2048)), packer.flush()])
        w.id.write_direct_chunk((0,), bomb)
    size, found = peak(tmp_path / "m.h5")
    assert size < 64 and "claims" in found
    with h5py.File(tmp_path / "m.h5", "w") as f:
        w = f.create_dataset("w", (1 << 20,), np.float32, chunks=(1 << 20,), compression="gzip")
        w.id.write_direct_chunk((0,), bomb)  # now it is shorter than the chunk it should make
    size, found = peak(tmp_path / "m.h5")
    assert size < 64 and "unpacks to" in found


def test_chunks_larger_than_their_dataset(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "m.h5", "w") as f:
        w = f.create_dataset("w", (10,), np.float32, chunks=(1 << 29,), maxshape=(None,), compression="gzip")
        w.id.write_direct_chunk((0,), zlib.compress(bytes(40)))
    size, found = peak(tmp_path / "m.h5")
    assert size < 64 and "chunks of" in found


@pytest.mark.parametrize("megabytes", [1, 40])
def test_texts_that_claim_gigabytes(megabytes: int, tmp_path: Path) -> None:
    """In files of any size: HDF5 sets aside what a text claims to be before it looks."""
    import h5py

    with h5py.File(tmp_path / "m.h5", "w") as f:
        f.attrs["t"] = "short text"
        f.create_dataset("w", data=np.ones(megabytes << 18, np.float32))
    data = bytearray((tmp_path / "m.h5").read_bytes())
    heap = data.index(b"GCOL\x01")
    at = data.index(heap.to_bytes(8, "little") + b"\x01\0\0\0") - 4
    assert int.from_bytes(data[at : at + 4], "little") == len("short text")
    assert peak(tmp_path / "m.h5")[1] == "read"
    data[at : at + 4] = (0xF0000000).to_bytes(4, "little")
    (tmp_path / "m.h5").write_bytes(data)
    size, found = peak(tmp_path / "m.h5")
    assert size < 64 + megabytes and "claims a text of" in found


def test_one_text_named_by_thousands(tmp_path: Path) -> None:
    """Each of the names is as long as the file allows, and all are the same bytes of it."""
    import h5py

    with h5py.File(tmp_path / "m.h5", "w") as f:
        f.attrs["long"] = "x" * (1 << 20)
        f.attrs.create("t", ["a"] * 3000, dtype=h5py.string_dtype())
        f.create_dataset("w", data=VALUES)
    data = bytearray((tmp_path / "m.h5").read_bytes())
    heaps = [m.start().to_bytes(8, "little") for m in re.finditer(rb"GCOL\x01", data)]
    at = next(at for h in heaps if (at := data.find((1 << 20).to_bytes(4, "little") + h)) >= 0)
    long = bytes(data[at : at + 16])
    short = [m.start() for h in heaps for m in re.finditer(re.escape(b"\x01\0\0\0" + h), data)]
    assert len(short) > 2000
    for place in short:
        data[place : place + 16] = long
    (tmp_path / "m.h5").write_bytes(data)
    size, found = peak(tmp_path / "m.h5")
    assert size < 64 and "claims a text" in found


def test_heaps_of_countless_entries(tmp_path: Path) -> None:
    data = bytearray(made(tmp_path / "m.h5").read_bytes())
    entry = b"\x01\0" + bytes(14)
    data += b"GCOL\x01\0\0\0" + (1 << 40).to_bytes(8, "little") + entry * ((1 << 20) + 9)
    (tmp_path / "m.h5").write_bytes(data)
    with pytest.raises(MalformedModelError, match="entries"):
        read(tmp_path / "m.h5")


def test_filters_that_are_not_read(tmp_path: Path) -> None:
    with pytest.raises(MalformedModelError, match="filters"):
        read(made(tmp_path / "m.h5", data=VALUES.astype(np.int32), scaleoffset=0))


def test_numbers_beyond_the_end(tmp_path: Path) -> None:
    data = bytearray(made(tmp_path / "m.h5").read_bytes())
    place = data.index(VALUES.tobytes()).to_bytes(8, "little") + VALUES.nbytes.to_bytes(8, "little")
    at = data.index(place)
    for beyond in (1 << 40, len(data) - 8):
        data[at : at + 8] = beyond.to_bytes(8, "little")
        (tmp_path / "m.h5").write_bytes(data)
        with pytest.raises(MalformedModelError, match="cannot be read"):
            read(tmp_path / "m.h5")


def test_no_file_at_all(tmp_path: Path) -> None:
    for data in (b"", b"\x89HDF", b"\x89HDF\r\n\x1a\n", b"x" * 5000):
        (tmp_path / "m.h5").write_bytes(data)
        with pytest.raises(MalformedModelError, match="HDF5"):
            read(tmp_path / "m.h5")


def test_a_large_array_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    """The arrays of a model are not in memory twice, as they come and as the graph keeps them."""
    large = np.arange(100_000, dtype=np.float32)
    path = made(tmp_path / "m.h5", data=large)
    with H5File(ByteSource(path), "m") as file:
        found = file.root.stored("w")
        assert isinstance(found, Stored)
        first = found.array()
        assert found.array() is first
        np.testing.assert_array_equal(first, large)
        arrays = Arrays()
        arrays["kernel"], arrays["bias"] = found, VALUES
        assert list(arrays) == ["kernel", "bias"] and "kernel" in arrays and "x" not in arrays and arrays["bias"] is VALUES
        path.write_bytes(path.read_bytes()[:-8])  # while it is open
        assert arrays["kernel"] is first
        del first
        with pytest.raises(MalformedModelError, match="file ends before"):
            arrays["kernel"]
        del arrays["kernel"]
        assert len(arrays) == 1
