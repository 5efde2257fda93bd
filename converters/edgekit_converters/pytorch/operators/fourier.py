"""Fourier transforms of torch: the primitive ones that export breaks all into, ``torch.fft``, and short-time ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32
from edgekit_converters.importing.complex_values import Complex, bilinear, componentwise, conjugate, zeros_of
from edgekit_converters.importing.fourier import scaled, transform
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.complex_dispatch import Numbers
from edgekit_converters.pytorch.context import AtenContext, Sym
from edgekit_converters.pytorch.operators.padding import MODES, padded
from edgekit_converters.pytorch.operators.shape import rolled
from edgekit_converters.pytorch.registry import ConvertFunction, converts, on_complex

#: what the primitive transforms divide by (aten/src/ATen/native/SpectralOpsUtils.h)
NONE, BY_ROOT, BY_LENGTH = 0, 1, 2


def signal(ctx: AtenContext, name: str = "self") -> Numbers:
    """A real (as float) or complex argument."""
    v = ctx.args.get(name)
    return v if isinstance(v, Complex) else ctx.floating(ctx.tensor(name))


def spectrum(ctx: AtenContext, x: Numbers) -> Complex:
    """A tensor as a complex one."""
    return x if isinstance(x, Complex) else Complex((x, zeros_of(ctx, x)))


def along(
    ctx: AtenContext, x: Numbers, axes: Sequence[int], lengths: Sequence[int | None], norm: int, inverse: bool, half: bool = False
) -> Numbers:  # fmt: skip
    """Transforms along several axes.

    Args:
        ctx: the node.
        x: real or complex.
        axes: from the front; the last one is the axis of one side.
        lengths: one an axis, None for its own size.
        norm: ``NONE``, ``BY_ROOT`` or ``BY_LENGTH``.
        inverse: inverse transforms.
        half: one side of the spectrum comes out, or (inverse) goes in.
    """
    sizes = []
    for k, (a, n) in enumerate(zip(axes, lengths, strict=True)):
        size = ctx.static(x.shape[a], "the length of a transform") if n is None else n
        sizes.append(2 * (size - 1) if n is None and half and inverse and k == len(axes) - 1 else size)
    order = list(zip(axes, sizes, strict=True))
    for k, (a, n) in enumerate(order if inverse else reversed(order)):
        last = k == (len(order) - 1 if inverse else 0)
        if inverse and half and last:
            x = spectrum(ctx, x)
        x = transform(ctx, x, a, n, inverse, half and last)
    total = math.prod(sizes)
    factor = {NONE: 1.0, BY_ROOT: 1 / math.sqrt(total), BY_LENGTH: 1 / total}[norm]
    return scaled(ctx, x, factor * total if inverse and norm != BY_LENGTH else 1.0 if inverse else factor)


def _primitive(ctx: AtenContext, rank: int) -> tuple[list[int], int]:
    axes, norm = [ctx.axis(a, rank) for a in ctx.integers("dim")], ctx.integer("normalization")
    if norm not in (NONE, BY_ROOT, BY_LENGTH) or not axes:
        raise MalformedModelError(f"a transform along {axes} with normalization {norm}")
    return axes, norm


@converts("aten._fft_r2c")
def r2c(ctx: AtenContext) -> Numbers:
    x = ctx.tensor("self")
    axes, norm = _primitive(ctx, len(x.shape))
    return along(ctx, x, axes, [None] * len(axes), norm, False, ctx.flag("onesided"))


@on_complex("aten._fft_c2c")
@converts("aten._fft_c2c")
def c2c(ctx: AtenContext) -> Numbers:
    x = signal(ctx)
    axes, norm = _primitive(ctx, len(x.shape))
    return along(ctx, x, axes, [None] * len(axes), norm, not ctx.flag("forward"))


@on_complex("aten._fft_c2r")
@converts("aten._fft_c2r")
def c2r(ctx: AtenContext) -> Numbers:
    x = signal(ctx)
    axes, norm = _primitive(ctx, len(x.shape))
    return along(ctx, x, axes, [*[None] * (len(axes) - 1), ctx.integer("last_dim_size")], norm, True, True)


def _norm(ctx: AtenContext, inverse: bool) -> int:
    name = ctx.string("norm", "backward")
    modes = {"backward": BY_LENGTH if inverse else NONE, "ortho": BY_ROOT, "forward": NONE if inverse else BY_LENGTH}
    if name not in modes:
        raise MalformedModelError(f"norm {name!r} does not exist")
    return modes[name]


def _line(ctx: AtenContext, x: Numbers) -> tuple[list[int], list[int | None]]:
    n = ctx.integer("n") if ctx.has("n") else None
    return [ctx.axis(ctx.integer("dim", -1), len(x.shape))], [n]


def _several(ctx: AtenContext, x: Numbers) -> tuple[list[int], list[int | None]]:
    """Axes and lengths of a transform along several axes: all of them, or the last ones, unless given."""
    rank = len(x.shape)
    sizes: list[int | None] = [None if n == -1 else n for n in ctx.integers("s")] if ctx.has("s") else []
    if ctx.has("dim"):
        axes = [ctx.axis(a, rank) for a in ctx.integers("dim")]
    elif ctx.op.split(".")[1].endswith("2"):
        axes = [rank - 2, rank - 1]
    else:
        axes = list(range(rank - len(sizes) if ctx.has("s") else 0, rank))
    sizes = sizes if ctx.has("s") else [None] * len(axes)
    if len(sizes) != len(axes) or not axes or min(axes) < 0:
        raise MalformedModelError(f"{len(sizes)} lengths for the axes {axes}")
    return axes, sizes


def _fft(kind: str, dims: str) -> ConvertFunction:
    inverse, half = kind.startswith("i"), "r" in kind

    def convert(ctx: AtenContext) -> Numbers:
        x = signal(ctx)
        if half and not inverse and isinstance(x, Complex):
            raise Unsupported("it takes real numbers, complex ones are given.", reason="complex-number")
        axes, lengths = _line(ctx, x) if not dims else _several(ctx, x)
        return along(ctx, x, axes, lengths, _norm(ctx, inverse), inverse, half)

    return convert


for _kind in ("fft", "ifft", "rfft", "irfft"):
    for _dims in ("", "2", "n"):
        _convert = _fft(_kind, _dims)
        converts(f"aten.fft_{_kind}{_dims}")(_convert)
        on_complex(f"aten.fft_{_kind}{_dims}")(_convert)


@on_complex("aten.fft_hfft")
@converts("aten.fft_hfft")
def hfft(ctx: AtenContext) -> Numbers:
    """The real spectrum of a signal of which one side is given."""
    x = conjugate(ctx, spectrum(ctx, signal(ctx)))
    axes, lengths = _line(ctx, x)
    return along(ctx, x, axes, lengths, {BY_LENGTH: NONE, NONE: BY_LENGTH, BY_ROOT: BY_ROOT}[_norm(ctx, True)], True, True)


@converts("aten.fft_ihfft")
def ihfft(ctx: AtenContext) -> Numbers:
    x = signal(ctx)
    axes, lengths = _line(ctx, x)
    y = along(ctx, x, axes, lengths, _norm(ctx, True), False, True)
    return conjugate(ctx, spectrum(ctx, y))


def _shift(back: bool) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        x = ctx.tensor("self")
        rank = len(x.shape)
        for a in [ctx.axis(d, rank) for d in ctx.integers("dim")] if ctx.has("dim") else range(rank):
            n = ctx.static(x.shape[a], "a shifted dimension")
            x = rolled(ctx, x, a, -(n // 2) if back else n // 2)
        return x

    return convert


converts("aten.fft_fftshift")(_shift(False))
converts("aten.fft_ifftshift")(_shift(True))


@converts("aten.fft_fftfreq", "aten.fft_rfftfreq")
def frequencies(ctx: AtenContext) -> Value:
    n = ctx.integer("n")
    ctx.computed((n,))
    make = np.fft.rfftfreq if ctx.op.startswith("aten.fft_r") else np.fft.fftfreq
    return ctx.const(make(n, ctx.real("d", 1.0)).astype((ctx.dtype("dtype", F32) or F32).numpy))


# -- short-time transforms ----------------------------------------------------------------------------------------------
def _lengths(ctx: AtenContext) -> tuple[int, int, int]:
    """Of a transform, from frame to frame, of the window."""
    n = ctx.integer("n_fft")
    hop, window = ctx.integer("hop_length", max(n // 4, 1)), ctx.integer("win_length", n)
    ctx.computed((n,))
    if n < 1 or hop < 1 or not 1 <= window <= n:
        raise MalformedModelError(f"frames of {n} every {hop} with windows of {window}")
    return n, hop, window


def _window(ctx: AtenContext, n: int, length: int) -> Value | None:
    """The window in the middle of a frame; None for ones all over."""
    w = ctx.optional_tensor("window")
    if w is None and length == n:
        return None
    w = ctx.const(np.ones(length, np.float32)) if w is None else ctx.floating(w)
    left = (n - length) // 2
    return padded(ctx, w, [left, n - length - left], "constant")


def _weighted(ctx: AtenContext, x: Numbers, window: Value | None) -> Numbers:
    if window is None:
        return x
    if isinstance(x, Complex):
        return bilinear(ctx, lambda a, b: ctx.call("Mul", a, b), x.parts(ctx), (ctx.cast(window, x.dtype), None))
    return ctx.call("Mul", x, ctx.cast(window, x.dtype))


@on_complex("aten.stft")
@converts("aten.stft")
def stft(ctx: AtenContext) -> Numbers:
    """Spectra of overlapping frames: [..., samples] becomes [..., bins, frames]."""
    x = signal(ctx)
    n, hop, length = _lengths(ctx)
    half = ctx.flag("onesided", not isinstance(x, Complex))

    def frames(v: Value) -> Value:
        if ctx.op.endswith(".center") and ctx.flag("center", True):
            mode = ctx.string("pad_mode", "reflect")
            if mode not in MODES:
                raise Unsupported(f"padding mode {mode!r} is not known.")
            pads: list[int | Sym] = [n // 2, n // 2]
            v = padded(ctx, v, pads, MODES[mode])
        return ctx.call("Frame", v, length=n, step=hop)

    framed: Numbers = componentwise(lambda k: frames(x.parts(ctx)[k]))[0] if isinstance(x, Complex) else frames(x)
    framed = _weighted(ctx, framed, _window(ctx, n, length))
    rank = len(framed.shape)
    y = spectrum(ctx, transform(ctx, framed, rank - 1, n, False, half))
    y = spectrum(ctx, scaled(ctx, y, 1 / math.sqrt(n) if ctx.flag("normalized", False) else 1.0))
    both = ctx.transpose(y.packed(ctx), [*range(rank - 2), rank - 1, rank - 2, rank])
    wanted = ctx.flag("return_complex", isinstance(x, Complex))
    return Complex(packed=both) if wanted else both


@on_complex("aten.istft")
@converts("aten.istft")
def istft(ctx: AtenContext) -> Numbers:
    """Frames are transformed back, weighted by the window and added up; the sum is divided by that of the squared windows."""
    z = spectrum(ctx, signal(ctx)) if isinstance(ctx.args.get("self"), Complex) else Complex(packed=ctx.floating(ctx.tensor("self")))
    n, hop, length = _lengths(ctx)
    rank = len(z.shape)
    if rank not in (2, 3):
        raise MalformedModelError(f"spectra of rank {rank}: [bins, frames], with a batch before or not, are needed")
    bins = ctx.static(z.shape[rank - 2], "the number of bins")
    half = ctx.flag("onesided", bins != n)
    if bins != (n // 2 + 1 if half else n):
        raise MalformedModelError(f"{bins} bins are none of a transform of length {n}")
    back = transform(ctx, z, rank - 2, n, True, half)
    back = scaled(ctx, back, math.sqrt(n) if ctx.flag("normalized", False) else 1.0)
    window = _window(ctx, n, length)
    weights = ctx.reshape(ctx.const(np.ones(n, np.float32)) if window is None else window, (n, 1))
    dtype = back.dtype
    first = back.parts(ctx)[0] if isinstance(back, Complex) else back
    if not ctx.flag("return_complex", False):
        back = first
    image = ctx.shape_list([_total(ctx, first, n, hop)])
    squares = ctx.expand(ctx.call("Mul", weights, weights), [1, n, ctx.size_of(first, rank - 1)])
    cover = _added_up(ctx, ctx.cast(squares, F32), image, n, hop)

    def signal_of(v: Value) -> Value:
        v = ctx.call("Mul", v, ctx.cast(weights, v.dtype))
        v = v if rank == 3 else ctx.unsqueeze(v, [0])
        y = ctx.cast(ctx.call("Div", _cut(ctx, _added_up(ctx, ctx.cast(v, F32), image, n, hop), n), _cut(ctx, cover, n)), dtype)
        y = _filled_up(ctx, y, cover, n)
        return y if rank == 3 else ctx.squeeze(y, [0])

    return componentwise(lambda k: signal_of(back.parts(ctx)[k]))[0] if isinstance(back, Complex) else signal_of(back)


def _total(ctx: AtenContext, frames: Value, n: int, hop: int) -> int | Sym:
    """Samples that the frames cover."""
    count = ctx.size_of(frames, len(frames.shape) - 1)
    if isinstance(count, int):
        return n + hop * (count - 1)
    return Sym(ctx.call("Add", ctx.call("Mul", count.value, ctx.like(hop, count.value)), ctx.like(n - hop, count.value)))


def _added_up(ctx: AtenContext, columns: Value, image: Value, n: int, hop: int) -> Value:
    """Overlapping columns [batch, n, frames] as [batch, samples]."""
    return ctx.squeeze(ctx.call("Col2Im", columns, image, ctx.i64(n), strides=(hop,)), [1])


def _cut(ctx: AtenContext, y: Value, n: int) -> Value:
    """Without the half frames at the ends that centring has added; as long as asked for."""
    start = n // 2 if ctx.flag("center", True) else 0
    if ctx.has("length"):
        return ctx.narrow(y, 1, start, start + ctx.integer("length"))
    return ctx.narrow(y, 1, start, -(n // 2)) if start else y


def _filled_up(ctx: AtenContext, y: Value, cover: Value, n: int) -> Value:
    """Zeros behind the last frame, where more samples are asked for than the frames cover."""
    if not ctx.has("length"):
        return y
    missing = ctx.integer("length") - ctx.static(_cut(ctx, cover, n).shape[1], "the number of samples")
    return padded(ctx, y, [0, missing], "constant") if missing > 0 else y
