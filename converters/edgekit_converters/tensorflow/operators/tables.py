"""Hash tables from numbers to numbers, with the contents they are filled with when a model is loaded."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import Array
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tensorflow.context import Item, NodeContext
from edgekit_converters.tensorflow.registry import converts
from edgekit_converters.tensorflow.session import Resource
from edgekit_converters.tensorflow.tables import TABLES, Tables, table_name

KIND = "hash table"
TEXT_HINT = "It belongs to the preprocessing of text; export the model behind it, or begin behind it: --inputs NAME."
#: a table is written out from its smallest key to its largest where that takes at most so many elements for each key, or so many in all
SPREAD, SPREAD_ANYWAY = 16, 1 << 16
#: a table that cannot be written out is searched key by key, if it has at most so many
MOST_KEYS = 1024


@converts(*TABLES)
def table(ctx: NodeContext) -> Item:
    """A handle of a table."""
    return Resource(KIND, table_name(ctx.node))


@converts("LookupTableFind", "LookupTableFindV2")
def find(ctx: NodeContext) -> Value:
    """The value of each key, or the default."""
    keys, values = _contents(ctx)
    x = ctx.input(1)
    (default,) = ctx.constant_input(2, "the default of a table").reshape(-1)[:1].tolist() or [0]
    if x.dtype.numpy != keys.dtype:
        raise MalformedModelError(f"keys of {keys.dtype} are looked up as {x.dtype.label}")
    missing = ctx.const(np.asarray(default, values.dtype))
    if not len(keys):
        return ctx.call("Expand", missing, ctx.call("Shape", x))
    low, high = int(keys.min()), int(keys.max())
    span = high - low + 1
    if span <= max(SPREAD_ANYWAY, SPREAD * len(keys)):
        rows = np.full(span, default, values.dtype)
        rows[keys - low] = values
        known = ctx.call("And", ctx.unary_const(x, "GreaterOrEqual", low), ctx.unary_const(x, "LessOrEqual", high))
        at = ctx.unary_const(ctx.call("Where", known, x, ctx.like(low, x)), "Sub", low)
        return ctx.call("Where", known, ctx.call("Gather", ctx.const(rows), at, axis=0), missing)
    if len(keys) > MOST_KEYS:
        raise Unsupported(f"a table of {len(keys)} keys between {low} and {high} is too large.", "Number the keys from 0 on.")
    rank = len(x.shape)
    equal = ctx.call("Equal", ctx.unsqueeze(x, [rank]), ctx.const(keys))
    at = ctx.call("ArgMax", ctx.cast(equal, x.dtype), axis=rank, keepdims=False)
    found = ctx.call("Gather", ctx.const(keys), at, axis=0)
    return ctx.call("Where", ctx.call("Equal", found, x), ctx.call("Gather", ctx.const(values), at, axis=0), missing)


@converts("LookupTableSize", "LookupTableSizeV2")
def size(ctx: NodeContext) -> Value:
    """The number of keys."""
    return ctx.const(np.asarray(len(_contents(ctx)[0]), np.int64))


def _contents(ctx: NodeContext) -> tuple[Array, Array]:
    """Keys, each once, and values.

    Raises:
        Unsupported: they are not known, or no numbers.
    """
    handle = ctx.resource(0)
    if handle.kind != KIND:
        raise Unsupported(f"it looks up a {handle.kind}.")
    known = ctx.session.stage.get(KIND)
    if not isinstance(known, Tables):
        known = Tables(ctx.session.library)
        known.read(ctx.session.main)
        ctx.session.stage[KIND] = known
    found = known.contents.get(handle.name)
    if found is None:
        raise Unsupported(f"the model does not say what the table {handle.name!r} holds.", TEXT_HINT)
    keys, values = (a.reshape(-1) for a in found)
    if any(a.dtype.kind not in "iufb" for a in (keys, values)) or keys.dtype.kind not in "iu":
        raise Unsupported("a table of strings is not supported.", TEXT_HINT)
    if len(keys) != len(values) or len(np.unique(keys)) != len(keys):
        counts = f"{len(keys)} keys and {len(values)} values"
        raise MalformedModelError(f"the table {handle.name!r} is filled with {counts}, or with a key twice")
    return keys, values
