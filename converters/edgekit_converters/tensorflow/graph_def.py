"""Frozen graphs: GraphDef files, binary or text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.files import read_bytes
from edgekit_converters.importing.protobuf import MAX_BYTES, parse, parse_text
from edgekit_converters.tensorflow.detection import looks_like_graph_text
from edgekit_converters.tensorflow.frames import lift_frames
from edgekit_converters.tensorflow.lifting import EXIT, KINDS, MERGE, PASSES, plain_op
from edgekit_converters.tensorflow.model import Model, ModelInput
from edgekit_converters.tensorflow.nodes import Body, Library, SourceNode, TensorRef, read_nodes
from edgekit_converters.tensorflow.order import EFFECTS, SILENT
from edgekit_converters.tensorflow.ports import OUTPUT_PORTS
from edgekit_converters.tensorflow.protos import messages

PLACEHOLDERS = ("Placeholder", "PlaceholderV2")
#: nodes that are no outputs although nobody reads them
NO_OUTPUTS = SILENT | EFFECTS | {*PLACEHOLDERS, "Const", "PlaceholderWithDefault", "VariableV2", "Variable", "VarHandleOp", "RestoreV2"}

#: operators of several outputs that, unread, are all outputs of the graph; of others only the first is
ALL_HANDED_OUT = (
    "TopK", "TopKV2", "CombinedNonMaxSuppression", "NonMaxSuppressionV4", "NonMaxSuppressionV5", "Unique", "UniqueV2", "LSTMBlockCell",
    "BlockLSTM", "BlockLSTMV2", "GRUBlockCell",
)  # fmt: skip


def read_graph_file(path: Path) -> Model:
    """A GraphDef file as a model."""
    data = read_bytes(path, MAX_BYTES)
    proto_class = messages()["GraphDef"]
    proto = parse_text(proto_class, data, str(path)) if looks_like_graph_text(data[:4096]) else parse(proto_class, data, str(path))
    facts = {
        "source.format": "tensorflow",
        "source.kind": "GraphDef",
        "source.producer": f"GraphDef version {proto.versions.producer}" if proto.versions.producer else "",
    }
    return graph_model(proto, path.stem, facts)


def graph_model(proto: Any, name: str, facts: Mapping[str, str]) -> Model:
    """A GraphDef without a signature: placeholders are the inputs, nodes that nobody reads the outputs.

    Raises:
        MalformedModelError: it is broken, or has no output.
    """
    body = Body(name, read_nodes(proto.node, "the graph"))
    outputs = find_outputs(body)
    if not outputs:
        raise MalformedModelError("the graph has no node that could be its output: each is read by another")
    library = Library(proto.library.function)
    body = lift_frames(body, library)  # a condition is an input of its If, so that what decides it is found
    return Model(body, library, find_inputs(body, outputs), outputs, facts=facts)


def find_inputs(body: Body, outputs: list[tuple[str, TensorRef]]) -> list[ModelInput]:
    """The placeholders that the outputs depend on, in the file's order."""
    seen: set[str] = set()
    work = [ref.node for _, ref in outputs]
    while work:
        name = work.pop()
        if name in seen or name not in body.nodes:
            continue
        seen.add(name)
        work += [r.node for r in body.nodes[name].inputs]
    found = []
    for name, node in body.nodes.items():
        if node.op in PLACEHOLDERS and name in seen:
            found.append(ModelInput(name, name, node.attrs["dtype"].type if "dtype" in node.attrs else 0, placeholder_shape(node.attrs)))
    return found


def placeholder_shape(attrs: Mapping[str, Any]) -> Any:
    """The TensorShapeProto that a placeholder declares, None where it leaves even the rank open.

    Old files (producer versions below 24) write an unknown shape as one of rank 0; those that know better have ``_output_shapes``.
    """
    shape = attrs["shape"].shape if "shape" in attrs else None
    if "_output_shapes" in attrs and len(attrs["_output_shapes"].list.shape):
        inferred = attrs["_output_shapes"].list.shape[0]
        if shape is None or shape.unknown_rank or (not shape.dim and not inferred.unknown_rank):
            shape = inferred
    return shape


def find_outputs(body: Body) -> list[tuple[str, TensorRef]]:
    """What nobody reads, in the file's order. A node of several outputs that are all unread gives its first.

    Names are the nodes', with the number of the output behind it where it is not the first. What depends on no input is left over from
    training or freezing, and no output where there are others.
    """
    read = {r.node for n in body.nodes.values() for r in n.inputs}
    unread = [n for n in body.nodes.values() if n.op not in NO_OUTPUTS and n.name not in read]
    results = [n for n in unread if not _only_steers(body, n)] or [n for n in unread if plain_op(n) == EXIT]
    found: list[tuple[str, TensorRef]] = []
    for node in results:
        found += [(node.name if k == 0 else f"{node.name}:{k}", TensorRef(node.name, k)) for k in range(output_count(node))]
    fed = fed_nodes(body)
    return [f for f in found if f[1].node in fed] or found


def fed_nodes(body: Body) -> set[str]:
    """The nodes that depend on a placeholder."""
    readers: dict[str, list[str]] = {}
    for name, node in body.nodes.items():
        for r in node.inputs:
            readers.setdefault(r.node, []).append(name)
    work = [name for name, node in body.nodes.items() if node.op in PLACEHOLDERS]
    found = set(work)
    while work:
        new = [r for r in readers.get(work.pop(), ()) if r not in found]
        found.update(new)
        work += new
    return found


def _only_steers(body: Body, node: SourceNode) -> bool:
    """Whether a node is a part of TF1's control flow that nobody reads: a pivot of a branch, or a counter that leaves a loop."""
    for _ in range(8):
        if plain_op(node) in KINDS and plain_op(node) != MERGE:
            return True
        if node.op not in PASSES or len(node.inputs) != 1 or node.inputs[0].node not in body.nodes:
            return False
        node = body.nodes[node.inputs[0].node]
        if plain_op(node) == EXIT:
            return False  # an Identity of a loop's result
    return False


def output_count(node: Any) -> int:
    """How many outputs an unread node hands out."""
    if node.op in ("Split", "SplitV", "Unpack", "Unstack"):
        attr = "num_split" if "num_split" in node.attrs else "num"
        return max(1, min(int(node.attrs[attr].i) if attr in node.attrs else 1, 10_000))
    if node.op in ALL_HANDED_OUT:
        return len(OUTPUT_PORTS[node.op])
    if node.op in ("IdentityN", "StatelessIf", "If", "While", "StatelessWhile", "PartitionedCall", "StatefulPartitionedCall"):
        attr = next((a for a in ("Tout", "T") if a in node.attrs), "")
        return max(1, len(node.attrs[attr].list.type)) if attr else 1
    return 1
