"""Ways to break a file: blind ones, and some that know archives and numbers in text."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from tests.fuzz.seeds import Seed
from tests.fuzz.structured import edit_json, edit_protobuf

MAX_EDITS = 6
PROTOBUFS = (".onnx", ".pb", ".caffemodel")
#: what a broken archive makes the standard library raise; IndexError: an entry without a name
BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, RuntimeError, NotImplementedError, IndexError)
NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
TEXT_NUMBERS = (
    b"0",
    b"-1",
    b"1",
    b"2147483648",
    b"9223372036854775807",
    b"99999999999999999999",
    b"1e308",
    b"NaN",
    b"null",
    b"[]",
    b'""',
    b"{}",
)


class Choices(Protocol):
    """What decides how a file is broken: a random generator, or the bytes a fuzzer gives."""

    def integers(self, low: int, high: int | None = None) -> Any:
        """A number from ``low`` up to but without ``high``; of ``range(low)`` where there is no ``high``."""

    def choice(self, a: Any) -> Any:
        """One of ``a``."""


class Tape:
    """Choices read off bytes, so that a fuzzer that keeps and lengthens inputs keeps and lengthens lists of edits; zeros at its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def integers(self, low: int, high: int | None = None) -> int:
        """As of ``Choices``; takes as many bytes as the range needs."""
        first, end = (0, low) if high is None else (low, high)
        size = max(1, -(-(end - first - 1).bit_length() // 8))
        piece = self._data[self._at : self._at + size]
        self._at = min(len(self._data), self._at + size)
        return first + int.from_bytes(piece, "little") % (end - first)

    def choice(self, a: Any) -> Any:
        """As of ``Choices``."""
        return a[self.integers(len(a))]


Edit = Callable[[Choices, bytearray, Sequence[bytes]], None]


def _flip(r: Choices, data: bytearray, others: Sequence[bytes]) -> None:
    at = int(r.integers(len(data)))
    data[at] ^= 1 << int(r.integers(8))


def _byte(r: Choices, data: bytearray, others: Sequence[bytes]) -> None:
    data[int(r.integers(len(data)))] = int(r.integers(256))


def _truncate(r: Choices, data: bytearray, others: Sequence[bytes]) -> None:
    del data[int(r.integers(len(data))) :]


def _cut(r: Choices, data: bytearray, others: Sequence[bytes]) -> None:
    at = int(r.integers(len(data)))
    del data[at : at + int(r.integers(1, 64))]


def _repeat(r: Choices, data: bytearray, others: Sequence[bytes]) -> None:
    at, size = int(r.integers(len(data))), int(r.integers(1, 256))
    data[at:at] = data[at : at + size] * int(r.integers(1, 4))


def _length(r: Choices, data: bytearray, others: Sequence[bytes]) -> None:
    """A number of 1, 2, 4 or 8 bytes that means too much or too little."""
    size = int(r.choice([1, 2, 4, 8]))
    at = int(r.integers(max(1, len(data) - size)))
    data[at : at + size] = (int(NUMBERS[int(r.integers(len(NUMBERS)))]) & ((1 << 8 * size) - 1)).to_bytes(size, "little")


def _varint(r: Choices, data: bytearray, others: Sequence[bytes]) -> None:
    at = int(r.integers(len(data)))
    data[at : at + 1] = b"\xff" * int(r.integers(1, 10)) + b"\x01"


def _splice(r: Choices, data: bytearray, others: Sequence[bytes]) -> None:
    other = others[int(r.integers(len(others)))]
    if other:
        start, size = int(r.integers(len(other))), int(r.integers(1, 4096))
        at = int(r.integers(len(data)))
        data[at : at + (size if r.integers(2) else 0)] = other[start : start + size]


def _text_number(r: Choices, data: bytearray, others: Sequence[bytes]) -> None:
    """Another number (or something that is none) in place of one written in text."""
    window = int(r.integers(max(1, len(data) - 4096)))
    found = list(re.finditer(rb"-?\d+(\.\d+)?", data[window : window + 4096]))
    if found:
        m = found[int(r.integers(len(found)))]
        data[window + m.start() : window + m.end()] = TEXT_NUMBERS[int(r.integers(len(TEXT_NUMBERS)))]


def _nest(r: Choices, data: bytearray, others: Sequence[bytes]) -> None:
    at = int(r.integers(len(data)))
    pair = [(b"[", b"]"), (b"{", b"}"), (b"(", b")"), (b'{"a":', b"}")][int(r.integers(4))]
    data[at:at] = pair[0] * 5000 + (pair[1] * 5000 if r.integers(2) else b"")


EDITS: tuple[tuple[Edit, int], ...] = (
    (_flip, 6), (_byte, 6), (_truncate, 2), (_cut, 3), (_repeat, 2), (_length, 6), (_varint, 2), (_splice, 3), (_text_number, 4),
    (_nest, 1),
)  # fmt: skip
_CHOICES = [e for e, weight in EDITS for _ in range(weight)]


def mutate(r: Choices, seed: Seed, pool: Sequence[Seed]) -> Seed:
    """A broken copy of a seed: one to a few edits in one of its files, inside an archive's member as often as not."""
    files = dict(seed.files)
    name = sorted(files)[int(r.integers(len(files)))]
    others = [data for s in pool for data in s.files.values()]
    files[name] = _mutate_file(r, name, files[name], others)
    if len(files) > 1 and r.integers(40) == 0:
        gone = sorted(files)[int(r.integers(len(files)))]
        if gone != seed.entry:
            del files[gone]
    return Seed(files, seed.entry)


def _mutate_file(r: Choices, name: str, data: bytes, others: Sequence[bytes]) -> bytes:
    with suppress(*BROKEN_ARCHIVE):  # an archive that is broken already is bytes like any
        if zipfile.is_zipfile(io.BytesIO(data)) and r.integers(3):
            return _mutate_zip(r, data, others)
        if data[:2] == b"\x1f\x8b" and r.integers(3):
            return gzip.compress(_edits(r, gzip.decompress(data), others), 1, mtime=0)
    return _anyhow(r, name, data, others)


def _anyhow(r: Choices, name: str, data: bytes, others: Sequence[bytes]) -> bytes:
    return (r.integers(2) and _structured(r, name, data)) or _edits(r, data, others)


def _structured(r: Choices, name: str, data: bytes) -> bytes | None:
    """One to a few edits that keep the encoding whole; None where it is neither JSON nor of protocol buffers."""
    edit = edit_protobuf if name.endswith(PROTOBUFS) else edit_json if data.lstrip()[:1] in (b"{", b"[") else None
    if edit is None:
        return None
    for _ in range(r.integers(1, MAX_EDITS)):
        data = edit(r, data)
    return data


def _edits(r: Choices, data: bytes, others: Sequence[bytes]) -> bytes:
    out = bytearray(data)
    for _ in range(int(r.integers(1, MAX_EDITS))):
        if out:
            _CHOICES[int(r.integers(len(_CHOICES)))](r, out, others)
    return bytes(out)


def _mutate_zip(r: Choices, data: bytes, others: Sequence[bytes]) -> bytes:
    """Break one member and write the archive anew, so that its checksums hold."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(i.filename, archive.read(i)) for i in archive.infolist() if not i.is_dir()]
    small = [k for k, (n, d) in enumerate(members) if d and (n.endswith(("json", "txt", "version")) or len(d) < 4096)]
    choices = small if small and r.integers(4) else range(len(members))
    k = int(r.choice(list(choices)))
    name, content = members[k]
    kind = int(r.integers(12))
    if kind == 0:
        name = ["../../evil", "/etc/evil", "a" * 300, name.upper(), ""][int(r.integers(5))]
    elif kind == 1 and len(members) > 1:
        del members[k]
        k = -1
    else:
        content = _anyhow(r, name, content, others)
    if k >= 0:
        members[k] = (name, content)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED if r.integers(2) else zipfile.ZIP_DEFLATED) as archive:
        for n, d in members:
            archive.writestr(zipfile.ZipInfo(n or "x"), d)
    return out.getvalue()
