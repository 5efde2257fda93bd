"""Sequences and optionals, resolved while the model is imported: every length and position must be known then."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.registry import converts
from edgekit_converters.onnx.sequences import AnyValue, OptionalValue, SequenceValue

MAX_ELEMENTS = 4096


def sequence(ctx: NodeContext, i: int) -> SequenceValue:
    """The i-th input, which must be a sequence."""
    v = ctx.special(i)
    if not isinstance(v, SequenceValue):
        raise MalformedModelError(f"input {i} is no sequence")
    return v


def _position(ctx: NodeContext, i: int, length: int, last: int) -> int:
    """A place in a sequence, counted from the front."""
    at = ctx.constant_ints(i, "a position in a sequence")[0]
    if not -length <= at <= last:
        raise MalformedModelError(f"position {at} lies outside a sequence of {length}")
    return at + length if at < 0 else at


@converts("SequenceEmpty", since=11)
def sequence_empty(ctx: NodeContext) -> SequenceValue:
    return SequenceValue(())


@converts("SequenceConstruct", since=11)
def sequence_construct(ctx: NodeContext) -> SequenceValue:
    return SequenceValue(tuple(ctx.present()))


@converts("SequenceInsert", since=11)
def sequence_insert(ctx: NodeContext) -> SequenceValue:
    elements = list(sequence(ctx, 0).elements)
    at = len(elements) if ctx.optional(2) is None else _position(ctx, 2, len(elements), len(elements))
    if len(elements) >= MAX_ELEMENTS:
        raise Unsupported(f"sequences of more than {MAX_ELEMENTS} tensors are not supported")
    return SequenceValue((*elements[:at], ctx.input(1), *elements[at:]))


@converts("SequenceErase", since=11)
def sequence_erase(ctx: NodeContext) -> SequenceValue:
    elements = sequence(ctx, 0).elements
    at = len(elements) - 1 if ctx.optional(1) is None else _position(ctx, 1, len(elements), len(elements) - 1)
    return SequenceValue((*elements[:at], *elements[at + 1 :]))


@converts("SequenceAt", since=11)
def sequence_at(ctx: NodeContext) -> Value:
    """A position computed at run time picks from tensors of one shape, stacked."""
    elements = sequence(ctx, 0).elements
    if ctx.numbers(ctx.input(1)) is None and elements and len({v.type for v in elements}) == 1:
        stacked = ctx.call("Concat", *(ctx.unsqueeze(v, [0]) for v in elements), axis=0)
        return ctx.call("Gather", stacked, ctx.scalar(ctx.as_i64(ctx.input(1))), axis=0)
    return elements[_position(ctx, 1, len(elements), len(elements) - 1)]


@converts("SequenceLength", since=11)
def sequence_length(ctx: NodeContext) -> Value:
    return ctx.const(len(sequence(ctx, 0).elements), I64)


@converts("SplitToSequence", since=11)
def split_to_sequence(ctx: NodeContext) -> SequenceValue:
    """Parts of given sizes; of one size, the last with what is left; or single entries, without their dimension unless it is kept."""
    x, given = ctx.input(0), ctx.optional(1)
    axis = ctx.axis(ctx.get_int("axis", 0), len(x.shape))
    total = ctx.static(x.shape[axis], "the split dimension")
    k = np.ones((), np.int64) if given is None else ctx.constant_input(1, "the sizes of the parts")
    each = int(k) if k.ndim == 0 else 0
    if k.ndim == 0 and each < 1:
        raise MalformedModelError(f"parts of {each}")
    count = -(-total // each) if k.ndim == 0 else k.size
    if not 1 <= count <= MAX_ELEMENTS:
        raise Unsupported(f"a sequence of {count} tensors is not supported")
    sizes = [min(each, total - at) for at in range(0, total, each)] if k.ndim == 0 else [int(v) for v in k]
    parts = ctx.call_multi("Split", x, axis=axis, sizes=tuple(sizes))
    if given is None and not ctx.get_int("keepdims", 1):
        parts = tuple(ctx.regroup(p, [[i] for i in range(len(p.shape)) if i != axis]) for p in parts)
    return SequenceValue(tuple(parts))


@converts("ConcatFromSequence", since=11)
def concat_from_sequence(ctx: NodeContext) -> Value:
    elements, new = sequence(ctx, 0).elements, bool(ctx.get_int("new_axis", 0))
    if not elements:
        raise Unsupported("an empty sequence cannot be joined")
    axis = ctx.axis(ctx.get_int("axis"), len(elements[0].shape) + new)
    return ctx.call("Concat", *(ctx.unsqueeze(v, [axis]) if new else v for v in elements), axis=axis)


@converts("SequenceMap", since=17)
def sequence_map(ctx: NodeContext) -> Sequence[AnyValue]:
    """The body once for each element; further inputs that are sequences go along, tensors are the same each time."""
    body, first = ctx.get_graph("body"), sequence(ctx, 0).elements
    others = [ctx.special(i) for i in range(1, len(ctx.inputs))]
    if any(isinstance(o, SequenceValue) and len(o.elements) != len(first) for o in others):
        raise MalformedModelError("the sequences differ in length")
    rows = []
    for k, element in enumerate(first):
        given = [element, *(o.elements[k] if isinstance(o, SequenceValue) else o for o in others)]
        rows.append(ctx.importer.import_inline(body, given))
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(body.output)
    return [SequenceValue(tuple(v for v in column if isinstance(v, Value))) for column in columns]


@converts("Optional", since=15)
def optional(ctx: NodeContext) -> OptionalValue:
    v = ctx.special(0) if ctx.inputs else None
    return OptionalValue(v.element if isinstance(v, OptionalValue) else v)


@converts("OptionalHasElement", since=15)
def optional_has_element(ctx: NodeContext) -> Value:
    v = ctx.special(0) if ctx.inputs else None
    return ctx.const(v.element is not None if isinstance(v, OptionalValue) else v is not None, BOOL)


@converts("OptionalGetElement", since=15)
def optional_get_element(ctx: NodeContext) -> AnyValue:
    v = ctx.special(0)
    found = v.element if isinstance(v, OptionalValue) else v
    if found is None:
        raise Unsupported("an empty optional has no element")
    return found


def unrolled(ctx: NodeContext, limit: Value | None, condition: Value | None, first: Sequence[AnyValue | None]) -> Sequence[AnyValue | None]:
    """A loop that carries sequences: its body once a trip, as often as is known at conversion."""
    body = ctx.get_graph("body")
    trips = None if limit is None else ctx.numbers(limit)
    going = np.ones(1, np.bool_) if condition is None else ctx.numbers(condition)
    if trips is None or going is None:
        raise Unsupported(
            "a loop that carries sequences needs a number of trips known at conversion", ctx.problems.shape_hint(), "dynamic-input"
        )
    state = list(first)
    scans: list[list[Value]] = [[] for _ in range(len(body.output) - 1 - len(state))]
    go_on = bool(going.reshape(-1)[0])
    for k in range(int(trips.reshape(-1)[0])):
        if not go_on:
            break
        if k >= MAX_ELEMENTS:
            raise Unsupported(f"loops of more than {MAX_ELEMENTS} trips that carry sequences are not supported")
        outs = ctx.importer.import_inline(body, [ctx.const(k, I64), ctx.const(True, BOOL), *state])
        known = ctx.numbers(outs[0]) if isinstance(outs[0], Value) else None
        if known is None:
            raise Unsupported(
                "a loop that carries sequences ends where the data say so", "Freeze the input that decides it.", "dynamic-input"
            )
        go_on = bool(known.reshape(-1)[0])
        state = list(outs[1 : 1 + len(state)])
        for rows, v in zip(scans, outs[1 + len(state) :], strict=True):
            if isinstance(v, Value):
                rows.append(ctx.unsqueeze(v, [0]))
    if any(not rows for rows in scans):
        raise Unsupported("stacked outputs of a loop without trips are not supported beside sequences")
    return [*state, *(ctx.call("Concat", *rows, axis=0) for rows in scans)]
