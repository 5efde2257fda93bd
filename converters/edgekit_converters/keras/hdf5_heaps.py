"""Looks through an HDF5 file's global heaps, where texts of any length lie, before HDF5 does.

HDF5 1.14 and before goes through a heap without end whose free space has no size, and sets aside, and clears, what a text claims to be
(up to 4 GiB) before it looks whether the file holds that much
(https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, "Global Heap").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit_converters.keras.bytesource import ByteSource

MARK = b"GCOL\x01"
#: bytes of a heap's header, and of the header of one of its entries
HEADER, ENTRY = 16, 16
#: of all heaps together
MAX_ENTRIES = 1 << 20
BLOCK = 1 << 22
#: a text is its length (4 bytes), its heap's address (8) and the number of its entry (4)
REFERENCE = 16


def check_heaps(source: ByteSource, budget: int, where: str) -> None:
    """Refuse heaps without end, and texts that claim to be longer than the file, or together longer than ``budget`` bytes.

    Raises:
        MalformedModelError: there is such a thing.
    """
    heaps: dict[int, set[int]] = {}
    entries = 0
    for at in _marks(source):
        numbers = heaps.setdefault(at, set())
        for number in _entries(source, at, where):
            numbers.add(number)
            entries += 1
            if entries > MAX_ENTRIES:
                raise MalformedModelError(f"{where}: no readable HDF5 file: its heaps have more than {MAX_ENTRIES} entries")
    if not heaps:
        return
    total = 0
    for at, length in _references(source, heaps):
        total += length
        if length > source.size or total > budget:
            raise MalformedModelError(f"{where}: no readable HDF5 file: byte {at} claims a text of {length} bytes")


def _blocks(source: ByteSource, overlap: int) -> Iterator[tuple[int, bytes]]:
    """The file in pieces, each of which goes on for ``overlap`` bytes into the next."""
    for at in range(0, source.size, BLOCK):
        yield at, source.read(at, BLOCK + overlap)


def _marks(source: ByteSource) -> Iterator[int]:
    for start, block in _blocks(source, len(MARK) - 1):
        at = -1
        while (at := block.find(MARK, at + 1)) >= 0:
            yield start + at


def _entries(source: ByteSource, heap: int, where: str) -> Iterator[int]:
    """The numbers of a heap's entries; 0 is its free space."""
    end = min(source.size, heap + int.from_bytes(source.read(heap + 8, 8), "little"))
    at = heap + HEADER
    while at + ENTRY <= end:
        head = source.read(at, ENTRY)
        index, length = int.from_bytes(head[:2], "little"), int.from_bytes(head[8:16], "little")
        step = ENTRY + -(-length // 8) * 8 if index else length
        if step == 0:
            raise MalformedModelError(f"{where}: no readable HDF5 file: the heap at byte {heap} has an entry of no size at byte {at}")
        yield index
        at += step


def _references(source: ByteSource, heaps: Mapping[int, set[int]]) -> Iterator[tuple[int, int]]:
    """Where something looks like a reference to a text in one of the heaps, and the length it gives."""
    addresses = np.asarray(sorted(heaps), np.uint64)
    for start, block in _blocks(source, REFERENCE - 1):
        for shift in range(4, 12):
            count = (len(block) - shift - 4) // 8
            if count <= 0:
                continue
            words = np.frombuffer(block, "<u8", count, shift)
            likely = np.flatnonzero(words - np.uint64(1) < addresses[-1])  # no address is 0; most numbers are larger than any
            for k in likely[np.isin(words[likely], addresses)].tolist():
                at = shift + 8 * k - 4
                index = int.from_bytes(block[at + 12 : at + 16], "little")
                if at < BLOCK and index and index in heaps[int(words[k])]:
                    yield start + at, int.from_bytes(block[at : at + 4], "little")
