"""SavedModels without a signature: a function of the root object is called instead, ``__call__`` as a rule.

What a function captures is named by nodes of the object graph; their variables are found in the checkpoint by the same path from the root
(tensorflow/python/saved_model/load.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.errors import ConversionError, MalformedModelError
from edgekit_converters.importing.protobuf import parse
from edgekit_converters.tensorflow.bundle import Bundle
from edgekit_converters.tensorflow.model import Model, ModelInput
from edgekit_converters.tensorflow.nodes import Body, Library, SourceNode, TensorRef
from edgekit_converters.tensorflow.protos import messages
from edgekit_converters.tensorflow.variables import OBJECT_GRAPH_KEY, VALUE_ATTRIBUTE, VariableStore

USUAL = ("__call__", "serve", "call", "predict")
MAX_OBJECTS = 1_000_000
RANDOM = ("RandomUniform", "RandomStandardNormal", "StatelessRandomUniformV2", "TruncatedNormal")


def function_names(objects: Any) -> list[str]:
    """Functions of the root object that were traced."""
    if not objects.nodes:
        return []
    return [c.local_name for c in objects.nodes[0].children if _traces(objects, c.node_id)]


def _traces(objects: Any, node_id: int) -> list[str]:
    """The concrete functions of a function object."""
    if not 0 <= node_id < len(objects.nodes) or objects.nodes[node_id].WhichOneof("kind") != "function":
        return []
    return [n for n in objects.nodes[node_id].function.concrete_functions if n in objects.concrete_functions]


def read_function(meta: Any, body: Body, library: Library, bundle: Bundle | None, wanted: str | None) -> tuple[str, Model]:
    """A function of the root object as a model.

    Args:
        meta: the MetaGraphDef.
        body: its main graph, which gets the nodes that call the function.
        library: its functions.
        bundle: the checkpoint.
        wanted: the function's name; None takes a usual one.

    Raises:
        ConversionError: there is none.
        MalformedModelError: the object graph is broken.
    """
    objects = meta.object_graph_def
    names = function_names(objects)
    name = wanted or next((n for n in USUAL if n in names), names[0] if len(names) == 1 else None)
    if name is None or name not in names:
        raise ConversionError(
            f"the SavedModel has no signature; save it again with signatures=, or choose one of its functions {names}"
            if names
            else "the SavedModel has neither a signature nor a traced function; save it again with signatures=, or as a Keras model"
        )
    child = next(c.node_id for c in objects.nodes[0].children if c.local_name == name)
    traces = _traces(objects, child)
    if not traces:
        raise MalformedModelError(f"the function {name!r} has no traces that the file holds")
    function = next((t for t in traces if t in library and not _trains(t, library, set())), traces[0])
    proto = library.proto(function)
    captured = list(objects.concrete_functions[function].bound_inputs)
    arguments = list(proto.signature.input_arg)
    count = len(arguments) - len(captured)
    if count < 0:
        raise MalformedModelError(f"function {function!r} captures {len(captured)} values and takes {len(arguments)}")
    inputs = [_input(proto, k) for k in range(count)]
    for i in inputs:
        body.nodes[i.node] = SourceNode(i.node, "Placeholder", [])
    restores: dict[str, tuple[str, str]] = {}
    keys = dict(_checkpoint_keys(objects, bundle)) if bundle is not None else {}
    refs = [TensorRef(i.node) for i in inputs] + [_capture(objects, k, body, keys, restores) for k in captured]
    call = f"{name}/call"
    attr = messages()["AttrValue"]()
    attr.func.name = function
    body.nodes[call] = SourceNode(call, "PartitionedCall", refs, [], {"f": attr})
    results = library.find(function).results
    outputs = [("output" if len(results) == 1 else f"output_{k}", TensorRef(call, k)) for k in range(len(results))]
    return name, Model(body, library, inputs, outputs, VariableStore(bundle, restores))


def _trains(name: str, library: Library, seen: set[str]) -> bool:
    """Whether a function draws random numbers or normalizes by its batch: it was traced for training."""
    if name in seen or name not in library:
        return False
    seen.add(name)
    for node in library.find(name).nodes.values():
        if node.op in RANDOM or (node.op.startswith("FusedBatchNorm") and "is_training" in node.attrs and node.attrs["is_training"].b):
            return True
        if "f" in node.attrs and _trains(node.attrs["f"].func.name, library, seen):
            return True
    return False


def _input(proto: Any, k: int) -> ModelInput:
    """An argument, under the name its author gave it."""
    argument = proto.signature.input_arg[k]
    attrs = proto.arg_attr[k].attr if k in proto.arg_attr else {}
    given = attrs["_user_specified_name"].s.decode(errors="replace") if "_user_specified_name" in attrs else ""
    shapes = attrs["_output_shapes"].list.shape if "_output_shapes" in attrs else []
    return ModelInput(given or argument.name, f"argument/{k}", argument.type, shapes[0] if len(shapes) else None)


def _capture(objects: Any, node_id: int, body: Body, keys: Mapping[int, str], restores: dict[str, tuple[str, str]]) -> TensorRef:
    """What a function captures, as a tensor of the main graph."""
    if not 0 <= node_id < len(objects.nodes):
        raise MalformedModelError(f"a function captures object {node_id} of {len(objects.nodes)}")
    found = objects.nodes[node_id]
    kind = found.WhichOneof("kind")
    if kind == "constant" and found.constant.operation in body.nodes:
        return TensorRef(found.constant.operation)
    name = f"captured/{node_id}"
    if kind == "variable":
        shared = messages()["AttrValue"](s=f"{found.variable.name or 'variable'}#{node_id}".encode())
        body.nodes[name] = SourceNode(name, "VarHandleOp", [], [], {"shared_name": shared})
        if node_id in keys:
            restores[shared.s.decode()] = (keys[node_id], "")
    else:
        body.nodes[name] = SourceNode(name, f"captured {kind or 'object'}", [])
    return TensorRef(name)


def _checkpoint_keys(objects: Any, bundle: Bundle) -> Iterator[tuple[int, str]]:
    """Checkpoint keys by object: both graphs are walked along the same names from their roots."""
    if OBJECT_GRAPH_KEY not in bundle:
        return
    stored = parse(messages()["TrackableObjectGraph"], bundle.strings(OBJECT_GRAPH_KEY), "the checkpoint's object graph")
    seen: set[tuple[int, int]] = set()
    work = [(0, 0)]
    while work:
        pair = work.pop()
        if pair in seen or not (0 <= pair[0] < len(objects.nodes) and 0 <= pair[1] < len(stored.nodes)) or len(seen) > MAX_OBJECTS:
            continue
        seen.add(pair)
        for a in stored.nodes[pair[1]].attributes:
            if a.name == VALUE_ATTRIBUTE and a.checkpoint_key in bundle:
                yield pair[0], a.checkpoint_key
        theirs = {c.local_name: c.node_id for c in stored.nodes[pair[1]].children}
        work += [(c.node_id, theirs[c.local_name]) for c in objects.nodes[pair[0]].children if c.local_name in theirs]
