"""StridedSlice's masks, worked out: which axes are sliced, and how the result is put together (tensorflow/core/util/strided_slice_op)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.errors import MalformedModelError

INT_MAX = (1 << 63) - 1


@dataclass(frozen=True)
class SliceSpec:
    """The attributes of a StridedSlice.

    Attributes:
        count: entries in begin, end and strides.
        rank: of the tensor.
        steps: the strides.
        begin, end, ellipsis, new_axis, shrink_axis: the masks.
    """

    count: int
    rank: int
    steps: Sequence[int]
    begin: int
    end: int
    ellipsis: int
    new_axis: int
    shrink_axis: int


@dataclass(frozen=True)
class SlicePlan:
    """What to do.

    Attributes:
        picked: for each sliced axis, which entry of begin and end is its own.
        axes, steps: the sliced axes and how far apart their elements are.
        default_starts, default_ends: bounds where a mask says so, None where begin and end count.
        dropped: whether the axis, one element long, is left out of the result.
        result: for each dimension of the result the axis it comes from, None for a new one of size 1.
    """

    picked: list[int]
    axes: list[int]
    steps: list[int]
    default_starts: list[int | None]
    default_ends: list[int | None]
    dropped: list[bool]
    result: list[int | None]


def slice_plan(spec: SliceSpec) -> SlicePlan:
    """Work out the masks.

    Raises:
        MalformedModelError: they name more dimensions than there are, or a stride is 0.
    """
    plan = SlicePlan([], [], [], [], [], [], [])
    new = [bool(spec.new_axis >> i & 1) and not spec.ellipsis >> i & 1 for i in range(spec.count)]
    axis, seen_ellipsis = 0, False
    for i in range(spec.count):
        if spec.ellipsis >> i & 1:
            if seen_ellipsis:
                raise MalformedModelError("a slice has two ellipses")
            seen_ellipsis = True
            skip = spec.rank - axis - sum(not n for n in new[i + 1 :])
            if skip < 0:
                raise MalformedModelError("the slice names more dimensions than there are")
            plan.result.extend(range(axis, axis + skip))
            axis += skip
            continue
        if new[i]:
            plan.result.append(None)
            continue
        if axis >= spec.rank:
            raise MalformedModelError("the slice names more dimensions than there are")
        step = spec.steps[i]
        if step == 0:
            raise MalformedModelError("a stride is 0")
        _entry(plan, spec, i, axis, step)
        axis += 1
    plan.result.extend(range(axis, spec.rank))
    return plan


def _entry(plan: SlicePlan, spec: SliceSpec, i: int, axis: int, step: int) -> None:
    """One entry of begin, end and strides."""
    shrink = bool(spec.shrink_axis >> i & 1)
    if not shrink:
        plan.result.append(axis)
        if step == 1 and spec.begin >> i & 1 and spec.end >> i & 1:
            return  # all of it
    plan.picked.append(i)
    plan.axes.append(axis)
    plan.dropped.append(shrink)
    plan.steps.append(1 if shrink else step)
    plan.default_starts.append((0 if step > 0 else INT_MAX) if spec.begin >> i & 1 and not shrink else None)
    plan.default_ends.append((INT_MAX if step > 0 else -INT_MAX) if spec.end >> i & 1 and not shrink else 0 if shrink else None)
