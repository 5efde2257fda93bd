"""What one layer converter sees: the layer's parameters and blobs, its inputs, and the composer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit.types import Array
from edgekit_converters.caffe.network import Layer
from edgekit_converters.caffe.prototext import Message
from edgekit_converters.importing.composer import Composer
from edgekit_converters.importing.problems import Problems
from edgekit_converters.importing.registry import Registry

Result = Value | Sequence[Value]
REGISTRY: Registry[Callable[[LayerContext], Result]] = Registry("edgekit_converters.caffe.operators")
converts = REGISTRY.converts


class LayerContext(Composer):
    """One layer while it is imported.

    Attributes:
        layer: the layer.
        blobs: its learned arrays.
    """

    def __init__(
        self, problems: Problems, builder: GraphBuilder, layer: Layer, inputs: Sequence[Value | None], blobs: Sequence[Array]
    ) -> None:
        super().__init__(problems, builder, layer.type, layer.name, inputs)
        self.layer = layer
        self.blobs = list(blobs)

    def params(self, name: str) -> Message:
        """The layer's parameters; an empty message where it gives none."""
        return self.layer.params.message(name)

    def blob(self, i: int, *shape: int) -> Value:
        """A learned array, in ``shape`` where one is given (old files pad shapes with ones).

        Raises:
            MalformedModelError: the weights have none, or of another size.
        """
        return self.const(self.array(i, *shape), name=f"{self.name}/{i}")

    def array(self, i: int, *shape: int) -> Array:
        """The numbers of ``blob``."""
        if i >= len(self.blobs):
            if not self.blobs:
                raise MalformedModelError("the weights hold nothing for this layer; do they belong to this network?")
            raise MalformedModelError(f"the weights hold {len(self.blobs)} arrays for this layer, number {i} is missing")
        a = self.blobs[i]
        if not shape:
            return a
        if a.size != int(np.prod(shape, dtype=np.int64)):
            raise MalformedModelError(f"array {i} of the weights has the shape {list(a.shape)}, {list(shape)} is needed")
        return a.reshape(shape)

    def canonical(self, axis: int, value: Value) -> int:
        """An axis counted from the front."""
        return self.axis(axis, len(value.shape))
