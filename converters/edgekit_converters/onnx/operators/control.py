"""If, Loop and Scan. Branches and bodies use values from outside freely in ONNX; here those become explicit inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.types import BOOL, I64, TensorType
from edgekit_converters.importing.loops import settled_body, share_captures
from edgekit_converters.importing.problems import Poisoned, Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.importer import GraphImporter
from edgekit_converters.onnx.operators.sequences import unrolled
from edgekit_converters.onnx.registry import converts
from edgekit_converters.onnx.sequences import AnyValue, OptionalValue, SequenceValue

MAX_BATCH = 64
FREEZE = "Freeze the input that decides it."


@converts("If")
def if_(ctx: NodeContext) -> Sequence[AnyValue | None]:
    """A condition known at conversion imports the taken branch alone."""
    condition = ctx.input(0)
    known = ctx.numbers(condition)
    if known is not None:
        if known.size != 1:
            raise MalformedModelError(f"the condition has {known.size} elements")
        branch = "then_branch" if bool(known.reshape(-1)[0]) else "else_branch"
        return list(ctx.importer.import_inline(ctx.get_graph(branch)))
    try:
        bodies = [ctx.importer.import_body(ctx.get_graph(name), ()) for name in ("then_branch", "else_branch")]
    except Poisoned:
        deciding = _inputs_behind(condition)
        if not deciding:
            raise
        freeze = " ".join(f"--freeze {name}=VALUE" for name in deciding)
        raise Unsupported(
            "one of its branches does not convert.", f"Where it is known which one is taken, pass {freeze}.", "dynamic-input"
        ) from None
    outside = share_captures(bodies, GraphImporter.capture)
    then_graph, else_graph = (b.builder.graph for b in bodies)
    for a, b in zip(then_graph.outputs, else_graph.outputs, strict=False):
        if a.dtype is not b.dtype or a.type.rank != b.type.rank:
            message = f"its branches give {a.type} and {b.type}, so its condition must be known at conversion; it is computed at run time."
            raise Unsupported(message, ctx.importer.session.shape_hint() or FREEZE, "dynamic-input")
    return ctx.call_multi("If", ctx.cast(ctx.scalar(condition), BOOL), *outside, then_graph=then_graph, else_graph=else_graph)


def _inputs_behind(value: Value) -> list[str]:
    """The names of the values without a producer that a value is computed from, constants left out."""
    found: dict[str, None] = {}
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        v = waiting.pop()
        if id(v) in seen or v.const is not None:
            continue
        seen.add(id(v))
        if v.producer is None:
            found[v.name] = None
        else:
            waiting += [i for i in v.producer.inputs if i is not None]
    return list(found)


@converts("Loop")
def loop(ctx: NodeContext) -> Sequence[AnyValue | None]:
    limit, condition = ctx.optional(0), ctx.optional(1)
    carried = [ctx.special(i) for i in range(2, len(ctx.inputs))]
    if any(isinstance(v, SequenceValue | OptionalValue) for v in carried):
        return unrolled(ctx, limit, condition, carried)
    first = [ctx.input(i) for i in range(2, len(ctx.inputs))]
    proto = ctx.get_graph("body")
    if len(proto.output) < 1 + len(first):
        raise MalformedModelError(f"the body gives {len(proto.output)} outputs for {len(first)} carried values")
    body = _settled_body(ctx, proto, first)
    return ctx.call_multi(
        "While",
        None if limit is None else ctx.scalar(ctx.as_i64(limit)),
        None if condition is None else ctx.scalar(ctx.cast(condition, BOOL)),
        *first,
        *(o for o, _ in body.captures),
        body=body.builder.graph,
        carried=len(first),
    )


def _settled_body(ctx: NodeContext, proto: Any, first: Sequence[Value]) -> GraphImporter:
    def trip(types: Sequence[TensorType]) -> tuple[GraphImporter, Sequence[TensorType]]:
        body = ctx.importer.import_body(proto, [TensorType(I64, ()), TensorType(BOOL, ()), *types], alias_first_output=True)
        return body, [v.type for v in body.builder.graph.outputs[1 : 1 + len(types)]]

    return settled_body(ctx.name, [v.type for v in first], trip)


@converts("Scan", since=9)
def scan(ctx: NodeContext) -> Sequence[Value | None]:
    """A Loop of known length: each trip takes one slice of every scanned input and stacks what the body gives."""
    proto, scanned = ctx.get_graph("body"), ctx.get_int("num_scan_inputs")
    values = ctx.present()
    return _scan(ctx, proto, values[: len(values) - scanned], values[len(values) - scanned :])


@converts("Scan", since=8)
def scan_8(ctx: NodeContext) -> Sequence[Value | None]:
    """Opset 8 puts a batch first, over which the scan is repeated."""
    if ctx.optional(0) is not None:
        raise Unsupported("sequence_lens are not supported", "Export with opset 9 or later.")
    proto, scanned = ctx.get_graph("body"), ctx.get_int("num_scan_inputs")
    values = [ctx.input(i) for i in range(1, len(ctx.inputs))]
    if not values or any(not v.shape for v in values):
        raise MalformedModelError("a scan needs inputs with a batch first")
    batch = ctx.static(values[0].shape[0], "the batch of a scan")
    if not 1 <= batch <= MAX_BATCH:
        raise Unsupported(f"a batch of {batch} is not supported", "Export with opset 9 or later.")
    rows: list[list[Value]] = []
    for k in range(batch):
        ctx.importer.session.unroll(len(proto.node))
        entry = [ctx.call("Gather", v, ctx.const(k, I64), axis=0) for v in values]
        outs = _scan(ctx, proto, entry[: len(entry) - scanned], entry[len(entry) - scanned :])
        rows.append([ctx.unsqueeze(o, [0]) for o in outs if o is not None])
    return [ctx.call("Concat", *column, axis=0) if batch > 1 else column[0] for column in zip(*rows, strict=True)]


def _scan(ctx: NodeContext, proto: Any, states: Sequence[Value], inputs: Sequence[Value]) -> Sequence[Value | None]:
    in_axes = ctx.get_ints("scan_input_axes", [0] * len(inputs))
    in_directions = ctx.get_ints("scan_input_directions", ctx.get_ints("directions", [0] * len(inputs)))
    count = len(proto.output) - len(states)
    out_axes = ctx.get_ints("scan_output_axes", [0] * count)
    out_directions = ctx.get_ints("scan_output_directions", [0] * count)
    if not inputs:
        raise MalformedModelError("a scan needs an input to go over")
    axes = [ctx.axis(a, len(v.shape)) for a, v in zip(in_axes, inputs, strict=True)]
    trips = ctx.static(inputs[0].shape[axes[0]], "the scanned dimension")
    slices = [TensorType(v.dtype, tuple(d for i, d in enumerate(v.shape) if i != a)) for v, a in zip(inputs, axes, strict=True)]
    body = ctx.importer.import_body(proto, [*(v.type for v in states), *slices])
    graph = _loop_graph(ctx, body, states, inputs, axes, in_directions, trips)
    outs = ctx.call_multi(
        "While", ctx.const(trips, I64), None, *states, *inputs, *(o for o, _ in body.captures), body=graph, carried=len(states)
    )  # fmt: skip
    result: list[Value | None] = list(outs[: len(states)])
    for v, axis, reverse in zip(outs[len(states) :], out_axes, out_directions, strict=True):
        if reverse:
            v = ctx.call("Slice", v, ctx.i64(-1), ctx.i64(-(2**31)), ctx.i64(0), ctx.i64(-1))
        at = ctx.axis(axis, len(v.shape))
        order = [*range(1, at + 1), 0, *range(at + 1, len(v.shape))]
        result.append(ctx.transpose(v, order))
    return result


def _loop_graph(
    ctx: NodeContext,
    body: GraphImporter,
    states: Sequence[Value],
    inputs: Sequence[Value],
    axes: Sequence[int],
    reverse: Sequence[int],
    trips: int,
) -> Graph:
    """The body of a scan as the body of a loop: slices are taken inside."""
    graph = body.builder.graph
    taken = graph.inputs[len(states) : len(states) + len(inputs)]
    own, captured = graph.inputs[: len(states)], graph.inputs[len(states) + len(inputs) :]
    anchor = graph.nodes[0] if graph.nodes else None
    builder = GraphBuilder(graph, anchor=anchor)
    counter = graph.add_input(_free(graph, "trip"), TensorType(I64, ()))
    go_on = graph.add_input(_free(graph, "go_on"), TensorType(BOOL, ()))
    whole = [graph.add_input(_free(graph, f"{v.name}/all"), v.type) for v in inputs]
    for v, source, axis, backward in zip(taken, whole, axes, reverse, strict=True):
        at = builder.call("Sub", builder.constant(np.asarray(trips - 1, np.int64)), counter) if backward else counter
        graph.replace_all_uses(v, builder.call("Gather", source, at, axis=axis, name=f"{ctx.name}/slice"))
    graph.inputs[:] = [counter, go_on, *own, *whole, *captured]
    graph.outputs.insert(0, go_on)
    graph.output_names.insert(0, graph.unique_name("go_on"))
    return graph


def _free(graph: Graph, hint: str) -> str:
    name = graph.unique_name(hint)
    graph.release_name(name)
    return name
