"""What hash tables hold. The graph that answers never fills them: another function does, when the model is loaded in TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit.types import Array
from edgekit_converters.tensorflow.nodes import Body, Library, SourceNode, TensorRef
from edgekit_converters.tensorflow.order import MAX_DEPTH
from edgekit_converters.tensorflow.tensors import read_tensor

TABLES = ("HashTable", "HashTableV2")
FILLED_BY = ("LookupTableImport", "LookupTableImportV2", "InitializeTable", "InitializeTableV2")
PASSES = ("Identity", "Snapshot", "RefIdentity")
MAX_CALLS = 20_000


def table_name(node: SourceNode) -> str:
    """What tells a table from others: its shared name, or the node's."""
    shared = bytes(node.attrs["shared_name"].s).decode(errors="replace") if "shared_name" in node.attrs else ""
    return shared or node.name


@dataclass
class Tables:
    """Keys and values that the model puts into its tables.

    Args:
        library: the model's functions.

    Attributes:
        contents: keys and values by the table's name; None where a table is filled more than once, or with what is not constant.
    """

    library: Library
    contents: dict[str, tuple[Array, Array] | None] = field(default_factory=dict)
    _calls: int = 0

    def read(self, body: Body, arguments: Mapping[str, str | Array | None] | None = None, depth: int = 0) -> None:
        """Look through a body and the functions it calls for what fills tables.

        Args:
            body: the main graph, or a function.
            arguments: what the function is called with: the name of a table, a constant, or None for anything else.
            depth: of calls.
        """
        self._calls += 1
        if depth > MAX_DEPTH or self._calls > MAX_CALLS:
            return
        given = arguments or {}
        for node in body.nodes.values():
            if node.op in FILLED_BY and len(node.inputs) == 3:
                table, keys, values = (_origin(body, r, given) for r in node.inputs)
                if isinstance(table, str):
                    known = (keys, values) if not isinstance(keys, str | None) and not isinstance(values, str | None) else None
                    self.contents[table] = None if table in self.contents else known
                continue
            name = node.attrs["f"].func.name if "f" in node.attrs else node.op
            if name in self.library:
                origins = [_origin(body, r, given) for r in node.inputs]
                if any(isinstance(o, str) for o in origins):
                    function = self.library.find(name)
                    self.read(function, dict(zip(function.arguments, origins, strict=False)), depth + 1)


def _origin(body: Body, ref: TensorRef, arguments: Mapping[str, str | Array | None]) -> str | Array | None:
    """The name of a table, a constant, or None."""
    for _ in range(MAX_DEPTH):
        if ref.node in arguments:
            return arguments[ref.node]
        node = body.nodes.get(ref.node)
        if node is None:
            return None
        if node.op in TABLES:
            return table_name(node)
        if node.op == "Const" and "value" in node.attrs:
            return read_tensor(node.attrs["value"].tensor)
        if node.op not in PASSES or not node.inputs:
            return None
        ref = node.inputs[0]
    return None
