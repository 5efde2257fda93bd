"""Where the channels of an input or output lie, told from the operators behind it; and the transposes that are left."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from edgekit.errors import ConversionError
from edgekit.ir import Graph, Node, Value
from edgekit.types import format_shape

#: operators that work on every element by itself, whatever the order of dimensions
_ELEMENTWISE = frozenset({"elementwise", "activation", "comparison", "logical", "math", "quantization"})
_UNMOVED = frozenset(
    {"Identity", "Cast", "Pad", "Resize", "Quantize", "Dequantize", "Requantize", "Concat", "Softmax", "LogSoftmax", "Slice", "Split"}
)
_IMAGE_CHANNELS = (1, 3, 4)
LAYOUT_OPERATORS = frozenset({"Conv", "ConvTranspose", "MaxPool", "AveragePool"})

Perm = tuple[int, ...]


def channel_axis(graph: Graph, value: Value) -> int | None:
    """The axis of an input's (or output's) channels, None where nothing tells."""
    found = _follow(value, graph.is_output(value))
    if found is not None:
        return found
    rank = len(value.shape)
    if rank != 4:
        return None
    first, last = value.shape[1] in _IMAGE_CHANNELS, value.shape[rank - 1] in _IMAGE_CHANNELS
    return None if first == last else 1 if first else rank - 1


def _follow(value: Value, backwards: bool) -> int | None:
    """Follow a value through operators that keep its dimensions apart, to one that says which of them are the channels."""
    rank = len(value.shape)
    queue: deque[tuple[Value, Perm]] = deque([(value, tuple(range(rank)))])
    seen: set[int] = set()
    while queue:
        v, axes = queue.popleft()  # dimension i of v is dimension axes[i] of the value asked about
        if id(v) in seen:
            continue
        seen.add(id(v))
        for node in [v.producer] if backwards else v.users:
            if node is None:
                continue
            layout = node.attrs.get("layout")
            other = node.output if not backwards else node.input(0)
            if isinstance(layout, str) and (v is node.output if backwards else v is node.input(0)):
                return axes[1 if layout.startswith("NC") else rank - 1]
            if node.op == "Transpose":
                perm = node.attrs["perm"]
                if backwards:  # dimension k of v is dimension perm[k] of the input
                    came = [0] * rank
                    for k, p in enumerate(perm):
                        came[p] = axes[k]
                    queue.append((other, tuple(came)))
                else:
                    queue.append((other, tuple(axes[p] for p in perm)))
            elif node.op in _UNMOVED or node.definition.category in _ELEMENTWISE:
                sources = [i for i in node.inputs if i is not None and len(i.shape) == rank and i.const is None]
                for w in sources if backwards else [o for o in node.outputs if len(o.shape) == rank]:
                    queue.append((w, axes))
    return None


def permutation(graph: Graph, value: Value, name: str, asked: str) -> Perm | None:
    """How to get from the source's layout to the one asked for: dimension i of the new is dimension ``p[i]`` of the old. None: as it is.

    Args:
        graph: the graph.
        value: an input or output of it.
        name: for messages.
        asked: ``"nhwc"`` or ``"nchw-nhwc"``.

    Raises:
        ConversionError: the layouts do not fit, or the source's cannot be told.
    """
    old, dash, new = asked.lower().rpartition("-")
    rank = len(value.shape)
    if sorted(new) != sorted(set(new)) or len(new) != rank or "c" not in new:
        raise ConversionError(f"{name!r} is {value.dtype.label}{format_shape(value.shape)}: {asked!r} is no layout of {rank} dimensions")
    if not dash and new.index("c") not in (1, rank - 1):
        raise ConversionError(
            f"{name!r}: {asked!r} has its channels neither at the second place nor at the last; if it is meant so, give OLD-NEW"
        )
    if not dash:
        axis = channel_axis(graph, value)
        if axis is None:
            raise ConversionError(
                f"{name!r} is {value.dtype.label}{format_shape(value.shape)}, and nothing tells which dimension holds its channels; "
                f"give the source's layout too, for example {'nchw' if new == 'nhwc' else 'nhwc'}-{new}"
            )
        rest = new.replace("c", "")
        old = rest[:axis] + "c" + rest[axis:]
    if sorted(old) != sorted(new):
        raise ConversionError(f"{name!r}: {old} and {new} are not the same dimensions in another order")
    perm = tuple(old.index(letter) for letter in new)
    return None if perm == tuple(range(rank)) else perm


def remaining_transposes(graph: Graph) -> dict[str, int]:
    """How many Transpose nodes are left, by place: at inputs, at outputs, around convolutions, elsewhere."""
    counts = {"inputs": 0, "outputs": 0, "convolutions": 0, "elsewhere": 0}
    for g in graph.walk():
        for n in g.nodes:
            if n.op == "Transpose":
                counts[_place(g, n)] += 1
    return counts


def _place(graph: Graph, node: Node) -> str:
    source = node.input(0)
    if any(source is v for v in graph.inputs):
        return "inputs"
    if graph.is_output(node.output):
        return "outputs"
    near = [n for n in (source.producer, *node.output.users) if n is not None]
    return "convolutions" if any(n.op in LAYOUT_OPERATORS for n in near) else "elsewhere"


def avoidable_transposes(graph: Graph) -> list[str]:
    """Notes on transposes that another layout of an input or output would save."""
    notes = []
    for v in graph.user_inputs:
        perms = {tuple(n.attrs["perm"]) for n in v.users if n.op == "Transpose"}
        if len(v.users) == len(perms) == 1 and (asked := _layout(perms.pop())):
            notes.append(f"input {v.name!r} is transposed on its way in: --input-layout {v.name}:{asked} would save that")
    for v, name in zip(graph.user_outputs, graph.user_output_names, strict=True):
        node = v.producer
        if node is not None and node.op == "Transpose" and not v.users and (asked := _layout(_inverse(node.attrs["perm"]))):
            notes.append(f"output {name!r} is transposed on its way out: --output-layout {name}:{asked} would save that")
    return notes


def _inverse(perm: Sequence[int]) -> Perm:
    return tuple(perm.index(i) for i in range(len(perm)))


def _layout(perm: Perm) -> str:
    known: dict[Perm, str] = {(0, 2, 3, 1): "nchw-nhwc", (0, 3, 1, 2): "nhwc-nchw"}
    return known.get(perm, "")
