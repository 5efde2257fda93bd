"""TensorArrays of TF1 (data_flow_ops.cc) and TensorLists of TF2 (list_ops.cc)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I32
from edgekit_converters.importing.problems import Poisoned, Unsupported
from edgekit_converters.tensorflow import lists
from edgekit_converters.tensorflow.context import Item, NodeContext
from edgekit_converters.tensorflow.lists import ArrayHandle, Unwritten
from edgekit_converters.tensorflow.registry import converts


def _item(ctx: NodeContext, i: int) -> Item:
    if i >= len(ctx.items):
        raise MalformedModelError(f"input {i} is missing")
    if ctx.items[i] is None:
        raise Poisoned
    return ctx.items[i]


# -- tensor arrays ------------------------------------------------------------------------------------------------------


@converts("TensorArrayV3")
def tensor_array(ctx: NodeContext) -> Sequence[Item]:
    """An array of so many elements: its handle, and the flow."""
    empty = Unwritten(ctx.attr_type("dtype"), ctx.input(0), ctx.attr_shape("element_shape"))
    return [ArrayHandle(empty, ctx.attr_bool("dynamic_size", False)), lists.made(ctx, empty)]


@converts("TensorArrayWriteV3")
def array_write(ctx: NodeContext) -> Value:
    """handle, index, value, flow."""
    handle = _item(ctx, 0)
    return lists.write(ctx, _item(ctx, 3), ctx.input(1), ctx.input(2), isinstance(handle, ArrayHandle) and handle.grows)


@converts("TensorArrayReadV3")
def array_read(ctx: NodeContext) -> Value:
    """handle, index, flow."""
    return lists.read(ctx, lists.content(ctx, _item(ctx, 2)), ctx.input(1))


@converts("TensorArrayScatterV3")
def array_scatter(ctx: NodeContext) -> Value:
    """handle, indices, values, flow."""
    return lists.scattered(ctx, _item(ctx, 3), ctx.input(1), ctx.input(2))


@converts("TensorArrayGatherV3")
def array_gather(ctx: NodeContext) -> Value:
    """handle, indices, flow."""
    rows = lists.content(ctx, _item(ctx, 2), ctx.attr_shape("element_shape"))
    return lists.picked(ctx, rows, ctx.input(1))


@converts("TensorArrayConcatV3")
def array_concat(ctx: NodeContext) -> Sequence[Value]:
    """handle, flow."""
    return lists.joined(ctx, lists.content(ctx, _item(ctx, 1)))


@converts("TensorArraySplitV3")
def array_split(ctx: NodeContext) -> Value:
    """handle, value, lengths, flow."""
    return lists.parted(ctx, ctx.input(1), ctx.input(2))


@converts("TensorArraySizeV3")
def array_size(ctx: NodeContext) -> Value:
    """handle, flow."""
    return lists.length(ctx, _item(ctx, 1))


@converts("TensorArrayCloseV3")
def array_close(ctx: NodeContext) -> Sequence[Item]:
    """Nothing to do."""
    return ()


# -- tensor lists -------------------------------------------------------------------------------------------------------


def _shape(ctx: NodeContext, i: int) -> tuple[int | None, ...] | None:
    """An element shape given as a tensor: a list with -1 for open dimensions, or -1 alone for an open rank."""
    v = ctx.input(i)
    known = ctx.known(v)
    if known is None or not v.shape:
        return None
    return tuple(int(d) if isinstance(d, int | np.integer) and d >= 0 else None for d in known.reshape(-1).tolist())


@converts("TensorListReserve")
def list_reserve(ctx: NodeContext) -> Item:
    """element_shape, num_elements."""
    return lists.made(ctx, Unwritten(ctx.attr_type("element_dtype"), ctx.input(1), _shape(ctx, 0)))


@converts("EmptyTensorList")
def list_empty(ctx: NodeContext) -> Item:
    """element_shape, max_num_elements."""
    return lists.made(ctx, Unwritten(ctx.attr_type("element_dtype"), None, _shape(ctx, 0)))


@converts("TensorListFromTensor")
def list_from_tensor(ctx: NodeContext) -> Value:
    """The rows of a tensor are the elements."""
    if not ctx.input(0).shape:
        raise MalformedModelError("a tensor of rank 1 or more is needed")
    return ctx.input(0)


@converts("TensorListStack")
def list_stack(ctx: NodeContext) -> Value:
    """The elements as rows."""
    return lists.content(ctx, _item(ctx, 0), _shape(ctx, 1) if len(ctx.items) > 1 else None)


@converts("TensorListGetItem")
def list_get(ctx: NodeContext) -> Value:
    """handle, index, element_shape."""
    return lists.read(ctx, lists.content(ctx, _item(ctx, 0), _shape(ctx, 2) if len(ctx.items) > 2 else None), ctx.input(1))


@converts("TensorListSetItem")
def list_set(ctx: NodeContext) -> Value:
    """handle, index, item."""
    return lists.write(ctx, _item(ctx, 0), ctx.input(1), ctx.input(2), ctx.attr_bool("resize_if_index_out_of_bounds", False))


@converts("TensorListPushBack")
def list_push(ctx: NodeContext) -> Value:
    """handle, tensor."""
    row = ctx.unsqueeze(ctx.input(1), [0])
    item = _item(ctx, 0)
    if isinstance(item, Unwritten) and item.size is None:
        return row
    return ctx.call("Concat", lists.like(ctx, item, ctx.input(1)), row, axis=0)


@converts("TensorListPopBack")
def list_pop(ctx: NodeContext) -> Sequence[Value]:
    """The list without its last element, and that."""
    rows = lists.content(ctx, _item(ctx, 0))
    last = ctx.call("Gather", rows, ctx.const(np.asarray(-1, np.int64)), axis=0)
    return [ctx.call("Slice", rows, ctx.i64(0), ctx.i64(-1), ctx.i64(0)), last]


@converts("TensorListLength")
def list_length(ctx: NodeContext) -> Value:
    """The number of elements."""
    return lists.length(ctx, _item(ctx, 0))


@converts("TensorListElementShape")
def list_element_shape(ctx: NodeContext) -> Value:
    """The shape of the elements."""
    return ctx.cast(ctx.call("Shape", lists.content(ctx, _item(ctx, 0)), start=1), ctx.attr_type("shape_type", I32))


@converts("TensorListGather")
def list_gather(ctx: NodeContext) -> Value:
    """handle, indices, element_shape."""
    return lists.picked(ctx, lists.content(ctx, _item(ctx, 0), _shape(ctx, 2) if len(ctx.items) > 2 else None), ctx.input(1))


@converts("TensorListScatter", "TensorListScatterV2")
def list_scatter(ctx: NodeContext) -> Value:
    """tensor, indices, element_shape, and in the newer form num_elements."""
    values, indices = ctx.input(0), ctx.input(1)
    size = ctx.optional(3)
    count = None if size is None else ctx.known_ints(size)
    if count is None or count[0] < 0:
        known = [int(v) for v in ctx.constant_value(indices, "the indices").reshape(-1)]
        size = ctx.const(np.asarray(max([-1, *known]) + 1, np.int32))
    return lists.scattered(ctx, Unwritten(values.dtype, size, None), indices, values)


@converts("TensorListScatterIntoExistingList")
def list_scatter_into(ctx: NodeContext) -> Value:
    """handle, tensor, indices."""
    return lists.scattered(ctx, _item(ctx, 0), ctx.input(2), ctx.input(1))


@converts("TensorListConcat", "TensorListConcatV2")
def list_concat(ctx: NodeContext) -> Sequence[Value]:
    """The elements behind each other, and their lengths."""
    return lists.joined(ctx, lists.content(ctx, _item(ctx, 0)))


@converts("TensorListSplit")
def list_split(ctx: NodeContext) -> Value:
    """tensor, element_shape, lengths."""
    return lists.parted(ctx, ctx.input(0), ctx.input(2))


@converts("TensorListConcatLists")
def list_concat_lists(ctx: NodeContext) -> Value:
    """One list behind the other."""
    return ctx.call("Concat", lists.content(ctx, _item(ctx, 0)), lists.content(ctx, _item(ctx, 1)), axis=0)


@converts("TensorListResize")
def list_resize(ctx: NodeContext) -> Item:
    """handle, size: cut, or continued with zeros."""
    item, size = _item(ctx, 0), ctx.input(1)
    if isinstance(item, Unwritten):
        return Unwritten(item.dtype, size, item.element)
    rows = lists.content(ctx, item)
    want = ctx.known_ints(size)
    if want is None or not isinstance(rows.shape[0], int):
        raise Unsupported("a list of a size that is computed at run time.", reason="dynamic-input")
    if want[0] <= rows.shape[0]:
        return ctx.call("Slice", rows, ctx.i64(0), ctx.i64(max(want[0], 0)), ctx.i64(0))
    more = lists.filled(
        ctx, Unwritten(rows.dtype, ctx.const(np.asarray(want[0] - rows.shape[0], np.int32)), None), ctx.call("Shape", rows, start=1)
    )
    return ctx.call("Concat", rows, more, axis=0)
