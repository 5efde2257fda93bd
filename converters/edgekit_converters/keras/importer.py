"""One model on its way into a Graph: its layers are called as its configuration wires them, inner models included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit.symbolic import SymDim
from edgekit.types import Dim, TensorType
from edgekit_converters.importing.attempt import attempt, name_result
from edgekit_converters.importing.growth import Growth
from edgekit_converters.importing.problems import Poisoned, Problems, Unsupported
from edgekit_converters.keras import registry
from edgekit_converters.keras.config import Layer, TreeReader
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.tensors import Call, Reference, Tensor, element_type, flatten, map_structure
from edgekit_converters.keras.wiring import Wiring

#: layer calls of one import; an inner model that calls an inner model twice, and so on, would double with each level


class ModelImporter:
    """Imports models into one graph.

    Attributes:
        problems: where blockers go.
        builder: of the graph under construction: bodies of loops swap it for a while. main: of the outermost graph.
        constants: arrays that are in the graph already, for layers that are called again.
        producer: the source in words, e.g. ``"Keras 3.15.1"``.
        backend: what Keras ran on, where the file says so; Theano turns convolution kernels round.
    """

    def __init__(self, problems: Problems, builder: GraphBuilder, producer: str) -> None:
        self.problems = problems
        self.builder = builder
        self.main = builder
        self.producer = producer
        self.constants: dict[Any, Value] = {}
        self.backend = ""
        self._growth = Growth(0, "the calls of its layers")
        self._unknown: set[str] = set()

    # -- models ---------------------------------------------------------------------------------------------------------

    def run(self, model: Layer, inputs: Sequence[Tensor], prefix: str) -> list[Tensor]:
        """Call a model.

        Args:
            model: sequential or functional.
            inputs: one tensor for each of its inputs.
            prefix: goes before the names of its layers, empty for the outermost model.

        Returns:
            one tensor for each output.
        """
        if model.is_sequential:
            return self._sequential(model, inputs, prefix)
        wiring = Wiring.of(model)
        if len(inputs) != len(wiring.inputs):
            raise MalformedModelError(f"{model.path}: {len(inputs)} tensors are passed, the model takes {len(wiring.inputs)}")
        results: dict[tuple[str, int], list[Tensor]] = {}
        for reference, tensor in zip(wiring.inputs, inputs, strict=True):
            results[reference.layer, reference.node] = [tensor]

        def resolve(leaf: Any) -> Any:
            return _pick(results, leaf, model) if isinstance(leaf, Reference) else leaf

        for layer, number, call in wiring.order(set(results)):
            actual = Call([map_structure(resolve, a) for a in call.args], {k: map_structure(resolve, v) for k, v in call.kwargs.items()})
            own = f"{prefix}{layer.name}" + (f"_{number}" if number else "")
            found = self.apply(layer, actual, own)
            results[layer.name, number] = [self._stand_in(t, wiring, layer, number, i) for i, t in enumerate(found)]
        return [_pick(results, r, model) for r in wiring.outputs]

    def _sequential(self, model: Layer, inputs: Sequence[Tensor], prefix: str) -> list[Tensor]:
        now = list(inputs)
        for layer in model.members:
            if layer.class_name == "InputLayer":
                continue
            now = self.apply(layer, Call([now[0] if len(now) == 1 else now], {}), f"{prefix}{layer.name}")
        return now

    def _stand_in(self, tensor: Tensor, wiring: Wiring, layer: Layer, number: int, index: int) -> Tensor:
        """For a result that did not convert: a value of the type the configuration gives, so that what follows is checked too."""
        if tensor.value is not None:
            return tensor
        declared = wiring.declared.get(Reference(layer.name, number, index))
        if declared is None:
            return tensor
        shape, dtype = declared
        graph = self.builder.graph
        batch: Dim = graph.inputs[0].shape[0] if graph.inputs and graph.inputs[0].shape else SymDim.symbol("batch", 1)
        name = graph.unique_name(f"{layer.name}/unsupported")
        dims = [d if isinstance(d, int) else batch if i == 0 else SymDim.symbol(f"{name}_{i}", 1) for i, d in enumerate(shape)]
        try:
            return Tensor(Value(name, TensorType(element_type(dtype), tuple(dims))))
        except Unsupported:
            return tensor

    # -- layers ---------------------------------------------------------------------------------------------------------

    def apply(self, layer: Layer, call: Call, name: str) -> list[Tensor]:
        """Call one layer, operation or inner model; a tensor without a value for each output that could not be made."""
        self._growth.add(1)
        if layer.is_model:
            inputs = [t for t in flatten(call.args) if isinstance(t, Tensor)]
            inputs += [t for k, t in call.kwargs.items() if isinstance(t, Tensor) and k not in ("mask", "training")]
            return self.run(layer, inputs, f"{name}/")
        convert, keeps_mask = self._converter(layer)
        if convert is None:
            return [Tensor(None)]
        tensors = [t for t in flatten([call.args, call.kwargs]) if isinstance(t, Tensor)]
        if any(t.value is None for t in tensors):
            return [Tensor(None)]
        source = f"{layer.class_name} '{layer.path}' ({self.producer})"
        ctx: list[LayerContext] = []

        def make() -> list[Value]:
            context = LayerContext(self, layer, call, name)
            ctx.append(context)
            result = convert(context)
            return [result] if isinstance(result, Value) else list(result)

        first = len(self.builder.graph.nodes)
        outer = self.builder.source
        values = attempt(self.problems, self.builder, layer.class_name, layer.path, source, [t.value for t in tensors], make)
        self.builder.source = outer
        if values is None:
            return [Tensor(None)]
        for k, value in enumerate(values):
            name_result(self.builder, value, name if k == 0 else f"{name}:{k}", first)
        masks = ctx[0].masks_out
        if masks is None:
            masks = [ctx[0].mask if keeps_mask else None] + [None] * len(values)
        return [Tensor(v, m) for v, m in zip(values, masks, strict=False)]

    def activation_layer(self, ctx: LayerContext, spec: Mapping[str, Any], x: Value) -> Value | None:
        """A layer that stands where an activation is expected; None where its class is not known."""
        layer = TreeReader(ctx.layer.version, self.problems).read(spec, ctx.layer.path)
        if layer.kind is None:
            return None
        if layer.variables():
            raise Unsupported(f"{layer.class_name} as an activation keeps arrays.", "Put it behind the layer.")
        (found,) = self.apply(layer, Call([Tensor(x)], {}), f"{ctx.name}/{layer.name}")
        if found.value is None:
            raise Poisoned
        return found.value

    def _converter(self, layer: Layer) -> tuple[Callable[[LayerContext], Any] | None, bool]:
        if layer.kind is not None:
            return layer.kind.convert, layer.kind.keeps_mask
        if layer.is_operation:
            found = registry.OPERATIONS.find(layer.class_name)
            if found is not None:
                return found, False
            if layer.path not in self._unknown:
                self._unknown.add(layer.path)
                text = "no converter for this function of keras.ops."
                self.problems.block(layer.class_name, layer.path, "unsupported-op", text, "Write it with other ones.")
            return None, False
        self.unknown(layer)
        return None, False

    def unknown(self, layer: Layer) -> None:
        """Add the blocker of a layer class nobody knows, once."""
        if layer.path in self._unknown:
            return
        self._unknown.add(layer.path)
        shown = layer.registered if layer.registered and layer.registered != layer.class_name else layer.class_name
        where = f" from {layer.module}" if layer.module and not layer.module.startswith("keras.") else ""
        self.problems.block(
            layer.class_name,
            layer.path,
            "custom-layer",
            f"the class {shown!r}{where} is no layer of Keras; its code is not in the file.",
            f"Write a converter for it: @edgekit_converters.keras.register({shown!r}), or replace it by layers of Keras and save again.",
        )

    def survey(self, model: Layer) -> None:
        """Add a blocker for every layer of an unknown class, those behind other blockers included."""
        for layer in model.inner():
            self._growth.hold(1)
            if layer.is_operation:
                if registry.OPERATIONS.find(layer.class_name) is None:
                    self._converter(layer)
            elif layer.kind is None and not layer.is_model:
                self.unknown(layer)
            self.survey(layer)


def _pick(results: Mapping[tuple[str, int], list[Tensor]], reference: Reference, model: Layer) -> Tensor:
    found = results.get((reference.layer, reference.node))
    if found is None:
        raise MalformedModelError(f"{model.path}: call {reference.node} of layer {reference.layer!r} is named and does not exist")
    if 0 <= reference.tensor < len(found):
        return found[reference.tensor]
    if any(t.value is None for t in found):
        return Tensor(None)
    raise MalformedModelError(f"{model.path}: output {reference.tensor} of layer {reference.layer!r} is named, it has {len(found)}")
