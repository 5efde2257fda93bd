"""Complex tensors: pairs of real ones while importing. The graph itself knows real numbers only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from edgekit.ir import Value

if TYPE_CHECKING:
    from edgekit_converters.tensorflow.context import NodeContext

#: operators that work on the real and the imaginary part alike
COMPONENTWISE = frozenset(
    {
        "Identity", "Snapshot", "StopGradient", "Reshape", "Squeeze", "ExpandDims", "Transpose", "ConcatV2", "Pack", "Unpack", "Split",
        "SplitV", "Tile", "BroadcastTo", "Pad", "StridedSlice", "Slice", "GatherV2", "GatherNd", "ReverseV2", "Roll", "Neg", "Add", "AddV2",
        "Sub", "AddN", "Sum", "Mean", "ZerosLike", "EnsureShape",
    }
)  # fmt: skip


class Complex:
    """A complex tensor.

    Args:
        parts: its real and imaginary part; or
        packed: both, in a last dimension of 2.
    """

    kind = "complex number"

    def __init__(self, parts: tuple[Value, Value] | None = None, packed: Value | None = None) -> None:
        self._parts = parts
        self._packed = packed

    def parts(self, ctx: NodeContext) -> tuple[Value, Value]:
        """The real and the imaginary part."""
        if self._parts is None:
            assert self._packed is not None
            rank = len(self._packed.shape) - 1
            re, im = (ctx.regroup(v, [[i] for i in range(rank)]) for v in ctx.call_multi("Split", self._packed, axis=rank, sizes=(1, 1)))
            self._parts = re, im
        return self._parts

    def packed(self, ctx: NodeContext) -> Value:
        """Both parts, in a last dimension of 2."""
        if self._packed is None:
            assert self._parts is not None
            rank = len(self._parts[0].shape)
            self._packed = ctx.call("Concat", *(ctx.unsqueeze(v, [rank]) for v in self._parts), axis=rank)
        return self._packed


def componentwise(
    convert: Callable[[Any], Any], context: Callable[[Sequence[Any]], NodeContext], items: Sequence[Any]
) -> Callable[[Any], list[Complex]]:
    """A converter of real tensors as one that is applied to both parts."""

    def both(ctx: NodeContext) -> list[Complex]:
        results = []
        for k in (0, 1):
            made = convert(context([i.parts(ctx)[k] if isinstance(i, Complex) else i for i in items]))
            results.append(list(made) if isinstance(made, list | tuple) else [made])
        return [Complex((re, im)) for re, im in zip(*results, strict=True)]

    return both
