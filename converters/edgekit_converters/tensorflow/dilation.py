"""SpaceToBatchND, a convolution, BatchToSpaceND: TensorFlow's old way to write a dilated convolution.

SpaceToBatchND does not compute at once but hands on a :class:`Batched`; a convolution without strides takes it and hands on another;
BatchToSpaceND makes the dilated convolution of it. Whoever else reads one gets the tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgekit.ir import Value

Pads = list[tuple[int, int]]


class Lazy:
    """An item that becomes a tensor when somebody needs one.

    Args:
        make: gives the tensor.
    """

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        self._made: Value | None = None

    def value(self) -> Value:
        """The tensor."""
        if self._made is None:
            self._made = self._make()
        return self._made


@dataclass(frozen=True)
class Spread:
    """How positions went to the batch: one entry a spatial dimension."""

    block: list[int]
    pads: Pads


class Batched(Lazy):
    """A tensor whose blocks of positions lie in the batch.

    Args:
        make: gives it so.
        spread: how.
        source: the tensor before.
        dilated: for the result of a convolution what computes it on ``source`` itself, with the given dilations and pads; else None.
    """

    def __init__(
        self, make: Callable[[], Value], spread: Spread, source: Value, dilated: Callable[[Sequence[int], Pads], Value] | None = None
    ) -> None:
        super().__init__(make)
        self.spread = spread
        self.source = source
        self.dilated = dilated


def cropped(pads: Pads, crops: Pads) -> Pads | None:
    """The pads of a dilated convolution whose ends are cropped; None where more is cropped than was padded."""
    if any(c[k] > p[k] for p, c in zip(pads, crops, strict=True) for k in (0, 1)):
        return None
    return [(p[0] - c[0], p[1] - c[1]) for p, c in zip(pads, crops, strict=True)]
