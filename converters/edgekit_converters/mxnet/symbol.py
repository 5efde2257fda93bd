"""Reads ``symbol.json``: the graph of MXNet 0.8 to 2.0 (nnvm's SaveJSON), checked and brought into one form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.files import read_bytes

MAX_BYTES = 1 << 28
MAX_NODES = 1 << 20
VARIABLE = "null"
#: version of files that name none: before 0.9.0 (src/nnvm/legacy_json_util.cc)
OLDEST = 800
ARGMAX_WITHOUT_AXIS = 905

#: states that files before 0.9 do not list as inputs; the upgrade names them after their node
IMPLICIT_INPUTS = {
    "BatchNorm": ("data", "gamma", "beta", "moving_mean", "moving_var"),
    "BatchNorm_v1": ("data", "gamma", "beta", "moving_mean", "moving_var"),
    "CuDNNBatchNorm": ("data", "gamma", "beta", "moving_mean", "moving_var"),
}
#: inputs that only training reads
LABELS = dict.fromkeys(
    ("SoftmaxOutput", "Softmax", "LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput", "SVMOutput"), 1
)


@dataclass(frozen=True)
class SymbolNode:
    """One node.

    Attributes:
        op: operator, ``"null"`` for a variable.
        name: the node's own.
        attrs: parameters and user attributes, as text.
        inputs: (node, output) pairs.
    """

    op: str
    name: str
    attrs: dict[str, str]
    inputs: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Symbol:
    """A graph.

    Attributes:
        nodes: each after what it reads.
        heads: the (node, output) pairs it hands out.
        version: of MXNet as ``major * 10000 + minor * 100 + patch``; 800 where the file names none.
        used: which nodes the heads need.
    """

    nodes: tuple[SymbolNode, ...]
    heads: tuple[tuple[int, int], ...]
    version: int
    used: frozenset[int] = field(default_factory=frozenset)


def read_symbol(path: Path) -> Symbol:
    """The symbol of a JSON file.

    Raises:
        MalformedModelError: the file is broken.
    """
    try:
        return parse_symbol(read_bytes(path, MAX_BYTES).decode())
    except UnicodeDecodeError as e:
        raise MalformedModelError(f"{path}: the text is not UTF-8 at byte {e.start}") from e
    except MalformedModelError as e:
        raise MalformedModelError(str(e) if str(e).startswith(str(path)) else f"{path}: {e}") from e


def parse_symbol(text: str) -> Symbol:
    """The symbol a text describes.

    Raises:
        MalformedModelError: it describes none.
    """
    try:
        raw = json.loads(text)
    except (json.JSONDecodeError, RecursionError, ValueError) as e:
        raise MalformedModelError(f"no valid JSON: {e}") from e
    if not isinstance(raw, dict) or not isinstance(raw.get("nodes"), list):
        raise MalformedModelError("no MXNet symbol: there is no list 'nodes'")
    if not 0 < len(raw["nodes"]) <= MAX_NODES:
        raise MalformedModelError(f"a symbol of {len(raw['nodes'])} nodes")
    version = _version(raw)
    nodes = [_node(i, n, version) for i, n in enumerate(raw["nodes"])]
    nodes = _with_implicit_inputs(nodes)
    heads = raw.get("heads")
    if not isinstance(heads, list) or not heads:
        raise MalformedModelError("the symbol has no heads")
    count = len(raw["nodes"])
    ends = tuple(_entry(h, count, "a head") for h in heads)
    return Symbol(tuple(nodes), ends, version, _reachable(nodes, [i for i, _ in ends]))


def _version(raw: dict[str, Any]) -> int:
    attrs = raw.get("attrs")
    stored = attrs.get("mxnet_version") if isinstance(attrs, dict) else None
    if isinstance(stored, list) and len(stored) == 2 and isinstance(stored[1], int):
        return stored[1]
    return OLDEST


def _node(index: int, raw: Any, version: int) -> SymbolNode:
    if not isinstance(raw, dict) or not isinstance(raw.get("op"), str) or not isinstance(raw.get("name"), str):
        raise MalformedModelError(f"node {index} has no op and name")
    attrs: dict[str, str] = {}
    for key in ("attr", "param", "attrs"):  # 0.9 to 0.12; 0.8, with user attributes in "attr"; 1.0 and later
        part = raw.get(key)
        if part is None:
            continue
        if not isinstance(part, dict) or not all(isinstance(v, str) for v in part.values()):
            raise MalformedModelError(f"node {index} ({raw['name']!r}): {key!r} is not a table of strings")
        attrs.update(part)
    inputs = raw.get("inputs", [])
    if not isinstance(inputs, list):
        raise MalformedModelError(f"node {index} ({raw['name']!r}): 'inputs' is not a list")
    read = tuple(_entry(i, index, f"an input of node {index} ({raw['name']!r})") for i in inputs)
    if version < ARGMAX_WITHOUT_AXIS and raw["op"] in ("argmax", "argmin") and attrs.get("axis") == "-1":
        del attrs["axis"]  # -1 meant "none" then
    return SymbolNode(raw["op"], raw["name"], attrs, read)


def _entry(raw: Any, limit: int, what: str) -> tuple[int, int]:
    """A (node, output) pair; nodes come after what they read, so that a cycle cannot be written."""
    if not isinstance(raw, list) or not 2 <= len(raw) <= 3 or not all(isinstance(v, int) for v in raw):
        raise MalformedModelError(f"{what} is not a pair of node and output: {str(raw)[:60]}")
    if not 0 <= raw[0] < limit or not 0 <= raw[1] < 1 << 16:
        raise MalformedModelError(f"{what} names output {raw[1]} of node {raw[0]}, which does not come before it")
    return raw[0], raw[1]


def _with_implicit_inputs(nodes: Sequence[SymbolNode]) -> list[SymbolNode]:
    """The nodes with variables for the states that old files leave out, at the end so that numbers keep their meaning."""
    out = list(nodes)
    for i, n in enumerate(nodes):
        names = IMPLICIT_INPUTS.get(n.op, ())
        inputs = list(n.inputs)
        for missing in names[len(inputs) :] if inputs else ():
            inputs.append((len(out), 0))
            out.append(SymbolNode(VARIABLE, f"{n.name}_{missing}" if n.name else missing, {}, ()))
        out[i] = SymbolNode(n.op, n.name, n.attrs, tuple(inputs))
    return out


def _reachable(nodes: Sequence[SymbolNode], roots: Sequence[int]) -> frozenset[int]:
    """What the roots need, labels left out."""
    found: set[int] = set()
    stack = list(roots)
    while stack:
        i = stack.pop()
        if i in found:
            continue
        found.add(i)
        n = nodes[i]
        stack += [j for k, (j, _) in enumerate(n.inputs) if LABELS.get(n.op) != k]
    return frozenset(found)
