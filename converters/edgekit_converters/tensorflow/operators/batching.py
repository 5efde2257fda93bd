"""SpaceToBatchND and BatchToSpaceND: blocks of positions to the batch, and back. Around a convolution they are a dilation."""

from __future__ import annotations

import math

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.tensorflow.context import Item, NodeContext
from edgekit_converters.tensorflow.dilation import Batched, Spread, cropped
from edgekit_converters.tensorflow.registry import converts


@converts("SpaceToBatchND", "SpaceToBatch")
def space_to_batch(ctx: NodeContext) -> Item:
    """Blocks of positions to the batch, when somebody but a convolution needs them there."""
    x = ctx.input(0)
    block, margins = _block(ctx, 2 if ctx.op == "SpaceToBatchND" else 1)
    return Batched(lambda: _to_batch(ctx, x, block, margins), Spread(block, margins), x)


def _to_batch(ctx: NodeContext, x: Value, block: list[int], margins: list[tuple[int, int]]) -> Value:
    m, rank = len(block), len(x.shape)
    if m + 1 > rank:
        raise MalformedModelError(f"a block shape {block} for a tensor of rank {rank}")
    tail = list(range(m + 1, rank))
    before, after = [0, *(p[0] for p in margins), *[0] * len(tail)], [0, *(p[1] for p in margins), *[0] * len(tail)]
    y = ctx.call("Pad", x, ctx.i64(*before, *after)) if any(before) or any(after) else x
    sizes = [ctx.static(y.shape[i + 1], "a dimension that is taken apart") for i in range(m)]
    if any(s % b for s, b in zip(sizes, block, strict=True)):
        raise MalformedModelError(f"padded sizes {sizes} are no multiples of the block {block}")
    y = ctx.regroup(y, [[0], *(n for s, b in zip(sizes, block, strict=True) for n in (s // b, b)), *([i] for i in tail)])
    order = [2 * i + 2 for i in range(m)] + [0] + [2 * i + 1 for i in range(m)] + [2 * m + 1 + k for k in range(len(tail))]
    y = ctx.transpose(y, order)
    return ctx.regroup(y, [list(range(m + 1)), *([m + 1 + i] for i in range(m)), *([2 * m + 1 + k] for k in range(len(tail)))])


@converts("BatchToSpaceND", "BatchToSpace")
def batch_to_space(ctx: NodeContext) -> Value:
    """Blocks of positions back from the batch; of a convolution between the two, a dilated one."""
    block, margins = _block(ctx, 2 if ctx.op == "BatchToSpaceND" else 1)
    item = ctx.items[0]
    if isinstance(item, Batched) and item.dilated is not None and item.spread.block == block:
        pads = cropped(item.spread.pads, margins)
        if pads is not None:
            return item.dilated(block, pads)
    x = ctx.input(0)
    m, rank = len(block), len(x.shape)
    if m + 1 > rank:
        raise MalformedModelError(f"a block shape {block} for a tensor of rank {rank}")
    tail = list(range(m + 1, rank))
    batch = x.shape[0] // math.prod(block)
    if not isinstance(batch, int):
        y = ctx.call("Reshape", x, ctx.i64(*block, -1, *(ctx.static(d, "a dimension") for d in x.shape[1:])), allow_zero=True)
    else:
        if batch * math.prod(block) != x.shape[0]:
            raise MalformedModelError(f"a batch of {x.shape[0]} for a block {block}")
        y = ctx.regroup(x, [*block, batch, *([i] for i in range(1, rank))])
    order = [m] + [k for i in range(m) for k in (m + 1 + i, i)] + [2 * m + 1 + k for k in range(len(tail))]
    y = ctx.transpose(y, order)
    y = ctx.regroup(y, [[0], *([1 + 2 * i, 2 + 2 * i] for i in range(m)), *([2 * m + 1 + k] for k in range(len(tail)))])
    if not any(a or b for a, b in margins):
        return y
    sizes = [ctx.static(y.shape[i + 1], "a dimension that is cropped") for i in range(m)]
    ends = [s - p[1] for s, p in zip(sizes, margins, strict=True)]
    return ctx.call("Slice", y, ctx.i64(*(p[0] for p in margins)), ctx.i64(*ends), ctx.i64(*range(1, m + 1)))


def _block(ctx: NodeContext, margins_at: int) -> tuple[list[int], list[tuple[int, int]]]:
    """The block and the pads or crops."""
    block = ctx.constant_ints(1, "the block shape") if margins_at == 2 else [ctx.attr_int("block_size")] * 2
    margins = ctx.constant_input(margins_at, "the paddings").reshape(-1, 2).tolist()
    if len(margins) != len(block) or min(block, default=0) < 1 or any(min(p) < 0 for p in margins):
        raise MalformedModelError(f"a block shape {block} with the paddings {margins}")
    return block, [(int(a), int(b)) for a, b in margins]
