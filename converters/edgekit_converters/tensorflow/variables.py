"""The first values of a SavedModel's variables.

TensorFlow's own loader runs the model's restore operation. It is traced here instead: each assignment in it says which variable gets which
tensor of the checkpoint. Where it says nothing of a variable, the checkpoint's object graph is asked for the variable's name, and then the
checkpoint for a tensor of that very name (TF1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.importing.protobuf import parse
from edgekit_converters.tensorflow.bundle import Bundle
from edgekit_converters.tensorflow.nodes import Body, Library, SourceNode, TensorRef
from edgekit_converters.tensorflow.protos import messages
from edgekit_converters.tensorflow.tensors import read_tensor

OBJECT_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
VALUE_ATTRIBUTE = "VARIABLE_VALUE"
ASSIGNMENTS = ("AssignVariableOp", "Assign")
VARIABLES = ("VarHandleOp", "VariableV2", "Variable")
MAX_DEPTH = 32


class VariableStore:
    """Values by variable name.

    Args:
        bundle: the checkpoint, None where the model has none.
        restores: what the restore operation says: checkpoint key and part of it, by variable name.
    """

    def __init__(self, bundle: Bundle | None = None, restores: Mapping[str, tuple[str, str]] | None = None) -> None:
        self._bundle = bundle
        self._restores = restores or {}
        self._full_names: dict[str, str] | None = None

    def read(self, name: str) -> Array:
        """The first value of a variable.

        Raises:
            Unsupported: the model holds none.
            MalformedModelError: the checkpoint is broken.
        """
        if self._bundle is not None:
            if name in self._restores:
                key, part = self._restores[name]
                return sliced(self._bundle.read(key), part, name)
            key = name if name in self._bundle else self._by_full_name().get(name, "")
            if key:
                return self._bundle.read(key)
        hint = "Save it with its variables, or freeze it."
        if self._bundle is None:
            hint = "No checkpoint lies beside the model: put its folder variables/ next to saved_model.pb, or freeze the graph."
        raise Unsupported(f"the model holds no value for the variable {name!r}.", hint, "no-value")

    def _by_full_name(self) -> dict[str, str]:
        """Checkpoint keys by variable name, from the object graph."""
        if self._full_names is None:
            self._full_names = {}
            if self._bundle is not None and OBJECT_GRAPH_KEY in self._bundle:
                graph = parse(messages()["TrackableObjectGraph"], self._bundle.strings(OBJECT_GRAPH_KEY), "the checkpoint's object graph")
                for node in graph.nodes:
                    for a in node.attributes:
                        if a.name == VALUE_ATTRIBUTE and a.checkpoint_key in self._bundle:
                            self._full_names.setdefault(a.full_name, a.checkpoint_key)
        return self._full_names


def sliced(array: Array, spec: str, name: str) -> Array:
    """The part of a tensor that a variable gets: ``"rows columns start,length:-"`` (tensorflow/core/util: ParseShapeAndSlice)."""
    if not spec:
        return array
    window = []
    for text in spec.split(" ")[-1].split(":"):
        start, _, length = text.partition(",")
        if text == "-":
            window.append(slice(None))
        elif re.fullmatch("[0-9]{1,18}", start) and re.fullmatch("[0-9]{1,18}", length):
            window.append(slice(int(start), int(start) + int(length)))
        else:
            raise MalformedModelError(f"variable {name!r} gets the part {spec!r} of a tensor")
    if len(window) != array.ndim:
        raise MalformedModelError(f"variable {name!r} gets the part {spec!r} of a tensor of rank {array.ndim}")
    return array[tuple(window)]


def variable_name(node: SourceNode) -> str:
    """What a variable is called in a checkpoint and in other functions."""
    given = node.attrs["shared_name"].s.decode(errors="replace") if "shared_name" in node.attrs else ""
    return given or node.name


@dataclass(frozen=True)
class _Frame:
    """A body with the values of its arguments, each as a tensor of the frame that calls it.

    Attributes:
        texts: lists of strings in it, by the node that gives them.
    """

    body: Body
    arguments: Mapping[str, TensorRef]
    caller: _Frame | None
    depth: int
    texts: dict[str, list[str]] = field(default_factory=dict)


def trace_restore(body: Body, library: Library, operation: str) -> dict[str, tuple[str, str]]:
    """Which checkpoint key, and which part of it, each variable is restored from.

    Args:
        body: the main graph.
        operation: the name of its restore operation.
    """
    found: dict[str, tuple[str, str]] = {}
    name = operation.split(":")[0].lstrip("^")
    if name in body.nodes:
        _visit(_Frame(body, {}, None, 0), [name], library, found)
    return found


def _visit(frame: _Frame, start: list[str], library: Library, found: dict[str, tuple[str, str]]) -> None:
    """Look through everything that runs before the nodes of ``start``."""
    seen, work = set(start), list(start)
    while work:
        node = frame.body.nodes.get(work.pop())
        if node is None:
            continue
        if node.op in ASSIGNMENTS and len(node.inputs) >= 2:
            _assignment(frame, node, found)
        callee = _callee(node, library)
        if callee is not None and frame.depth < MAX_DEPTH:
            arguments = dict(zip(callee.arguments, node.inputs, strict=False))
            _visit(_Frame(callee, arguments, frame, frame.depth + 1), list(callee.nodes), library, found)
        for other in (*(r.node for r in node.inputs), *node.controls):
            if other not in seen:
                seen.add(other)
                work.append(other)


def _callee(node: SourceNode, library: Library) -> Body | None:
    if node.op in ("PartitionedCall", "StatefulPartitionedCall") and "f" in node.attrs and node.attrs["f"].func.name in library:
        return library.find(node.attrs["f"].func.name)
    return None


def _assignment(frame: _Frame, node: SourceNode, found: dict[str, tuple[str, str]]) -> None:
    target, value = _origin(frame, node.inputs[0]), _origin(frame, node.inputs[1])
    if target is None or value is None:
        return
    (_, variable, _), (source_frame, source, output) = target, value
    if variable.op not in VARIABLES or source.op != "RestoreV2" or len(source.inputs) < 3:
        return
    keys, parts = _strings(source_frame, source.inputs[1]), _strings(source_frame, source.inputs[2])
    if output < len(keys) and output < len(parts):
        found[variable_name(variable)] = (keys[output], parts[output])


def _origin(frame: _Frame, ref: TensorRef) -> tuple[_Frame, SourceNode, int] | None:
    """The node that makes a tensor, looking through identities and arguments."""
    for _ in range(1000):
        node = frame.body.nodes.get(ref.node)
        if node is None:
            if frame.caller is None or ref.node not in frame.arguments:
                return None
            ref, frame = frame.arguments[ref.node], frame.caller
        elif node.op in ("Identity", "IdentityN") and ref.index < len(node.inputs):
            ref = node.inputs[ref.index]
        else:
            return frame, node, ref.index
    return None


def _strings(frame: _Frame, ref: TensorRef) -> list[str]:
    origin = _origin(frame, ref)
    if origin is None or origin[1].op != "Const" or "value" not in origin[1].attrs:
        return []
    home, node, _ = origin
    if node.name not in home.texts:
        array: Any = read_tensor(node.attrs["value"].tensor)
        home.texts[node.name] = [s.decode(errors="replace") for s in np.reshape(array, -1).tolist() if isinstance(s, bytes)]
    return home.texts[node.name]
