"""Reads the sorted string table of a checkpoint's index.

The format is LevelDB's (github.com/google/leveldb, doc/table_format.md), as tensorflow/core/lib/io/table writes it: blocks of
prefix-compressed entries with a checksum each, an index block, and a footer.
"""

from __future__ import annotations

from functools import cache

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.wire import read_varint

MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 48
TRAILER_BYTES = 5
MAX_ENTRIES = 10_000_000
CHECKED_BYTES = 1 << 20
"""Checksums of tables up to this size are compared; larger ones would take seconds."""
MASK_DELTA = 0xA282EAD8


@cache
def _crc_table() -> tuple[int, ...]:
    """CRC-32C of every byte (Castagnoli's polynomial, reflected)."""
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return tuple(table)


def crc32c(data: bytes) -> int:
    """CRC-32C of ``data``."""
    table, crc = _crc_table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """The form in which LevelDB stores checksums."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF


def read_table(data: bytes, where: str) -> dict[bytes, bytes]:
    """All entries of a table.

    Raises:
        MalformedModelError: it is broken; the message names the offset.
    """
    if len(data) < FOOTER_BYTES or int.from_bytes(data[-8:], "little") != MAGIC:
        raise MalformedModelError(f"{where}: it does not end like a checkpoint index; the file is truncated or of another kind")
    at = len(data) - FOOTER_BYTES
    _, at = _varint(data, at, where)
    _, at = _varint(data, at, where)
    offset, at = _varint(data, at, where)
    size, at = _varint(data, at, where)
    entries: dict[bytes, bytes] = {}
    for _, handle in _block(data, offset, size, where):
        start, at = _varint(handle, 0, where)
        length, _ = _varint(handle, at, where)
        entries.update(_block(data, start, length, where))
        if len(entries) > MAX_ENTRIES:
            raise MalformedModelError(f"{where}: more than {MAX_ENTRIES} entries")
    return entries


def _block(data: bytes, offset: int, size: int, where: str) -> list[tuple[bytes, bytes]]:
    """The entries of one block."""
    if size < 4 or offset + size + TRAILER_BYTES > len(data):
        raise MalformedModelError(f"{where}: a block of {size} bytes at {offset} does not lie in the file's {len(data)}")
    block, kind = data[offset : offset + size], data[offset + size]
    stored = int.from_bytes(data[offset + size + 1 : offset + size + TRAILER_BYTES], "little")
    if len(data) <= CHECKED_BYTES and masked_crc32c(data[offset : offset + size + 1]) != stored:
        raise MalformedModelError(f"{where}: the checksum of the block at byte {offset} is wrong; the file is damaged")
    if kind != 0:
        raise MalformedModelError(f"{where}: the block at byte {offset} is compressed, which TensorFlow does not write")
    restarts = int.from_bytes(block[-4:], "little")
    end = size - 4 - 4 * restarts
    if end < 0:
        raise MalformedModelError(f"{where}: the block at byte {offset} names {restarts} restarts")
    entries, at, key = [], 0, b""
    while at < end:
        shared, at = _varint(block, at, where)
        rest, at = _varint(block, at, where)
        length, at = _varint(block, at, where)
        if shared > len(key) or at + rest + length > end:
            raise MalformedModelError(f"{where}: an entry at byte {offset + at} reaches beyond its block")
        key = key[:shared] + block[at : at + rest]
        at += rest
        entries.append((key, block[at : at + length]))
        at += length
    return entries


def _varint(data: bytes, at: int, where: str) -> tuple[int, int]:
    value, end = read_varint(data, at, len(data))
    if value is None:
        raise MalformedModelError(f"{where}: a number at byte {at} does not end")
    return value, end
