"""Where complex numbers take part in an operator: which converter runs, and on which parts."""

from __future__ import annotations

from typing import Any

from edgekit.ir import Value
from edgekit_converters.importing.complex_values import Complex, componentwise, zeros_of
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch import registry
from edgekit_converters.pytorch.context import REAL_HINT, AtenContext, Sym
from edgekit_converters.pytorch.program import C10_TYPES, TorchType

Numbers = Value | Complex

#: operators that work on the real and the imaginary part alike
COMPONENTWISE = frozenset(f"aten.{n}" for n in (
    "view", "_unsafe_view", "reshape", "view_copy", "_reshape_copy", "_reshape_alias", "view_as", "reshape_as", "flatten", "unflatten",
    "squeeze", "squeeze_copy", "unsqueeze", "unsqueeze_copy", "permute", "permute_copy", "transpose", "t", "transpose_copy", "swapaxes",
    "swapdims", "numpy_T", "mT", "t_copy", "movedim", "moveaxis", "select", "select_copy", "select_scatter", "slice", "slice_copy",
    "slice_scatter", "narrow", "narrow_copy", "split", "split_with_sizes", "chunk", "unsafe_split", "unsafe_chunk", "tensor_split",
    "split_copy", "split_with_sizes_copy", "unsafe_split_with_sizes", "unbind", "unbind_copy", "expand", "expand_copy", "expand_as",
    "broadcast_to", "broadcast_tensors", "repeat", "tile", "repeat_interleave", "cat", "concat", "concatenate", "stack", "hstack", "vstack",
    "flip", "roll", "diagonal", "diagonal_copy", "unfold", "as_strided", "as_strided_copy", "tril", "triu", "constant_pad_nd", "pad",
    "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d", "replication_pad2d", "replication_pad3d",
    "_pad_circular", "index_select", "gather", "take", "take_along_dim", "scatter", "scatter_add", "index_add", "index_copy", "index_fill",
    "masked_fill", "masked_select", "index", "_unsafe_index", "index_put", "_unsafe_index_put", "_index_put_impl", "embedding", "where",
    "sum", "mean", "cumsum", "neg", "negative", "pixel_shuffle", "pixel_unshuffle", "meshgrid", "fft_fftshift", "fft_ifftshift",
    "copy",
))  # fmt: skip

#: operators that change nothing
SAME = frozenset(f"aten.{n}" for n in (
    "clone", "contiguous", "detach", "alias", "lift_fresh_copy", "lift_fresh", "detach_copy", "alias_copy", "resolve_conj", "resolve_neg",
    "positive", "requires_grad_", "dropout",
))  # fmt: skip

#: operators that ask for a shape, not for numbers
OF_SHAPES = frozenset(f"aten.{n}" for n in (
    "sym_size", "size", "dim", "ndimension", "len", "sym_numel", "numel", "sym_stride", "sym_is_contiguous", "is_contiguous",
    "sym_storage_offset", "is_floating_point",
))  # fmt: skip

#: what takes items of any kind
ANY = ("higher_order.", "edgekit.", "_operator.getitem", "aten._assert_tensor_metadata")

#: arguments that are numbers of the result: a real one beside a complex one has an imaginary part of 0
ELEMENTS = {"self", "other", "value", "values", "src", "source", "tensors", "input", "fill_value"}


def complex_type(ctx: AtenContext, name: str = "dtype") -> TorchType | None:
    """The complex element type that an argument asks for."""
    v = ctx.args.get(name)
    if isinstance(v, int) and not isinstance(v, bool) and v in C10_TYPES:
        v = TorchType(C10_TYPES[v])
    return v if isinstance(v, TorchType) and v.is_complex else None


def is_complex(v: Any) -> bool:
    """Whether an argument is complex, or holds what is."""
    return any(map(is_complex, v)) if isinstance(v, list | tuple) else isinstance(v, Complex | complex)


def takes_part(ctx: AtenContext) -> bool:
    """Whether complex numbers take part in a node."""
    return complex_type(ctx) is not None or any(map(is_complex, ctx.args.values()))


def evaluate(ctx: AtenContext, function: registry.ConvertFunction) -> Any:
    """The results of a node.

    Args:
        ctx: the node.
        function: what converts it for real numbers.

    Raises:
        Unsupported: complex numbers take part, and it has no meaning for them here.
    """
    if not takes_part(ctx) or ctx.op.startswith(ANY):
        return function(ctx)
    own = registry.find_complex(ctx.op)
    if own is not None:
        return own(ctx)
    name = registry.packet(ctx.op)
    if name in SAME:
        return next(iter(ctx.args.values()))
    if name in COMPONENTWISE:
        return _both(ctx, function)
    if name in OF_SHAPES:
        return False if name == "aten.is_floating_point" else function(part_of(ctx, 0))
    raise Unsupported(f"{name} of complex numbers is not supported.", REAL_HINT, "complex-number")


def _both(ctx: AtenContext, function: registry.ConvertFunction) -> Any:
    shapes: list[type] = []

    def run(k: int) -> Any:
        made = function(part_of(ctx, k))
        shapes.append(type(made))
        return made

    found = componentwise(run)
    return found if shapes[0] is list else tuple(found) if shapes[0] is tuple else found[0]


def part_of(ctx: AtenContext, k: int, **changed: Any) -> AtenContext:
    """The node with the real (0) or the imaginary (1) part in place of complex numbers.

    Args:
        ctx: the node.
        k: which part.
        changed: arguments that are others.
    """
    args = {n: part(ctx, v, k, n in ELEMENTS) for n, v in {**ctx.args, **changed}.items()}
    return AtenContext(ctx.importer, ctx.node, ctx.op, args)


def part(ctx: AtenContext, v: Any, k: int, element: bool) -> Any:
    """One part of an argument. ``element``: real numbers have an imaginary part of 0, other arguments are the same for both parts."""
    if isinstance(v, Complex):
        return v.parts(ctx)[k]
    if isinstance(v, complex):
        return v.imag if k else v.real
    if isinstance(v, TorchType):
        return v.part
    if isinstance(v, list | tuple) and any(map(is_complex, v)):
        return [part(ctx, i, k, element) for i in v]
    if k and element and not isinstance(v, list | tuple):
        return zeros_of(ctx, v) if isinstance(v, Value) else 0 if isinstance(v, bool | int | float | Sym) else v
    return v


def evaluate_write(ctx: AtenContext, back: registry.WriteFunction, base: Numbers, new: Numbers) -> Numbers:
    """What a write to the result of a view leaves in the tensor it is a view of."""
    if registry.packet(ctx.op) not in COMPONENTWISE or not isinstance(base, Complex) or not isinstance(new, Complex):
        written: Numbers = back(ctx, base, new)
        return written
    return componentwise(lambda k: back(part_of(ctx, k), base.parts(ctx)[k], new.parts(ctx)[k]))[0]


def fitted(ctx: AtenContext, result: Numbers, before: Numbers) -> Numbers:
    """A result in the element type and shape of the tensor it is written to.

    Raises:
        Unsupported: it is complex, the tensor is not.
    """
    if isinstance(before, Value):
        if isinstance(result, Complex):
            raise Unsupported("complex numbers are written into a real tensor.", reason="complex-number")
        return _like(ctx, result, before)
    whole = result if isinstance(result, Complex) else Complex((result, zeros_of(ctx, result)))
    if whole.dtype is before.dtype and whole.shape == before.shape:
        return whole
    like = before.parts(ctx)[0]
    return componentwise(lambda k: _like(ctx, whole.parts(ctx)[k], like))[0]


def _like(ctx: AtenContext, x: Value, before: Value) -> Value:
    x = ctx.cast(x, before.dtype)
    return x if x.shape == before.shape else ctx.expand(x, ctx.sizes_of(before))
