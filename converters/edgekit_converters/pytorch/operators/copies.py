"""Operators that hand on what they get, as it is or in another type."""

from __future__ import annotations

from edgekit.ir import Value
from edgekit.types import BOOL, F32, F64, I64, DType
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.operators.comparison import everywhere, truth
from edgekit_converters.pytorch.registry import ConvertFunction, converts


def copied(ctx: AtenContext, x: Value, to: DType | None) -> Value:
    """``x`` in another type; what torch leaves alone stays the same value."""
    if to is None or to is x.dtype:
        return x
    if to is BOOL:
        return truth(ctx, x)
    if x.dtype.is_float and not to.is_float:
        return ctx.cast(x, to)
    return ctx.cast(x, to)


@converts("aten.to", "aten._to_copy")
def to(ctx: AtenContext) -> Value:
    """Casts; devices, layouts and memory formats mean nothing here."""
    x = ctx.tensor("self")
    if ctx.has("other"):
        return copied(ctx, x, ctx.tensor("other").dtype)
    return copied(ctx, x, ctx.dtype())


@converts("aten.type_as")
def type_as(ctx: AtenContext) -> Value:
    return copied(ctx, ctx.tensor("self"), ctx.tensor("other").dtype)


def _cast_to(dtype: DType) -> ConvertFunction:
    return lambda ctx: copied(ctx, ctx.tensor("self"), dtype)


for _torch, _dtype in {"float": F32, "double": F64, "long": I64, "bool": BOOL, "int": DType.I32, "half": DType.F16}.items():
    converts(f"aten.{_torch}")(_cast_to(_dtype))


@converts(
    "aten.clone", "aten.contiguous", "aten.detach", "aten.alias", "aten.lift_fresh_copy", "aten.lift_fresh", "aten.detach_copy",
    "aten.alias_copy", "aten.resolve_conj", "aten.resolve_neg", "aten.positive", "aten.requires_grad_",
)  # fmt: skip
def same(ctx: AtenContext) -> Value:
    """What changes nothing in a graph of values."""
    return ctx.tensor("self")


@converts("aten.copy")
def copy(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.expand(copied(ctx, ctx.tensor("src"), x.dtype), ctx.sizes_of(x))


@converts("aten.real", "aten._conj", "aten.conj", "aten.conj_physical", "aten._conj_physical")
def real(ctx: AtenContext) -> Value:
    return ctx.tensor("self")


@converts("aten.dropout", "aten.feature_dropout", "aten.alpha_dropout")
def dropout(ctx: AtenContext) -> Value:
    if ctx.real("p", 0.0) != 0:
        ctx.inference_only("train", False, "dropout")
    return ctx.tensor("input" if "input" in ctx.args else "self")  # the one in place calls it self


@converts("aten.native_dropout")
def native_dropout(ctx: AtenContext) -> tuple[Value, Value]:
    x = ctx.tensor("input")
    ctx.inference_only("train", False, "dropout")
    return x, everywhere(ctx, x, True)
