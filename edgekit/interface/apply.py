"""Puts the changes asked for around an imported graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from edgekit.errors import ConversionError, GraphError
from edgekit.interface.layouts import channel_axis, permutation
from edgekit.interface.options import ALL, Interface
from edgekit.interface.record import note_interface
from edgekit.ir import Graph, GraphBuilder, Value, verify
from edgekit.preprocessing import MODEL, Preprocessing, record
from edgekit.types import Dim, DType, TensorType, format_shape

T = TypeVar("T")


def apply_interface(graph: Graph, interface: Interface) -> list[str]:
    """Change inputs and outputs of ``graph`` in place; nodes are added at its borders.

    Returns:
        what was done, for the notes of the conversion.

    Raises:
        ConversionError: something asked for does not fit the model.
    """
    inputs = {v.name: v for v in graph.user_inputs}
    notes: list[str] = []
    try:
        for name, p in _named(interface.preprocessing, inputs, _only, "preprocessing").items():
            inputs[name] = _preprocess(graph, inputs[name], p)
            record(graph.metadata, interface.names.get(name, name), p, MODEL)
            notes.append(f"input {name!r}: the model does the preprocessing itself ({p})")
        for name, dtype in _named(interface.input_dtypes, inputs, _only, "element type").items():
            inputs[name] = _retype(graph, inputs[name], dtype)
        for name, layout in _named(interface.input_layouts, inputs, _images(inputs), "layout").items():
            inputs[name] = _transpose_input(graph, inputs[name], layout)
        outputs = dict(zip(graph.user_output_names, graph.user_outputs, strict=True))
        for name, layout in _named(interface.output_layouts, outputs, _images(outputs), "layout").items():
            _transpose_output(graph, name, outputs[name], layout)
        _rename(graph, interface.names)
        note_interface(graph.metadata, interface)
        verify(graph)
    except GraphError as e:
        raise ConversionError(f"the inputs and outputs cannot be changed so: {e}") from e
    return notes


def _named(asked: Mapping[str, T], known: Mapping[str, Value], everything: Callable[[Iterable[str]], list[str]], what: str) -> dict[str, T]:
    """What is asked, by name; ``ALL`` is spread over the names it means."""
    out: dict[str, T] = {}
    for name, value in asked.items():
        if name != ALL and name not in known:
            raise ConversionError(f"there is no {name!r} to change the {what} of; there are {', '.join(map(repr, known))}")
        for n in everything(known) if name == ALL else [name]:
            if n not in asked or name != ALL:
                out[n] = value
    return out


def _only(names: Iterable[str]) -> list[str]:
    found = list(names)
    if len(found) != 1:
        raise ConversionError(f"the model has {len(found)} inputs ({', '.join(map(repr, found))}); say which one is meant, NAME:...")
    return found


def _images(values: Mapping[str, Value]) -> Callable[[Iterable[str]], list[str]]:
    def of(names: Iterable[str]) -> list[str]:
        found = [n for n in names if len(values[n].shape) == 4]
        if not found:
            kinds = ", ".join(f"{n!r} is {values[n].dtype.label}{format_shape(values[n].shape)}" for n in names)
            raise ConversionError(f"a layout without a name is for images, of four dimensions: {kinds}; give NAME:OLD-NEW, x:nct-ntc say")
        return found

    return of


class _Border:
    """A new input in place of another, and a builder for the nodes between the two."""

    def __init__(self, graph: Graph, old: Value, dtype: DType, shape: Sequence[Dim], quantized: bool = False) -> None:
        self.graph, self.old, self.name = graph, old, old.name
        self.at = next(i for i, v in enumerate(graph.inputs) if v is old)
        graph.rename(old, f"{old.name}/inner")
        graph.release_name(self.name)
        self.new = graph.add_input(self.name, TensorType(dtype, tuple(shape), old.quant if quantized else None))
        graph.inputs = [v for v in graph.inputs if v is not self.new]
        self.builder = GraphBuilder(graph, anchor=graph.nodes[0] if graph.nodes else None)

    def connect(self, value: Value) -> Value:
        """Everything that read the old input reads ``value``."""
        for node, i in self.old.uses:
            node.set_input(i, value)
        self.graph.outputs = [value if v is self.old else v for v in self.graph.outputs]
        self.graph.inputs[self.at] = self.new
        self.graph.release_name(self.old.name)
        return self.new


def _transpose_input(graph: Graph, v: Value, layout: str) -> Value:
    perm = permutation(graph, v, v.name, layout)
    if perm is None:
        return v
    b = _Border(graph, v, v.dtype, [v.shape[p] for p in perm], quantized=True)
    back = tuple(perm.index(i) for i in range(len(perm)))
    return b.connect(b.builder.call("Transpose", b.new, name=f"{b.name}/layout", perm=back))


def _transpose_output(graph: Graph, name: str, v: Value, layout: str) -> None:
    perm = permutation(graph, v, name, layout)
    if perm is None:
        return
    out = GraphBuilder(graph).call("Transpose", v, name=f"{name}/layout", perm=perm)
    graph.outputs[graph.output_names.index(name)] = out


def _retype(graph: Graph, v: Value, dtype: DType) -> Value:
    if v.dtype is dtype:
        return v
    b = _Border(graph, v, dtype, v.shape)
    return b.connect(_as(b.builder, b.new, v, b.name))


def _as(builder: GraphBuilder, x: Value, like: Value, name: str) -> Value:
    """``x``, whose values are real numbers, as the old input had them: cast, or quantized."""
    if like.quant is None:
        return x if x.dtype is like.dtype else builder.call("Cast", x, name=f"{name}/cast", to=like.dtype)
    real = x if x.dtype is DType.F32 else builder.call("Cast", x, name=f"{name}/cast", to=DType.F32)
    made = TensorType(like.dtype, like.shape, like.quant)
    return builder.call_multi("Quantize", real, name=f"{name}/quantize", out_types=[made], dtype=like.dtype)[0]


def _preprocess(graph: Graph, v: Value, p: Preprocessing) -> Value:
    axis, rank = channel_axis(graph, v), len(v.shape)
    what = f"input {v.name!r} is {v.dtype.label}{format_shape(v.shape)}"
    channels = 0 if axis is None else v.shape[axis]
    if axis is None or rank != 4 or not isinstance(channels, int) or not (v.dtype.is_float or v.quant is not None):
        raise ConversionError(f"{what}: preprocessing needs pictures, [N, C, H, W] or [N, H, W, C] with a known number of channels")
    if p.order == "bgr" and channels != 3:
        raise ConversionError(f"{what}: order=bgr needs 3 channels")
    spatial = [i for i in range(1, rank) if i != axis]
    shape: list[Dim] = list(v.shape)
    if p.size is not None:
        for i, n in zip(spatial, p.size, strict=True):
            if not isinstance(shape[i], int):
                raise ConversionError(f"{what}: size= needs a model of fixed height and width; pass --shape")
            shape[i] = n
    dtype = p.dtype or (DType.F32 if v.quant is not None else v.dtype)
    b = _Border(graph, v, dtype, shape)
    x = b.new if dtype is DType.F32 else b.builder.call("Cast", b.new, name=f"{b.name}/float", to=DType.F32)
    if list(shape) != list(v.shape):
        x = _resize(b, x, v.shape, spatial)
    if p.order == "bgr":
        turned = b.builder.constant(np.asarray([2, 1, 0], np.int64), f"{b.name}/bgr")
        x = b.builder.call("Gather", x, turned, name=f"{b.name}/order", axis=axis)
    around = [1] * (rank - axis)
    around[0] = channels
    for op, numbers, neutral in zip(("Mul", "Add"), p.affine(channels), (1, 0), strict=True):
        if (numbers != neutral).any():
            x = b.builder.call(op, x, b.builder.constant(numbers.reshape(around), f"{b.name}/{op.lower()}"), name=f"{b.name}/{op.lower()}d")
    return b.connect(_as(b.builder, x, v, b.name))


def _resize(b: _Border, x: Value, shape: Sequence[Dim], spatial: Sequence[int]) -> Value:
    """Bilinear, to the height and width of ``shape``; with a filter where pictures are made smaller."""
    factors = [1.0] * len(shape)
    for i in spatial:
        before, after = x.shape[i], shape[i]
        assert isinstance(before, int) and isinstance(after, int)
        factors[i] = after / before
    sizes, scales = None, None
    if all(isinstance(d, int) for d in shape):
        sizes = b.builder.constant(np.asarray(shape, np.int64), f"{b.name}/size")
    else:  # the number of pictures is open
        scales = b.builder.constant(np.asarray(factors, np.float32), f"{b.name}/scales")
    return b.builder.call("Resize", x, sizes, scales, name=f"{b.name}/resize", mode="linear", antialias=min(factors) < 1)


def _rename(graph: Graph, names: Mapping[str, str]) -> None:
    inputs = {v.name: v for v in graph.user_inputs}
    unknown = sorted(set(names) - set(inputs) - set(graph.user_output_names))
    if unknown:
        raise ConversionError(f"there is no input or output {unknown[0]!r} to rename")
    for kind, before in (("inputs", [v.name for v in graph.inputs]), ("outputs", graph.output_names)):
        after = [names.get(n, n) for n in before]
        if len(set(after)) != len(after) or not all(after):
            raise ConversionError(f"renaming would leave {kind} called {after}")
    for old, new in names.items():
        if old in inputs and old != new:
            if graph.has_name(new):
                taken = next((v for v in graph.values() if v.name == new), None)
                if taken is not None:
                    graph.rename(taken, f"{new}/inner")
                graph.release_name(new)
            graph.rename(inputs[old], new)
    count = len(graph.user_output_names)
    graph.output_names[:count] = [names.get(n, n) for n in graph.output_names[:count]]
