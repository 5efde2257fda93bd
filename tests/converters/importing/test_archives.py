"""Archives are read within bounds: hostile names, sizes and bytes end in MalformedModelError."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.archives import ArchiveLimits, open_archive
from edgekit_converters.importing.marks import is_tar, is_zip

WEIGHTS = np.random.default_rng(1).standard_normal(999).astype(np.float32)


def _zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("model/w", WEIGHTS.tobytes())
        z.writestr("model/text.json", b"{}" * 400, zipfile.ZIP_DEFLATED)
        z.writestr("model/empty", b"")
        z.mkdir("model/folder")
    return path


def _tar(path: Path, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as t:  # type: ignore[call-overload]
        for name, data in (("./model/w", WEIGHTS.tobytes()), ("model/text.json", b"{}" * 400), ("model/empty", b"")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
        folder = tarfile.TarInfo("model/folder")
        folder.type = tarfile.DIRTYPE
        t.addfile(folder)
    return path


def _plain_tar(path: Path) -> Path:
    return _tar(path, "w")


@pytest.mark.parametrize("make", [_zip, _tar, _plain_tar])
def test_reads_what_was_written(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path / "archive")
    head = path.read_bytes()[:512]
    assert is_zip(head) is (make is _zip) and is_tar(head) is (make is not _zip)
    with open_archive(path) as a:
        assert list(a) == ["model/w", "model/text.json", "model/empty"]
        assert a.read("model/text.json") == b"{}" * 400 and a.read("model/empty") == b""
        mapped = a.array("model/w")
        empty = a.array("model/empty")
        with pytest.raises(MalformedModelError, match="holds no 'model/v'"):
            a.read("model/v")
        with pytest.raises(MalformedModelError, match="at most 10 are read"):
            a.read("model/w", limit=10)
        assert a.array("model/text.json").tobytes() == b"{}" * 400
    np.testing.assert_array_equal(mapped.view(np.float32), WEIGHTS)  # outlives the archive
    assert not mapped.flags.writeable and empty.size == 0


def test_stored_entries_are_mapped_not_copied(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip")
    with open_archive(path) as a:
        entry = a.entry("model/w")
        assert entry.offset is not None and path.read_bytes()[entry.offset : entry.offset + entry.size] == WEIGHTS.tobytes()
        assert isinstance(a.array("model/w"), np.memmap)
        assert a.entry("model/text.json").offset is None


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "a\\..\\x", "C:/x", "./."])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_outside(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / "a"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as z:
            z.writestr(name, b"x")
    else:
        with tarfile.open(path, "w:gz") as t:
            info = tarfile.TarInfo(name)
            info.size = 1
            t.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(MalformedModelError, match="leads out of the archive"):
        open_archive(path)


@pytest.mark.parametrize("type_", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_tar(tmp_path: Path, type_: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as t:
        info = tarfile.TarInfo("x")
        info.type, info.linkname = type_, "/etc/passwd"
        t.addfile(info)
    with pytest.raises(MalformedModelError, match="link, a device"):
        open_archive(tmp_path / "a.tar")


def test_links_in_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as z:
        info = zipfile.ZipInfo("x")
        info.external_attr = 0o120777 << 16
        z.writestr(info, "/etc/passwd")
    with pytest.raises(MalformedModelError, match="link or a device"):
        open_archive(tmp_path / "a.zip")


def test_bombs(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("x", bytes(1 << 20))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as t:
        info = tarfile.TarInfo("x")
        info.size = 1 << 20
        t.addfile(info, io.BytesIO(bytes(1 << 20)))
    for path in (tmp_path / "a.zip", tmp_path / "a.tar.gz"):
        open_archive(path).close()
        with pytest.raises(MalformedModelError, match="more than 200 times"):
            open_archive(path, ArchiveLimits(ratio_from=1 << 16))
        with pytest.raises(MalformedModelError, match="more than 65536 bytes"):
            open_archive(path, ArchiveLimits(total_bytes=1 << 16))


def test_number_of_entries_and_duplicates(tmp_path: Path) -> None:
    with pytest.raises(MalformedModelError, match="more than 2 entries"):
        open_archive(_zip(tmp_path / "a.zip"), ArchiveLimits(entries=2))
    with pytest.raises(MalformedModelError, match="more than 2 entries"):
        open_archive(_tar(tmp_path / "a.tar.gz"), ArchiveLimits(entries=2))
    with tarfile.open(tmp_path / "b.tar", "w") as t:
        for name in ("x", "./x"):
            t.addfile(tarfile.TarInfo(name))
    with pytest.raises(MalformedModelError, match="two entries are called 'x'"):
        open_archive(tmp_path / "b.tar")


def test_overlapping_entries(tmp_path: Path) -> None:
    data = bytearray(_zip(tmp_path / "a.zip").read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[second + 42 : second + 46] = bytes(4)  # the second entry's local header is the first one's
    (tmp_path / "b.zip").write_bytes(data)
    with pytest.raises(MalformedModelError, match=r"overlap|damaged"), open_archive(tmp_path / "b.zip") as a:
        a.read("model/text.json")


def test_no_archive_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    with pytest.raises(MalformedModelError, match="no zip or tar"):
        open_archive(tmp_path / "a")
    with pytest.raises(MalformedModelError, match="cannot be read"):
        open_archive(tmp_path / "b")


@pytest.mark.parametrize("make", [_zip, _tar, _plain_tar])
def test_truncated_and_flipped(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    data = make(tmp_path / "good").read_bytes()
    r = np.random.default_rng(3)
    path = tmp_path / "bad"
    failures = 0
    for k in range(150):
        broken = bytearray(data[: int(r.integers(0, len(data)))] if k % 3 == 0 else data)
        if k % 3:
            for _ in range(int(r.integers(1, 6))):
                at = int(r.integers(0, len(data))) if k % 3 == 1 else len(data) - 1 - int(r.integers(0, min(len(data), 300)))
                broken[at] = int(r.integers(0, 256))
        path.write_bytes(broken)
        try:
            with open_archive(path) as a:
                for name in a:
                    a.array(name).sum()
                    a.read(name)
        except MalformedModelError as e:
            assert str(path) in str(e)
            failures += 1
    assert failures > 20
