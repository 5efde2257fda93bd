"""From the layers of a network and their arrays to a Graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.converters import LoadOptions
from edgekit.ir import GraphBuilder, Value
from edgekit.types import F32, Array
from edgekit_converters.caffe.context import REGISTRY, LayerContext
from edgekit_converters.caffe.network import Layer, Network
from edgekit_converters.importing.attempt import attempt, name_result
from edgekit_converters.importing.inputs import SourceInput, bind_inputs
from edgekit_converters.importing.problems import Problems

HINTS = {
    "Python": "It runs code of its own; replace it by layers, or cut the network before it.",
    "Proposal": "Cut the network before it and propose regions outside.",
}
HINT = "Replace it in the network, or add a converter for it."


class NetworkImporter:
    """Imports the layers of one network."""

    def __init__(self, net: Network, weights: Mapping[str, Sequence[Array]], builder: GraphBuilder, problems: Problems) -> None:
        self.net = net
        self.weights = weights
        self.builder = builder
        self.problems = problems
        self._values: dict[str, Value | None] = {}

    def run(self, options: LoadOptions) -> list[tuple[str, Value]]:
        """Import every layer.

        Returns:
            the outputs with their names; empty where blockers were found.

        Raises:
            MalformedModelError: the model is broken.
        """
        REGISTRY.load_all()
        inputs = [SourceInput(i.name, F32, self._shape(i.name, i.shape, options)) for i in self.net.inputs]
        self._values.update(bind_inputs(self.builder, inputs, options, self.problems))
        for layer in self.net.layers:
            self._layer(layer)
        if self.problems.blockers:
            return []
        return [(name, v) for name in self.net.outputs if (v := self._values[name]) is not None]

    def _shape(self, name: str, shape: tuple[int | None, ...] | None, options: LoadOptions) -> tuple[int | None, ...] | None:
        """Sizes are where a network starts: the caller may give others, as ``Net::Reshape`` may in Caffe."""
        spec = options.shapes.get(name)
        if shape is None or spec is None or len(spec) != len(shape):
            return shape
        return tuple(d if given is None else None for d, given in zip(shape, spec, strict=True))

    def _layer(self, layer: Layer) -> None:
        convert = REGISTRY.find(layer.type)
        if convert is None:
            self.problems.block(layer.type, layer.name, "unsupported-op", "no converter for this layer.", HINTS.get(layer.type, HINT))
        inputs = [self._values[b] for b in layer.bottoms]
        if convert is None or any(v is None for v in inputs):
            return self._poison(layer)
        ctx = LayerContext(self.problems, self.builder, layer, inputs, self.weights.get(layer.name, ()))
        first = len(self.builder.graph.nodes)
        run = convert
        result = attempt(
            self.problems, self.builder, layer.type, layer.name, f"{layer.type} '{layer.name}' (Caffe)", inputs, lambda: run(ctx)
        )
        if result is None:
            return self._poison(layer)
        outs = [result] if isinstance(result, Value) else list(result)
        for top, value in zip(layer.tops, outs, strict=False):
            name_result(self.builder, value, top, first)
            self._values[top] = value
        for top in layer.tops[len(outs) :]:
            self.problems.block(layer.type, layer.name, "unsupported-variant", f"its output {top!r} is not supported.")
            self._values[top] = None

    def _poison(self, layer: Layer) -> None:
        for top in layer.tops:
            self._values[top] = None
