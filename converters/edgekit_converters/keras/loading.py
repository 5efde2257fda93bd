"""From a .keras archive, an HDF5 model or a layers model of TensorFlow.js to a Graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edgekit.converters import LoadOptions
from edgekit.errors import ConversionError, MalformedModelError
from edgekit.ir import Graph, GraphBuilder
from edgekit_converters.importing.failures import naming
from edgekit_converters.importing.files import read_head
from edgekit_converters.importing.inputs import SourceInput, bind_inputs
from edgekit_converters.importing.outputs import finish, hand_out
from edgekit_converters.importing.problems import Problems, Unsupported
from edgekit_converters.keras import registry
from edgekit_converters.keras.config import Layer, TreeReader
from edgekit_converters.keras.importer import ModelImporter
from edgekit_converters.keras.javascript import open_json
from edgekit_converters.keras.source import SUBCLASSED, Source, open_source
from edgekit_converters.keras.tensors import Tensor, element_type, policy_name
from edgekit_converters.keras.wiring import Wiring


def coverage() -> list[str]:
    """Every layer class with a converter, and the functions of keras.ops as ``ops.Name``."""
    registry.load_all()  # modules of either table enter rows in the other
    return sorted([*registry.LAYERS.supported(), *(f"ops.{n}" for n in registry.OPERATIONS.supported())])


def functions(operator: str) -> list[Callable[..., Any]]:
    """The converter of a layer class or function."""
    table = registry.OPERATIONS if operator.startswith("ops.") else registry.LAYERS
    found = table.find(operator.removeprefix("ops."))
    return [] if found is None else [found]


def load(source: Any, options: LoadOptions) -> Graph:
    """Import a model with its own input and output names (those of its input and output layers), order, layout and element types.

    Args:
        source: a path.
        options: shapes to bind, inputs to freeze.

    Raises:
        UnsupportedOpError: lists every blocker.
        MalformedModelError: the file is broken.
        ConversionError: it holds no model that can be rebuilt (weights alone, or a subclassed model).
        MissingDependencyError: h5py is not installed.
    """
    registry.load_all()
    path = Path(source)

    def use(opened: Source) -> Graph:
        return _import(path, opened, options)

    with naming(str(path)):
        graph: Graph = open_json(path, use) if _is_json(path) else open_source(path, use)
        return graph


def _is_json(path: Path) -> bool:
    return read_head(path, 1) == b"{"


def _import(path: Path, source: Source, options: LoadOptions) -> Graph:
    problems = Problems()
    model = TreeReader(source.version, problems).read(source.config)
    if not model.is_model:
        raise _no_model(path, model)
    source.bind(model)
    builder = GraphBuilder(Graph(model.name), fold=True)
    importer = ModelImporter(problems, builder, f"Keras {source.keras}".strip())
    importer.backend = source.backend
    importer.survey(model)
    try:
        declared = model_inputs(model)
    except Unsupported as e:  # text, say
        problems.block("InputLayer", model.path, e.reason, e.message, "Cut the model behind the layers that turn it into numbers.")
        problems.raise_blockers()
    inputs = bind_inputs(builder, declared, options, problems)
    outputs = importer.run(model, [Tensor(v) for v in inputs.values()], "")
    problems.raise_blockers()
    hand_out(builder, [(n, t.value) for n, t in zip(output_names(model, len(outputs)), outputs, strict=True) if t.value is not None])
    return finish(
        builder.graph,
        {
            "source.format": "keras",
            "source.producer": importer.producer,
            "source.backend": source.backend,
            "source.notes": "\n".join(problems.notes),
        },
    )


def _no_model(path: Path, layer: Layer) -> ConversionError:
    if layer.kind is not None:
        return MalformedModelError(f"{path}: holds a single layer of class {layer.class_name}, no model")
    return ConversionError(f"{path}: {layer.registered or layer.class_name} is {SUBCLASSED}")


# -- inputs and outputs ----------------------------------------------------------------------------------------------------


def model_inputs(model: Layer, name: str = "") -> list[SourceInput]:
    """The inputs of a model, as Keras names them.

    Args:
        model: sequential or functional.
        name: for the input of a sequential model that has no input layer.

    Raises:
        MalformedModelError: there are none, or one says nothing of its shape.
    """
    if not model.is_sequential:
        members = {m.name: m for m in model.members}
        found = []
        for reference in Wiring.of(model).inputs:
            layer = members.get(reference.layer)
            if layer is None:
                raise MalformedModelError(f"{model.path}: the input layer {reference.layer!r} does not exist")
            found.append(_input_of(layer, layer.name))
        return found
    if not model.members:
        raise MalformedModelError(f"{model.path}: the model has no layers")
    first = model.members[0]
    if first.class_name == "InputLayer":
        return [_input_of(first, first.name)]
    if first.class_name == "Merge":  # Keras 1: branches that meet in the first layer
        return [i for branch in first.children.get("layers", []) for i in model_inputs(branch)]
    own = name or f"{first.name}_input"
    if declared_shape(first) is not None or not first.is_model:
        shape = declared_shape(first) or declared_shape(model)
        return [SourceInput(own, element_type(_input_dtype(first)), shape)]
    return model_inputs(first, own)


def _input_of(layer: Layer, name: str) -> SourceInput:
    return SourceInput(name, element_type(policy_name(layer.config.get("dtype") or layer.config.get("input_dtype"))), declared_shape(layer))


def _input_dtype(layer: Layer) -> str:
    if layer.config.get("input_dtype"):
        return str(layer.config["input_dtype"])
    if layer.class_name == "Embedding" and layer.version < 3:
        return "float32" if layer.version == 2 else "int32"
    name = policy_name(layer.config.get("dtype"))
    return "float32" if name.startswith("mixed_") or "_from_" in name else name


def declared_shape(layer: Layer) -> list[int | str | None] | None:
    """The input shape a layer declares, the leading open dimension called ``batch``; None where it declares none."""
    config = layer.config
    raw: Any = None
    for key in ("batch_shape", "batch_input_shape", "build_input_shape"):
        if isinstance(config.get(key), list):
            raw = config[key]
            break
    if raw is None and isinstance(layer.build.get("input_shape"), list):
        raw = layer.build["input_shape"]
    if raw is None and isinstance(config.get("input_shape"), list):
        raw = [None, *config["input_shape"]]
    if raw is None or any(not isinstance(d, int) and d is not None for d in raw):
        return None
    return ["batch" if i == 0 and d is None else d for i, d in enumerate(raw)]


def output_names(model: Layer, count: int) -> list[str]:
    """The names of a model's outputs: of the layers they come from, with a number where one layer gives several."""
    if not model.is_sequential:
        return Wiring.of(model).output_names
    last: Sequence[Layer] = model.members[-1:]
    base = last[0].name if last else model.name
    return [base if i == 0 else f"{base}_{i}" for i in range(count)]
