"""Small .tflite files for the tests, written from the importer's own schema table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers
from flatbuffers import number_types as N

from edgekit.types import Array
from edgekit_converters.tflite.schema import OPERATOR_OPTIONS, OPERATORS, OPTIONS, TABLES

CODES = {name: code for code, name in OPERATORS.items()}
TAGS = {name: tag for tag, name in OPTIONS.items()}
TYPES = {
    "float32": 0,
    "float16": 1,
    "int32": 2,
    "uint8": 3,
    "int64": 4,
    "bool": 6,
    "int16": 7,
    "int8": 9,
    "complex64": 8,
    "uint64": 12,
    "uint32": 15,
}
FLAGS = {
    "bool": N.BoolFlags, "i8": N.Int8Flags, "u8": N.Uint8Flags, "u16": N.Uint16Flags, "i32": N.Int32Flags, "u32": N.Uint32Flags,
    "i64": N.Int64Flags, "u64": N.Uint64Flags, "f32": N.Float32Flags,
}  # fmt: skip


@dataclass
class Tensor:
    """One tensor: a constant where it has data."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    data: Array | None = None
    scale: Sequence[float] = ()
    zero: Sequence[int] = (0,)
    axis: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Op:
    """One operator with tensors by name; a name in quotes of ``CUSTOM:`` is a custom one."""

    op: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    options: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    intermediates: Sequence[str] = ()


@dataclass
class Subgraph:
    """Tensors, operators, and which tensors go in and out."""

    tensors: Sequence[Tensor]
    ops: Sequence[Op]
    inputs: Sequence[str]
    outputs: Sequence[str]


def model(*subgraphs: Subgraph, signatures: Sequence[tuple[str, int, dict[str, str], dict[str, str]]] = ()) -> bytes:
    """The file.

    Args:
        *subgraphs: the first is the model's own.
        signatures: key, subgraph, and what it calls inputs and outputs: its name -> the tensor's.
    """
    buffers: list[dict[str, Any]] = [{}]
    codes = list(dict.fromkeys(o.op for g in subgraphs for o in g.ops))
    made = []
    for g in subgraphs:
        at = {t.name: i for i, t in enumerate(g.tensors)}
        tensors = []
        for t in g.tensors:
            record: dict[str, Any] = {"shape": list(t.shape), "type": TYPES[t.dtype], "name": t.name}
            if t.data is not None:
                record["buffer"] = len(buffers)
                buffers.append({"data": list(np.asarray(t.data, t.dtype).tobytes())})
            if len(t.scale):
                record["quantization"] = {"scale": list(t.scale), "zero_point": list(t.zero), "quantized_dimension": t.axis}
            tensors.append(record | t.extra)
        operators = []
        for o in g.ops:
            options = OPERATOR_OPTIONS.get(o.op)
            record = {"opcode_index": codes.index(o.op), "inputs": [at.get(n, -1) for n in o.inputs], "outputs": [at[n] for n in o.outputs]}
            if options is not None:
                record |= {"options_type": TAGS[options], "options": (options, o.options)}
            if o.intermediates:
                record["intermediates"] = [at[n] for n in o.intermediates]
            if o.custom:
                record["custom_options"] = list(flexbuffers.Dumps(o.custom))
            operators.append(record)
        made.append(
            {"tensors": tensors, "inputs": [at[n] for n in g.inputs], "outputs": [at[n] for n in g.outputs], "operators": operators}
        )
    named = []
    for key, index, ins, outs in signatures:
        at = {t.name: i for i, t in enumerate(subgraphs[index].tensors)}
        maps = [[{"name": n, "tensor": at[t]} for n, t in m.items()] for m in (ins, outs)]
        named.append({"inputs": maps[0], "outputs": maps[1], "key": key, "subgraph": index})
    rows = []
    for c in codes:
        code = 32 if c.startswith("CUSTOM:") else CODES[c]
        rows.append({"deprecated_builtin_code": min(code, 127), "builtin_code": code, "custom_code": c.removeprefix("CUSTOM:")})
    b = flatbuffers.Builder(1024)
    record = {"version": 3, "operator_codes": rows, "subgraphs": made, "buffers": buffers} | ({"signatures": named} if named else {})
    b.Finish(_table(b, "Model", record), file_identifier=b"TFL3")
    return bytes(b.Output())


def _table(b: flatbuffers.Builder, name: str, record: dict[str, Any]) -> int:
    fields = TABLES[name]
    unknown = set(record) - {f for f, _, _ in fields}
    assert not unknown, f"{name} has no field {unknown}"
    offsets = {}
    for f, kind, _ in fields:
        if f not in record or kind in FLAGS:
            continue
        if kind == "str":
            offsets[f] = b.CreateString(record[f])
        elif kind == "union":
            offsets[f] = _table(b, *record[f])
        elif kind.startswith("["):
            offsets[f] = _vector(b, kind[1:-1], record[f])
        else:
            offsets[f] = _table(b, kind, record[f])
    b.StartObject(len(fields))
    for slot, (f, kind, default) in enumerate(fields):
        if kind in FLAGS and f in record:
            b.PrependSlot(FLAGS[kind], slot, record[f], default)
        elif f in offsets:
            b.PrependUOffsetTRelativeSlot(slot, offsets[f], 0)
    return int(b.EndObject())


def _vector(b: flatbuffers.Builder, element: str, values: Sequence[Any]) -> int:
    if element in FLAGS:
        size = FLAGS[element].bytewidth
        b.StartVector(size, len(values), size)
        for v in reversed(values):
            b.Prepend(FLAGS[element], v)
        return int(b.EndVector())
    items = [_table(b, element, v) for v in values]
    b.StartVector(4, len(items), 4)
    for o in reversed(items):
        b.PrependUOffsetTRelative(o)
    return int(b.EndVector())
