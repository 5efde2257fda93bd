"""Discrete Fourier transforms: of real numbers, and in fixed point as KISS FFT rounds them."""

from __future__ import annotations

import numpy as np

from edgekit.ops.definition import Arg, Bool, Int, Port, T, op
from edgekit.ops.traits import FloatOnly, NotNumeric
from edgekit.types import F32, I16, I32, Array, DType, TensorType

LARGEST_LENGTH = 1 << 24
"""Longer transforms are refused: their tables alone would fill a small machine."""


@op(id=220, category="signal")
class Dft:
    """The discrete Fourier transform along the last axis but one of ``x`` [..., n, 1 or 2]; real and imaginary part lie in the last.

    ``x`` is cut or padded with zeros to ``length``, and the result is [..., length, 2]. ``onesided`` keeps the bins 0 to length // 2 of a
    forward transform; for an ``inverse`` one it says that ``x`` [..., length // 2 + 1, 2] holds only those, and the result is real:
    [..., length, 1]. The inverse divides by ``length``. Computed in double precision.
    """

    inputs = (Port("x", F32),)
    outputs = (Port("y", F32),)
    attrs = (Int("length"), Bool("inverse", False), Bool("onesided", False))
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, *, length: int, inverse: bool, onesided: bool) -> TensorType:
        if x.rank < 2 or x.shape[-1] not in (1, 2):
            raise ValueError("a tensor [..., n, 1 or 2] is needed")
        if not 1 <= length <= LARGEST_LENGTH:
            raise ValueError(f"a transform of length {length}")
        bins = length // 2 + 1 if onesided and not inverse else length
        return TensorType(F32, (*x.shape[:-2], bins, 1 if onesided and inverse else 2))

    @staticmethod
    def reference(x: Array, *, length: int, inverse: bool, onesided: bool) -> Array:
        z = x[..., 0].astype(np.float64) + (1j * x[..., 1] if x.shape[-1] == 2 else 0)
        if z.shape[-1] == 0:
            z = np.zeros((*z.shape[:-1], 1), np.complex128)
        if inverse and onesided:
            real: Array = np.fft.irfft(_fitted(z, length // 2 + 1), length, -1)
            return real[..., None].astype(np.float32)
        y = np.fft.ifft(z, length, -1) if inverse else np.fft.fft(z, length, -1)
        y = y[..., : length // 2 + 1] if onesided else y
        return np.stack([y.real, y.imag], -1).astype(np.float32)


def _fitted(x: Array, n: int) -> Array:
    """``x`` cut or padded with zeros to ``n`` elements along the last axis."""
    out = np.zeros((*x.shape[:-1], n), x.dtype)
    k = min(n, x.shape[-1])
    out[..., :k] = x[..., :k]
    return out


def circle_points(k: Array, n: int) -> tuple[Array, Array]:
    """Cosine and sine of ``2 pi k / n`` for whole numbers ``k`` in [0, n): series in double precision, in a fixed order of operations,
    so that every machine gets the same bits (``docs/numerics.md``; ``ops/circle.h`` has the same steps)."""
    octant, rest = np.divmod(8 * np.asarray(k, np.int64), n)
    odd = octant % 2 == 1
    x = 0.78539816339744830962 * (np.where(odd, n - rest, rest).astype(np.float64) / np.float64(n))
    square = x * x
    sin, cos = np.ones_like(x), np.ones_like(x)
    for i in range(9, 0, -1):
        sin = 1.0 - square * sin / np.float64(2 * i * (2 * i + 1))
        cos = 1.0 - square * cos / np.float64((2 * i - 1) * 2 * i)
    sin = np.where(odd, -(x * sin), x * sin)
    quarter = ((octant + odd) // 2) % 4
    c = np.select([quarter == 0, quarter == 1, quarter == 2], [cos, -sin, -cos], sin)
    s = np.select([quarter == 0, quarter == 1, quarter == 2], [sin, cos, -sin], -cos)
    return c, s


@op(id=221, category="signal")
class FixedRfft:
    """The Fourier transform of real fixed-point numbers along the last axis, with KISS FFT's rounding, divided by ``length``.

    ``x`` [..., n] is padded with zeros to ``length``, a power of two from 4 on; the result is [..., length // 2 + 1, 2]. ``inverse``
    takes [..., length // 2 + 1, 2] to [..., length], divided by ``length`` too. Each radix-4 (at the end radix-2) step first
    divides by its radix, products round half up at 15 (31) bits, sums wrap around (KISS FFT 1.3.0, FIXED_POINT 16 and 32; used by
    TensorFlow Lite Micro's ``SignalRfft``).
    """

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)
    attrs = (Int("length"), Bool("inverse", False))
    types = {T: (I16, I32)}
    quant = NotNumeric()

    @staticmethod
    def infer(x: Arg, *, length: int, inverse: bool) -> TensorType:
        if length < 4 or length & (length - 1) or length > LARGEST_LENGTH:
            raise ValueError(f"a transform of length {length}: a power of two from 4 on is needed")
        if inverse:
            if x.rank < 2 or x.shape[-2:] != (length // 2 + 1, 2):
                raise ValueError(f"bins [..., {length // 2 + 1}, 2] are needed")
            return TensorType(x.dtype, (*x.shape[:-2], length))
        if x.rank < 1 or not isinstance(x.shape[-1], int) or x.shape[-1] > length:
            raise ValueError(f"a tensor [..., n] with n at most {length} is needed")
        return TensorType(x.dtype, (*x.shape[:-1], length // 2 + 1, 2))

    @staticmethod
    def reference(x: Array, *, length: int, inverse: bool) -> Array:
        number = _Fixed(DType.from_numpy(x.dtype))
        if inverse:
            return number.inverse(x.astype(np.int64), length).astype(x.dtype)
        return number.forward(_fitted(x, length).astype(np.int64), length).astype(x.dtype)


Pair = tuple[Array, Array]


class _Fixed:
    """Arithmetic of one fixed-point type on int64 arrays; complex numbers are pairs (real, imaginary)."""

    def __init__(self, dtype: DType) -> None:
        self.bits = 15 if dtype is I16 else 31
        self.most = (1 << self.bits) - 1

    def wrap(self, v: Array) -> Array:
        span = 1 << (self.bits + 1)
        wrapped: Array = (v + (span >> 1)) % span - (span >> 1)
        return wrapped

    def rounded(self, v: Array) -> Array:
        return self.wrap((v + (1 << (self.bits - 1))) >> self.bits)

    def divided(self, a: Pair, k: int) -> Pair:
        return self.rounded(a[0] * (self.most // k)), self.rounded(a[1] * (self.most // k))

    def add(self, a: Pair, b: Pair) -> Pair:
        return self.wrap(a[0] + b[0]), self.wrap(a[1] + b[1])

    def sub(self, a: Pair, b: Pair) -> Pair:
        return self.wrap(a[0] - b[0]), self.wrap(a[1] - b[1])

    def mul(self, a: Pair, b: Pair) -> Pair:
        return self.rounded(a[0] * b[0] - a[1] * b[1]), self.rounded(a[0] * b[1] + a[1] * b[0])

    def half(self, v: Array) -> Array:
        return self.wrap(((v + (1 << 31)) % (1 << 32) - (1 << 31)) >> 1)

    def table(self, v: Array) -> Array:
        return np.floor(0.5 + np.float64(self.most) * v).astype(np.int64)

    def complex_transform(self, a: Pair, step: int, tw: Pair, inverse: bool) -> Pair:
        """Of the last axis; ``tw[k * step]`` is the k-th root of its length."""
        n = a[0].shape[-1]
        if n == 1:
            return a
        radix = 4 if n % 4 == 0 else 2
        m = n // radix
        parts = [self.complex_transform((a[0][..., q::radix], a[1][..., q::radix]), step * radix, tw, inverse) for q in range(radix)]
        k = np.arange(m) * step
        f = [self.divided(p, radix) for p in parts]
        s = [f[0], *(self.mul(f[q], (tw[0][q * k], tw[1][q * k])) for q in range(1, radix))]
        if radix == 2:
            out = [self.add(s[0], s[1]), self.sub(s[0], s[1])]
        else:
            even, odd = self.add(s[0], s[2]), self.sub(s[0], s[2])
            total, apart = self.add(s[1], s[3]), self.sub(s[1], s[3])
            plus = self.wrap(odd[0] + apart[1]), self.wrap(odd[1] - apart[0])
            minus = self.wrap(odd[0] - apart[1]), self.wrap(odd[1] + apart[0])
            out = [self.add(even, total), minus if inverse else plus, self.sub(even, total), plus if inverse else minus]
        return np.concatenate([o[0] for o in out], -1), np.concatenate([o[1] for o in out], -1)

    def tables(self, n: int, inverse: bool) -> tuple[Pair, Pair]:
        """Roots of n // 2, and those that join the halves (for k = 1 to n // 4)."""
        c, s = circle_points(np.arange(n), n)
        sign = 1.0 if inverse else -1.0
        k = slice(1, n // 4 + 1)
        return (self.table(c[::2]), self.table(sign * s[::2])), (self.table(-s[k]), self.table(sign * c[k]))

    def forward(self, x: Array, n: int) -> Array:
        half = n // 2
        tw, join = self.tables(n, False)
        z = self.complex_transform((x[..., 0::2], x[..., 1::2]), 1, tw, False)
        y = np.zeros((*x.shape[:-1], half + 1, 2), np.int64)
        first = self.divided((z[0][..., 0], z[1][..., 0]), 2)
        y[..., 0, 0], y[..., half, 0] = self.wrap(first[0] + first[1]), self.wrap(first[0] - first[1])
        k = np.arange(1, half // 2 + 1)
        low = self.divided((z[0][..., k], z[1][..., k]), 2)
        high = self.divided((z[0][..., half - k], self.wrap(-z[1][..., half - k])), 2)
        f1, t = self.add(low, high), self.mul(self.sub(low, high), join)
        y[..., k, 0], y[..., k, 1] = self.half(f1[0] + t[0]), self.half(f1[1] + t[1])
        y[..., half - k, 0], y[..., half - k, 1] = self.half(f1[0] - t[0]), self.half(t[1] - f1[1])
        return y

    def inverse(self, x: Array, n: int) -> Array:
        half = n // 2
        tw, join = self.tables(n, True)
        z = np.zeros((2, *x.shape[:-2], half), np.int64)
        ends = self.wrap(x[..., 0, 0] + x[..., half, 0]), self.wrap(x[..., 0, 0] - x[..., half, 0])
        z[0][..., 0], z[1][..., 0] = self.divided(ends, 2)
        k = np.arange(1, half // 2 + 1)
        low = self.divided((x[..., k, 0], x[..., k, 1]), 2)
        high = self.divided((x[..., half - k, 0], self.wrap(-x[..., half - k, 1])), 2)
        even, odd = self.add(low, high), self.mul(self.sub(low, high), join)
        z[0][..., k], z[1][..., k] = self.add(even, odd)
        apart = self.sub(even, odd)
        z[0][..., half - k], z[1][..., half - k] = apart[0], self.wrap(-apart[1])
        out = self.complex_transform((z[0], z[1]), 1, tw, True)
        return np.stack(out, -1).reshape(*x.shape[:-2], n)
