"""TensorFlow Lite Micro's signal operators that keep part of a stream from run to run: framing, stacking, delay, overlap and add."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I16, I32, TensorType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.flexbuffer import options
from edgekit_converters.tflite.operators.signal import keep, option, state, typed
from edgekit_converters.tflite.registry import converts

LONGEST = 1 << 24
MOST_FRAMES = 1024


def _static(ctx: NodeContext, x: Value) -> tuple[int, ...]:
    dims = tuple(ctx.static(d, "the input's shape") for d in x.shape)
    if not dims:
        raise MalformedModelError("a tensor of rank 1 or more is needed")
    return dims


def _cut(ctx: NodeContext, x: Value, start: int, end: int) -> Value:
    """Part of the last axis."""
    return ctx.call("Slice", x, ctx.i64(start), ctx.i64(end), ctx.i64(len(x.shape) - 1))


def _length(ctx: NodeContext, name: str, least: int, most: int = LONGEST) -> int:
    n = option(ctx, name)
    if not least <= n <= most:
        raise MalformedModelError(f"the option {name!r} is {n}")
    return n


@converts("CUSTOM:SignalDelay")
def delay(ctx: NodeContext) -> Value:
    """The input of ``delay_length`` samples ago; zeros come first."""
    x = typed(ctx, 0, I16)
    dims, late = _static(ctx, x), _length(ctx, "delay_length", 0)
    if late == 0:
        return x
    before = state(ctx, "delayed", TensorType(I16, (*dims[:-1], late)))
    stream = ctx.call("Concat", before, x, axis=len(dims) - 1)
    keep(ctx, "delayed", _cut(ctx, stream, dims[-1], dims[-1] + late))
    return _cut(ctx, stream, 0, dims[-1])


@converts("CUSTOM:SignalFramer")
def framer(ctx: NodeContext) -> Sequence[Value]:
    """Frames that may begin in earlier runs, and whether all of them are full; without ``prefill`` the first ones are not."""
    x = typed(ctx, 0, I16)
    size, step = _length(ctx, "frame_size", 1), _length(ctx, "frame_step", 1)
    dims, prefill = _static(ctx, x), bool(options(ctx.custom).get("prefill", False))
    if dims[-1] % step or dims[-1] < step or step > size:
        raise MalformedModelError(f"frames of {size} every {step} of {dims[-1]} samples")
    steps = -(-size // step)  # of a full frame
    kept = size - step if prefill else (steps - 1) * step
    stream = x
    if kept:
        before = state(ctx, "samples", TensorType(I16, (*dims[:-1], kept)))
        stream = ctx.call("Concat", before, x, axis=len(dims) - 1)
        keep(ctx, "samples", _cut(ctx, stream, dims[-1], dims[-1] + kept))
    frames = ctx.call("Frame", stream, length=size, step=step)
    if prefill or steps == 1:
        return [frames, ctx.const(np.asarray(True))]
    seen = state(ctx, "steps", TensorType(I32, ()))
    most = ctx.const(np.asarray(steps, np.int32))
    keep(ctx, "steps", ctx.call("Min", ctx.call("Add", seen, ctx.const(np.asarray(dims[-1] // step, np.int32))), most))
    return [frames, ctx.call("GreaterOrEqual", seen, ctx.const(np.asarray(steps - 1, np.int32)))]


@converts("CUSTOM:SignalStacker")
def stacker(ctx: NodeContext) -> Sequence[Value]:
    """The last frames behind each other, and whether there are enough of them since the last time; the first frame counts several times."""
    x = typed(ctx, 0, I16)
    channels, step = _length(ctx, "num_channels", 1), _length(ctx, "stacker_step", 1)
    left, right = _length(ctx, "stacker_left_context", 0, MOST_FRAMES), _length(ctx, "stacker_right_context", 0, MOST_FRAMES)
    window = left + right + 1
    if _static(ctx, x) != (channels,) or step > window:
        raise MalformedModelError(f"a window of {window} frames every {step} of an input of shape {list(x.shape)}")

    def number(n: int) -> Value:
        return ctx.const(np.asarray(n, np.int32))

    before = state(ctx, "frames", TensorType(I16, (window * channels,)))
    count = state(ctx, "count", TensorType(I32, ()), np.asarray(-1, np.int32))
    is_first = ctx.call("Less", count, number(0))
    moved = x if window == 1 else ctx.call("Concat", _cut(ctx, before, channels, window * channels), x, axis=0)
    frames = ctx.call("Where", is_first, ctx.call("Tile", x, ctx.i64(window)), moved)
    have = ctx.call("Where", is_first, number(left + 1), ctx.call("Add", count, number(1)))
    enough = ctx.call("GreaterOrEqual", have, number(window))
    keep(ctx, "frames", frames)
    keep(ctx, "count", ctx.call("Where", enough, ctx.call("Sub", have, number(step)), have))
    return [frames, enough]


@converts("CUSTOM:SignalOverlapAdd")
def overlap_add(ctx: NodeContext) -> Value:
    """Frames [..., frames, size] added up ``frame_step`` apart; int16 saturates with each addition."""
    x = ctx.input(0)
    if x.dtype not in (I16, F32):
        raise Unsupported(f"frames of {x.dtype.label} are not supported.")
    dims, step = _static(ctx, x), _length(ctx, "frame_step", 1)
    if len(dims) < 2 or step > dims[-1] or dims[-2] < 1:
        raise MalformedModelError(f"frames of shape {list(dims)} every {step}")
    if dims[-2] > MOST_FRAMES:
        raise Unsupported(f"{dims[-2]} frames are more than the {MOST_FRAMES} that are written out.")
    outer, size = dims[:-2], dims[-1]
    total = state(ctx, "overlap", TensorType(x.dtype, (*outer, size)))
    ctx.computed((*outer, step))
    zeros = ctx.const(np.zeros((*outer, step), x.dtype.numpy))
    parts = []
    for k in range(dims[-2]):
        frame = ctx.call("Gather", x, ctx.const(np.asarray(k, np.int64)), axis=len(outer))
        if x.dtype is F32:
            total = ctx.call("Add", frame, total)
        else:
            wide = ctx.call("Add", ctx.cast(frame, I32), ctx.cast(total, I32))
            total = ctx.cast(ctx.call("Clip", wide, min=-32768.0, max=32767.0), I16)
        parts.append(_cut(ctx, total, 0, step))
        total = ctx.call("Concat", _cut(ctx, total, step, size), zeros, axis=len(outer)) if step < size else zeros
    keep(ctx, "overlap", total)
    return parts[0] if len(parts) == 1 else ctx.call("Concat", *parts, axis=len(outer))
