"""Resource variables: states of the graph."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import TensorType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.registry import converts
from edgekit_converters.tflite.variables import Variable, handle_key


@converts("VAR_HANDLE")
def var_handle(ctx: NodeContext) -> Sequence[Value]:
    """Name a variable."""
    key = handle_key(ctx.options)
    ctx.session.variable(key, ctx.options.shared_name or f"variable_{len(ctx.session.variables)}")
    ctx.importer.handles[ctx.output_indices[0]] = key
    return ()


def _variable(ctx: NodeContext) -> Variable:
    key = ctx.importer.handles.get(ctx.input_indices[0] if ctx.input_indices else -1)
    if key is None:
        raise Unsupported("no VAR_HANDLE of the model gives its variable.")
    return ctx.session.variables[key]


@converts("READ_VARIABLE")
def read_variable(ctx: NodeContext) -> Value:
    """The variable's present value."""
    if ctx.session.initializing:
        raise Unsupported("the first value of a variable depends on another variable.")
    return ctx.session.read(_variable(ctx), TensorType(ctx.out.dtype, ctx.out.shape, ctx.out.quant), ctx.importer.depth)


@converts("ASSIGN_VARIABLE")
def assign_variable(ctx: NodeContext) -> Sequence[Value]:
    """A new value, or (while CALL_ONCE runs) the first one."""
    variable, value = _variable(ctx), ctx.input(1)
    if not ctx.session.initializing:
        variable.current = value
        return ()
    known = ctx.numbers(value)
    if known is None:
        raise Unsupported("the first value of a variable is computed at run time.")
    variable.initial = known
    return ()


@converts("CALL_ONCE")
def call_once(ctx: NodeContext) -> Sequence[Value]:
    """Run a subgraph that sets up variables."""
    index = int(ctx.options.init_subgraph)
    if ctx.session.initializing or index == ctx.importer.index:
        raise MalformedModelError("CALL_ONCE calls itself")
    ctx.session.initializing = True
    try:
        ctx.importer.import_body(index, [])
    finally:
        ctx.session.initializing = False
    return ()
