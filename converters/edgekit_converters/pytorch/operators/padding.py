"""Padding. Torch lists the pads of the last dimension first, as begin, end."""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext, Number, Sym
from edgekit_converters.pytorch.registry import ConvertFunction, converts

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def padded(ctx: AtenContext, x: Value, pads: list[int | Sym], mode: str, value: Value | Sym | Number = 0) -> Value:
    """``x`` padded; negative pads cut."""
    if len(pads) % 2 or len(pads) // 2 > len(x.shape):
        raise MalformedModelError(f"{len(pads)} pads for a tensor of rank {len(x.shape)}")
    rank = len(x.shape)
    begins: list[int | Sym] = [0] * rank
    ends: list[int | Sym] = [0] * rank
    for i in range(len(pads) // 2):
        begins[rank - 1 - i], ends[rank - 1 - i] = pads[2 * i], pads[2 * i + 1]
    for a in range(rank):
        begin, end = begins[a], ends[a]
        if isinstance(begin, int) and isinstance(end, int) and (begin < 0 or end < 0):
            x = ctx.narrow(x, a, max(0, -begin), (1 << 62) if end >= 0 else end)
            begins[a], ends[a] = max(begin, 0), max(end, 0)
    if all(p == 0 for p in (*begins, *ends)):
        return x
    fill = ctx.operand(value, x.dtype) if mode == "constant" else None
    return ctx.call("Pad", x, ctx.shape_list([*begins, *ends]), fill, mode=mode)


@converts("aten.constant_pad_nd")
def constant_pad_nd(ctx: AtenContext) -> Value:
    return padded(ctx, ctx.tensor("self"), ctx.sizes("pad"), "constant", ctx.number("value", 0))


@converts("aten.pad")
def pad(ctx: AtenContext) -> Value:
    mode = ctx.string("mode", "constant")
    if mode not in MODES:
        raise Unsupported(f"padding mode {mode!r} is not known.")
    return padded(ctx, ctx.tensor("self"), ctx.sizes("pad"), MODES[mode], ctx.number("value", 0))


def _pad(mode: str) -> ConvertFunction:
    return lambda ctx: padded(ctx, ctx.tensor("self"), ctx.sizes("padding" if "padding" in ctx.args else "pad"), mode)


for _rank in (1, 2, 3):
    converts(f"aten.reflection_pad{_rank}d")(_pad("reflect"))
    converts(f"aten.replication_pad{_rank}d")(_pad("edge"))
converts("aten._pad_circular")(_pad("wrap"))
