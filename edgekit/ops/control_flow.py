"""Operators that run subgraphs. Subgraphs capture nothing: what they use from outside is passed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from edgekit.ops.definition import ANY, Arg, GraphAttr, Int, Optional, Port, Variadic, op
from edgekit.ops.shapes import either_dim, unknown_dim, upper
from edgekit.ops.traits import NotNumeric
from edgekit.symbolic import SymDim
from edgekit.types import BOOL, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Array, Dim, Shape, TensorType, format_shape

ALL_TYPES = (F32, F16, I8, U8, I16, U16, I32, U32, I64, U64, BOOL, F64)


class Body(Protocol):
    """A subgraph as ``reference`` gets it: a function of arrays that knows the types of its results."""

    output_types: tuple[TensorType, ...]

    def __call__(self, *arrays: Array) -> list[Array]: ...


def _join(name: str, a: TensorType, b: TensorType, what: str) -> TensorType:
    """The type of a value that comes from one of two places: differing dimensions become bounded unknowns."""
    if a.dtype is not b.dtype or a.rank != b.rank:
        raise ValueError(f"{what} is {a} in one place and {b} in another; element type and rank must be the same")
    dims = [either_dim(f"{name}_{i}", p, q) for i, (p, q) in enumerate(zip(a.shape, b.shape, strict=True))]
    return TensorType(a.dtype, tuple(dims), a.quant if a.quant == b.quant else None)


def _below(a: Dim, b: Dim) -> bool:
    """Whether ``a`` never exceeds the largest ``b``."""
    most, limit = upper(a), upper(b)
    return limit is None or (most is not None and most <= limit)


def _fits(given: Shape, wanted: Shape) -> bool:
    if len(given) != len(wanted):
        return False
    return all(g == w or (not isinstance(w, int) and (w.is_open or _below(g, w))) for g, w in zip(given, wanted, strict=True))


def _check_arguments(graph: Any, given: Sequence[TensorType], what: str) -> None:
    """Hold what is passed in against the subgraph's inputs."""
    if len(graph.inputs) != len(given):
        raise ValueError(f"{what} takes {len(graph.inputs)} inputs, {len(given)} are passed")
    for v, t in zip(graph.inputs, given, strict=True):
        if v.dtype is not t.dtype or not _fits(t.shape, v.shape):
            raise ValueError(f"{what}: input {v.name!r} takes {v.type}, {t} is passed")


@op(id=210, category="control flow")
class If:
    """Run one of two subgraphs: ``then_graph`` where ``cond`` holds, else ``else_graph``.

    Both take ``captures`` as their inputs, and have the same number of outputs with the same element types and ranks.
    """

    inputs = (Port("cond", BOOL), Variadic("captures", ANY))
    outputs = (Variadic("outs", ANY),)
    attrs = (GraphAttr("then_graph"), GraphAttr("else_graph"))
    types = {ANY: ALL_TYPES}
    quant = NotNumeric()

    @staticmethod
    def infer(cond: Arg, captures: list[Arg], *, then_graph: Any, else_graph: Any) -> list[TensorType]:
        given = [c.type for c in captures]
        _check_arguments(then_graph, given, "the 'then' branch")
        _check_arguments(else_graph, given, "the 'else' branch")
        if len(then_graph.outputs) != len(else_graph.outputs):
            raise ValueError(f"the branches give {len(then_graph.outputs)} and {len(else_graph.outputs)} outputs")
        pairs = zip(then_graph.outputs, else_graph.outputs, strict=True)
        return [_join(f"if_{k}", a.type, b.type, f"output {k}") for k, (a, b) in enumerate(pairs)]

    @staticmethod
    def reference(cond: Array, captures: list[Array], *, then_graph: Body, else_graph: Body) -> list[Array]:
        branch = then_graph if cond.reshape(-1)[0] else else_graph
        return branch(*captures)


@op(id=211, category="control flow")
class While:
    """Repeat a subgraph (the meaning of ONNX Loop, https://onnx.ai/onnx/operators/onnx__Loop.html, without implicit captures).

    ``body`` takes ``(i, cond, carried..., captures...)`` and gives ``(cond, carried..., scans...)``. It runs while ``i < max_trips`` (no
    limit where absent) and ``cond`` holds (true where absent). ``values`` are the first values of the ``carried`` carried tensors, then the
    captures. The outputs are the last carried tensors, then each scan output of all trips, stacked along a new first axis.
    """

    inputs = (Optional("max_trips", I64), Optional("cond", BOOL), Variadic("values", ANY))
    outputs = (Variadic("outs", ANY),)
    attrs = (GraphAttr("body"), Int("carried"))
    types = {ANY: ALL_TYPES}
    quant = NotNumeric()

    @staticmethod
    def infer(max_trips: Arg | None, cond: Arg | None, values: list[Arg], *, body: Any, carried: int) -> list[TensorType]:
        if not 0 <= carried <= len(values):
            raise ValueError(f"{carried} carried values are announced, {len(values)} values passed")
        if len(body.inputs) < 2 or len(body.outputs) < 1 + carried:
            raise ValueError("the body needs the inputs (i, cond, ...) and the outputs (cond, carried...)")
        counter, go_on = body.inputs[:2]
        _check_arguments(body, [counter.type, go_on.type, *(v.type for v in values)], "the body")
        if counter.dtype is not I64 or go_on.dtype is not BOOL or body.outputs[0].dtype is not BOOL:
            raise ValueError("the body's trip number must be int64, its condition bool")
        outs = []
        for k in range(carried):
            if not _fits(body.outputs[1 + k].shape, body.inputs[2 + k].shape):
                shapes = f"{format_shape(body.inputs[2 + k].shape)} but comes out as {format_shape(body.outputs[1 + k].shape)}"
                raise ValueError(f"carried value {k} goes into the body as {shapes}")
            outs.append(_join(f"while_{k}", values[k].type, body.outputs[1 + k].type, f"carried value {k}"))
        scans = body.outputs[1 + carried :]
        if scans:
            trips = _trips(max_trips, cond, body)
            outs += [v.type.with_shape((trips, *v.shape)) for v in scans]
        return outs

    @staticmethod
    def reference(max_trips: Array | None, cond: Array | None, values: list[Array], *, body: Body, carried: int) -> list[Array]:
        limit = None if max_trips is None else int(max_trips.reshape(-1)[0])
        go_on = True if cond is None else bool(cond.reshape(-1)[0])
        state, captures = list(values[:carried]), values[carried:]
        rows: list[list[Array]] = []
        i = 0
        while go_on and (limit is None or i < limit):
            outs = body(np.array(i, np.int64), np.array(go_on), *state, *captures)
            go_on = bool(outs[0].reshape(-1)[0])
            state = outs[1 : 1 + carried]
            rows.append(outs[1 + carried :])
            i += 1
        if not rows:
            scans = body.output_types[1 + carried :]
            return [*state, *(np.empty((0, *t.max_shape()), t.dtype.numpy) for t in scans)]
        return [*state, *(np.stack(column) for column in zip(*rows, strict=True))]


def _trips(max_trips: Arg | None, cond: Arg | None, body: Any) -> Dim:
    """The length of scan outputs: a number, or an unknown one where data decide when to stop."""
    known = None if max_trips is None or max_trips.value is None else max_trips.value.reshape(-1)[0]
    limit: Dim | None = known if known is None or isinstance(known, SymDim) else max(0, int(known))
    starts = cond is None or (cond.value is not None and bool(cond.value.reshape(-1)[0]))
    out = body.outputs[0]
    goes_on = out is body.inputs[1] or (out.const is not None and bool(out.const.reshape(-1)[0]))
    return limit if limit is not None and starts and goes_on else unknown_dim("trips", limit)
