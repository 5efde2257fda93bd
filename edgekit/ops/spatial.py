"""Windows that slide over spatial dimensions: output sizes, layouts, and the numpy sums that convolutions and pools share.

Everything here works on 1, 2 or 3 spatial dimensions. Computation is done channels last (``NHWC``: N, spatial..., C).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from edgekit.ops.definition import Enum
from edgekit.types import Array, Dim, Shape

LAYOUT = Enum("layout", choices=("NCHW", "NHWC"))
"""The layout attribute: ``NCHW`` stands for N, C, spatial... and ``NHWC`` for N, spatial..., C at any spatial rank. Required."""
#: elements of the largest matrix that windows are gathered into: 4 MiB of float64, which caches hold
CHUNK = 1 << 19
#: elements of the weights that are turned into float64 at a time: half a MiB
SLICE = 1 << 16


@dataclass(frozen=True)
class Window:
    """How a kernel slides: one entry a spatial dimension; ``pads`` holds all begins, then all ends.

    Attributes:
        kernel: taps along each dimension.
        strides, dilations: at least 1.
        pads: not negative.
        ceil_mode: round the number of windows up; a window that would start behind the input and its leading pad is dropped.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        n = len(self.kernel)
        if not 1 <= n <= 3:
            raise ValueError(f"1 to 3 spatial dimensions are supported, got {n}")
        if len(self.strides) != n or len(self.dilations) != n or len(self.pads) != 2 * n:
            raise ValueError(
                f"{n} dimensions need as many strides and dilations and twice the pads, got {self.strides}, {self.dilations}, {self.pads}"
            )
        if min(*self.kernel, *self.strides, *self.dilations) < 1:
            raise ValueError(f"kernel {self.kernel}, strides {self.strides} and dilations {self.dilations} must be positive")
        if min(self.pads) < 0:
            raise ValueError(f"pads {self.pads} must not be negative; crop with Slice first")

    @property
    def rank(self) -> int:
        return len(self.kernel)

    def extent(self, i: int) -> int:
        """Input positions from the first tap to the last along dimension ``i``, both included."""
        return self.dilations[i] * (self.kernel[i] - 1) + 1

    def output_size(self, size: Dim, i: int) -> Dim:
        """Number of windows along dimension ``i`` of an input of ``size``."""
        begin, end, stride = self.pads[i], self.pads[i + self.rank], self.strides[i]
        span = size + begin + end - self.extent(i)
        if isinstance(span, int) and span < 0:
            raise ValueError(f"a window of {self.extent(i)} does not fit into {size} plus pads {begin} and {end}")
        if not self.ceil_mode:
            return span // stride + 1
        windows = (span + (stride - 1)) // stride + 1
        if self.extent(i) >= stride + end:  # every window starts inside the input or its leading pad
            return windows
        starts = (size + begin - 1) // stride + 1
        if isinstance(windows, int) and isinstance(starts, int):
            return min(windows, starts)
        raise ValueError(f"ceil_mode with stride {stride} beyond the window needs a static size, got {size}; pass --shape")

    def output_sizes(self, sizes: Sequence[Dim]) -> Shape:
        """Number of windows along every dimension."""
        if len(sizes) != self.rank:
            raise ValueError(f"the window has {self.rank} spatial dimensions, the input {len(sizes)}")
        return tuple(self.output_size(s, i) for i, s in enumerate(sizes))

    def static_sizes(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Number of windows along every dimension of an array."""
        return tuple(n for n in self.output_sizes(sizes) if isinstance(n, int))

    def taps(self) -> Iterator[tuple[int, ...]]:
        """Every tap's index, last dimension fastest."""
        return product(*(range(k) for k in self.kernel))

    def padded(self, x: Array, fill: float, out: Sequence[int]) -> Array:
        """``x`` [N, spatial..., C] with its pads filled, long enough for the last of ``out`` windows."""
        widths = [(0, 0)]
        for i, n in enumerate(out):
            need = (n - 1) * self.strides[i] + self.extent(i) - x.shape[1 + i] - self.pads[i]
            widths.append((self.pads[i], max(need, self.pads[i + self.rank])))
        return np.pad(x, [*widths, (0, 0)], constant_values=fill)

    def tap_slice(self, tap: Sequence[int], out: Sequence[int]) -> tuple[slice, ...]:
        """Where tap ``tap`` of every window lies in a padded input."""
        return (
            slice(None),
            *(slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, s, n in zip(tap, self.dilations, self.strides, out, strict=True)),
        )


def split_layout(shape: Sequence[Dim], layout: str) -> tuple[Dim, Shape, Dim]:
    """Batch, spatial dimensions and channels of a shape."""
    if len(shape) < 3:
        raise ValueError(f"an input of rank 3 to 5 (batch, channels, spatial) is needed, got rank {len(shape)}")
    return (shape[0], tuple(shape[2:]), shape[1]) if layout == "NCHW" else (shape[0], tuple(shape[1:-1]), shape[-1])


def join_layout(batch: Dim, spatial: Sequence[Dim], channels: Dim, layout: str) -> Shape:
    """The shape that ``split_layout`` takes apart."""
    return (batch, channels, *spatial) if layout == "NCHW" else (batch, *spatial, channels)


def channel_axis(rank: int, layout: str) -> int:
    """Position of the channels."""
    return 1 if layout == "NCHW" else rank - 1


def to_channels_last(x: Array, layout: str) -> Array:
    """``x`` seen as N, spatial..., C."""
    return np.moveaxis(x, 1, -1) if layout == "NCHW" else x


def from_channels_last(y: Array, layout: str) -> Array:
    """The way back from ``to_channels_last``."""
    return np.ascontiguousarray(np.moveaxis(y, -1, 1)) if layout == "NCHW" else y


def matrix_product(x: Array, w: Array) -> Array:
    """``x`` [..., K] in float64 times the transpose of ``w`` [O, K]: [..., O] in float64.

    Weights become float64 a slice at a time: a slice stays in the processor's cache, and few rows of ``x`` cost less than the weights.
    """
    flat = x.reshape(-1, x.shape[-1])
    y = np.empty((len(flat), len(w)), np.float64)
    step = max(1, SLICE // max(1, w.shape[1]))
    for first in range(0, len(w), step):
        np.matmul(flat, w[first : first + step].astype(np.float64, copy=False).T, out=y[:, first : first + step])
    return y.reshape(*x.shape[:-1], len(w))


def grouped_product(x: Array, w: Array, groups: int) -> Array:
    """``x`` [..., C] in float64 times ``w`` [O, C / groups], group by group: [..., O] in float64."""
    if groups == 1 and w.shape[1] > 1:
        return matrix_product(x, w)
    w64 = w.astype(np.float64)
    c, o = x.shape[-1] // groups, w.shape[0] // groups
    if c == 1:
        return np.asarray((x[..., None] * w64.reshape(groups, o)).reshape(*x.shape[:-1], groups * o))
    flat = x.reshape(-1, groups * c)
    y = np.matmul(flat.reshape(-1, groups, c).transpose(1, 0, 2), w64.reshape(groups, o, c).transpose(0, 2, 1))
    return np.asarray(y.transpose(1, 0, 2).reshape(*x.shape[:-1], groups * o))


def convolve(x: Array, w: Array, window: Window, groups: int) -> Array:
    """Sum of products in float64: exact for integers below 2**53.

    The windows of some rows at a time are gathered into a matrix, so that there are few and large products.

    Args:
        x: [N, spatial..., C].
        w: [O, kernel..., C / groups].
        window: its kernel is that of ``w``.
        groups: channel groups.

    Returns:
        [N, out..., O] in float64.
    """
    out = window.static_sizes(x.shape[1:-1])
    padded = window.padded(x.astype(np.float64), 0.0, out) if any(window.pads) or window.ceil_mode else x.astype(np.float64)
    taps = list(window.taps())
    per_tap = w.reshape(w.shape[0], len(taps), w.shape[-1])
    y = np.zeros((x.shape[0], *out, w.shape[0]), np.float64)
    pick = window.tap_slice
    single = w.shape[-1] == 1
    row = max(1, int(np.prod(out[1:])) * (w.shape[0] if single else x.shape[-1] * len(taps)))
    step = max(1, CHUNK // row)
    for n in range(x.shape[0]):
        for first in range(0, out[0], step):
            rows = min(step, out[0] - first)
            part = padded[n : n + 1, first * window.strides[0] :]
            to = y[n, first : first + rows]
            if single:
                for index, tap in enumerate(taps):
                    to += grouped_product(part[pick(tap, (rows, *out[1:]))][0], per_tap[:, index], groups)
            elif len(taps) == 1:
                to[...] = grouped_product(part[pick(taps[0], (rows, *out[1:]))][0], per_tap[:, 0], groups)
            else:
                c = w.shape[-1]
                gathered = np.empty((rows, *out[1:], groups, len(taps), c), np.float64)
                for index, tap in enumerate(taps):
                    gathered[..., index, :] = part[pick(tap, (rows, *out[1:]))][0].reshape(rows, *out[1:], groups, c)
                matrix = gathered.reshape(*gathered.shape[:-3], groups * len(taps) * c)
                to[...] = grouped_product(matrix, per_tap.reshape(w.shape[0], -1), groups)
    return y


def convolve_transposed(x: Array, w: Array, window: Window, groups: int, output_padding: Sequence[int]) -> Array:
    """Every input position scatters its window into the output, in float64: exact for integers below 2**53.

    Args:
        x: [N, spatial..., C].
        w: [O, kernel..., C / groups].
        window: strides, dilations and pads (cropped from the full result).
        groups: channel groups.
        output_padding: positions added at the end of each dimension.

    Returns:
        [N, out..., O] in float64.
    """
    sizes = x.shape[1:-1]
    full = [(n - 1) * window.strides[i] + window.extent(i) + output_padding[i] for i, n in enumerate(sizes)]
    y = np.zeros((x.shape[0], *full, w.shape[0]), np.float64)
    x64, per_tap = x.astype(np.float64), w.reshape(w.shape[0], -1, w.shape[-1])
    for index, tap in enumerate(window.taps()):
        y[window.tap_slice(tap, sizes)] += grouped_product(x64, per_tap[:, index], groups)
    crop = (slice(None), *(slice(window.pads[i], n - window.pads[i + window.rank]) for i, n in enumerate(full)))
    return y[crop]
