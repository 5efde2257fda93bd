"""Variables: handles, reading, writing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.ir import Value
from edgekit.types import I32
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tensorflow.context import Item, NodeContext
from edgekit_converters.tensorflow.registry import converts
from edgekit_converters.tensorflow.session import Resource
from edgekit_converters.tensorflow.variables import variable_name

REDUCTIONS = {
    "ResourceScatterUpdate": "none", "ResourceScatterAdd": "add", "ResourceScatterMul": "mul", "ResourceScatterMin": "min",
    "ResourceScatterMax": "max", "ScatterUpdate": "none",
}  # fmt: skip


@converts("VarHandleOp")
def var_handle(ctx: NodeContext) -> Item:
    """A handle of a variable."""
    return Resource("variable", variable_name(ctx.node))


@converts("VariableV2", "Variable")
def variable(ctx: NodeContext) -> Item:
    """A TF1 variable: reading it is using it."""
    return Resource("variable", variable_name(ctx.node), is_reference=True)


@converts("ReadVariableOp")
def read_variable(ctx: NodeContext) -> Value:
    """The present value."""
    return ctx.session.read(ctx.resource(0), ctx.importer.scope)


@converts("VariableShape")
def variable_shape(ctx: NodeContext) -> Value:
    """The shape of a variable."""
    return ctx.cast(ctx.call("Shape", ctx.session.read(ctx.resource(0), ctx.importer.scope)), ctx.attr_type("out_type", I32))


@converts("VarIsInitializedOp", "IsVariableInitialized")
def is_initialized(ctx: NodeContext) -> Value:
    """Variables of a saved model have their values."""
    return ctx.const(np.asarray(True))


def _write(ctx: NodeContext, value: Value) -> Sequence[Item]:
    target = ctx.resource(0)
    ctx.session.assign(target, value, ctx.importer.scope)
    return [target] if target.is_reference else []


@converts("AssignVariableOp", "Assign")
def assign(ctx: NodeContext) -> Sequence[Item]:
    """A new value."""
    return _write(ctx, ctx.input(1))


@converts("AssignAddVariableOp", "AssignSubVariableOp", "AssignAdd", "AssignSub")
def assign_add(ctx: NodeContext) -> Sequence[Item]:
    """The value and a change."""
    before = ctx.session.read(ctx.resource(0), ctx.importer.scope)
    return _write(ctx, ctx.call("Add" if "Add" in ctx.op else "Sub", before, ctx.input(1)))


@converts(*REDUCTIONS)
def scatter(ctx: NodeContext) -> Sequence[Item]:
    """New rows of a variable."""
    before, indices = ctx.session.read(ctx.resource(0), ctx.importer.scope), ctx.input(1)
    rank = len(indices.shape)
    points = ctx.unsqueeze(indices, [rank])
    return _write(ctx, ctx.call("ScatterND", before, points, ctx.input(2), reduction=REDUCTIONS[ctx.op]))


@converts("ResourceScatterNdUpdate", "ResourceScatterNdAdd", "ScatterNdUpdate")
def scatter_nd(ctx: NodeContext) -> Sequence[Item]:
    """New elements or slices of a variable."""
    before = ctx.session.read(ctx.resource(0), ctx.importer.scope)
    reduction = "add" if ctx.op.endswith("Add") else "none"
    return _write(ctx, ctx.call("ScatterND", before, ctx.input(1), ctx.input(2), reduction=reduction))


@converts("ResourceGather", "ResourceGatherNd")
def gather(ctx: NodeContext) -> Value:
    """Rows of a variable (an embedding)."""
    table = ctx.session.read(ctx.resource(0), ctx.importer.scope)
    if ctx.op == "ResourceGatherNd":
        return ctx.call("GatherND", table, ctx.input(1))
    if ctx.attr_int("batch_dims", 0):
        raise Unsupported("a ResourceGather with batch dimensions is not supported.")
    return ctx.call("Gather", table, ctx.input(1), axis=0)
