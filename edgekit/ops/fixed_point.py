"""Integer functions of audio front ends for machines without floating point, as TensorFlow Lite Micro's signal library defines them."""

from __future__ import annotations

import math

import numpy as np

from edgekit.ops.definition import Arg, Int, Port, T, op
from edgekit.ops.shapes import broadcast
from edgekit.ops.traits import NotNumeric
from edgekit.types import I16, U32, U64, Array, TensorType

PCAN_TABLE = 125
"""Entries that ``Pcan`` may reach in its table: three for each position of the leading bit, and gaps."""


@op(id=225, category="signal")
class IntegerSqrt:
    """The square root rounded to the nearest integer.

    At most 65535 for ``x`` below 2^32, and 2^32 - 1 beyond (``square_root_32.cc``, ``square_root_64.cc``).
    """

    inputs = (Port("x", T),)
    outputs = (Port("y", U32),)
    types = {T: (U32, U64)}
    quant = NotNumeric()

    @staticmethod
    def infer(x: Arg) -> TensorType:
        return TensorType(U32, x.shape)

    @staticmethod
    def reference(x: Array) -> Array:
        roots = []
        for v in x.reshape(-1).tolist():
            root = math.isqrt(v)
            roots.append(min(root + (v - root * root > root), 0xFFFF if v >> 32 == 0 else 0xFFFFFFFF))
        return np.asarray(roots, np.uint32).reshape(x.shape)


def leading_bits(x: Array) -> Array:
    """How many bits a number needs: one plus the position of its highest set bit, 0 for 0."""
    return np.asarray(np.frexp(x.astype(np.float64))[1], np.int64)


def log_table() -> Array:
    """How far log2(1 + k / 128) lies above k / 128, in units of 2^-16, for k = 0 to 128."""
    k = np.arange(129) / 128.0
    return np.rint(65536.0 * (np.log2(1.0 + k) - k)).astype(np.int64)


@op(id=226, category="signal")
class FixedLog:
    """The natural logarithm of ``x << correction_bits``, in units of ``1 / output_scale``; 0 where that is 0 or 1, at most 32767.

    The binary logarithm is interpolated in a table of 128 segments with 16 fractional bits (``log.cc``, ``filter_bank_log.cc``). All
    arithmetic is that of unsigned 32-bit numbers.
    """

    inputs = (Port("x", U32),)
    outputs = (Port("y", I16),)
    attrs = (Int("output_scale"), Int("correction_bits", 0))
    quant = NotNumeric()

    @staticmethod
    def infer(x: Arg, *, output_scale: int, correction_bits: int) -> TensorType:
        if not 0 <= output_scale < 1 << 31 or not 0 <= correction_bits < 32:
            raise ValueError(f"a scale of {output_scale} and {correction_bits} bits")
        return TensorType(I16, x.shape)

    @staticmethod
    def reference(x: Array, *, output_scale: int, correction_bits: int) -> Array:
        word = 0xFFFFFFFF
        v = (x.astype(np.int64) << correction_bits) & word
        whole = leading_bits(np.maximum(v, 1)) - 1
        rest = v - (np.int64(1) << whole)
        rest = np.where(whole < 16, rest << np.maximum(16 - whole, 0), rest >> np.maximum(whole - 16, 0))
        segment = np.clip(rest >> 9, 0, 127)
        table = log_table()
        low, high = table[segment], table[segment + 1]
        fraction = rest + low + (((high - low) * (rest - (segment << 9))) >> 16)
        log2 = (whole << 16) + fraction
        natural = ((45426 * log2 + 32768) >> 16) & word
        scaled = ((output_scale * natural + 32768) & word) >> 16
        return np.where(v > 1, np.minimum(scaled, 32767), 0).astype(np.int16)


@op(id=227, category="signal")
class Pcan:
    """Per-channel gain control: ``x`` times a gain that falls with the estimated ``noise``, then compressed (``pcan_argc_fixed.cc``).

    The gain is a quadratic piece of ``table`` [125 or more] for each power of two of the noise. With s = (x * gain) >> ``snr_shift`` in
    4096ths, the result is s^2 / 4 for s below 2 and s - 1 from there on, in 64ths. Sums and products wrap around at 32 bits.
    """

    inputs = (Port("x", U32), Port("noise", U32), Port("table", I16))
    outputs = (Port("y", U32),)
    attrs = (Int("snr_shift"),)
    quant = NotNumeric()

    @staticmethod
    def infer(x: Arg, noise: Arg, table: Arg, *, snr_shift: int) -> TensorType:
        if broadcast(x.shape, noise.shape) != tuple(x.shape) or len(noise.shape) != len(x.shape):
            raise ValueError("signal and noise of one shape are needed")
        if table.rank != 1 or not isinstance(table.shape[0], int) or table.shape[0] < PCAN_TABLE or not 0 <= snr_shift < 64:
            raise ValueError(f"a table of {PCAN_TABLE} entries or more and a shift from 0 to 63 are needed")
        return TensorType(U32, x.shape)

    @staticmethod
    def reference(x: Array, noise: Array, table: Array, *, snr_shift: int) -> Array:
        word = 0xFFFFFFFF
        n, lut = noise.astype(np.int64), table.astype(np.int64)
        bits = leading_bits(n)
        at = np.where(n <= 2, np.minimum(n, 2), 4 * bits - 6)
        beyond = np.minimum(at + 2, len(lut) - 1)
        part = np.where(bits < 11, n << np.maximum(11 - bits, 0), n >> np.maximum(bits - 11, 0)) & 0x3FF
        curve = ((((lut[beyond] * part) >> 5) + (lut[np.minimum(at + 1, len(lut) - 1)] << 5)) * part + (1 << 14)) & word
        curve = (((curve ^ 0x80000000) - 0x80000000) >> 15) + lut[at]
        gain = np.where(n <= 2, lut[at], ((curve & 0xFFFF) ^ 0x8000) - 0x8000) & word
        product = x.astype(np.uint64) * gain.astype(np.uint64)
        s = (product >> np.uint64(snr_shift)).astype(np.int64) & word
        y = np.where(s < 2 << 12, (s * s) >> 20, (s >> 6) - 64)
        return (y & word).astype(np.uint32)
