"""Writes ``.pt2`` files without torch: the JSON and the archive, in the layout of torch 2.8 and later."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.types import Array

CODES = {"uint8": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "float16": 6, "float32": 7, "float64": 8, "bool": 12, "bfloat16": 13,
         "complex64": 10}  # fmt: skip


def meta(dtype: str, sizes: Sequence[int | str], strides: Sequence[int] | None = None) -> dict[str, Any]:
    """A TensorMeta."""
    if strides is None:
        strides = [int(np.prod([s for s in sizes[i + 1 :] if isinstance(s, int)])) for i in range(len(sizes))]
    return {
        "dtype": CODES[dtype],
        "sizes": [{"as_int": s} if isinstance(s, int) else {"as_expr": {"expr_str": s, "hint": None}} for s in sizes],
        "requires_grad": False,
        "device": {"type": "cpu", "index": None},
        "strides": [{"as_int": s} for s in strides],
        "storage_offset": {"as_int": 0},
        "layout": 7,
    }


def tensor(name: str) -> dict[str, Any]:
    """An argument that is a tensor."""
    return {"as_tensor": {"name": name}}


def argument(value: Any) -> dict[str, Any]:
    """An argument of a node: names of tensors begin with ``%``, of symbolic numbers with ``$``."""
    if value is None:
        return {"as_none": True}
    if isinstance(value, bool):
        return {"as_bool": value}
    if isinstance(value, int):
        return {"as_int": value}
    if isinstance(value, float):
        return {"as_float": value}
    if isinstance(value, complex):
        return {"as_complex": {"real": value.real, "imag": value.imag}}
    if isinstance(value, str):
        return (
            tensor(value[1:])
            if value.startswith("%")
            else {"as_sym_int": {"as_name": value[1:]}}
            if value.startswith("$")
            else {"as_string": value}
        )
    if all(isinstance(v, str) and v.startswith("%") for v in value):
        return {"as_tensors": [{"name": v[1:]} for v in value]}
    if any(isinstance(v, str) for v in value):
        return {"as_sym_ints": [{"as_name": v[1:]} if isinstance(v, str) else {"as_int": v} for v in value]}
    return {"as_ints": list(value)}


@dataclass
class ProgramFile:
    """A program under construction.

    Attributes:
        weights: arrays by parameter name; buffers and constants likewise.
        nodes: serialized nodes.
        metas: TensorMetas by name.
        inputs: names of user inputs. outputs: names of user outputs.
        mutations: buffer name to the name of its new value.
    """

    weights: dict[str, Array] = field(default_factory=dict)
    buffers: dict[str, Array] = field(default_factory=dict)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    metas: dict[str, dict[str, Any]] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    mutations: dict[str, str] = field(default_factory=dict)
    ranges: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    out_spec: str | None = None

    def input(self, name: str, dtype: str, sizes: Sequence[int | str]) -> str:
        """A user input."""
        self.inputs.append(name)
        self.metas[name] = meta(dtype, sizes)
        return f"%{name}"

    def weight(self, name: str, array: Array, buffer: bool = False) -> str:
        """A parameter or buffer."""
        (self.buffers if buffer else self.weights)[name] = array
        placeholder = f"{'b' if buffer else 'p'}_{name.replace('.', '_')}"
        self.metas[placeholder] = meta(str(array.dtype), array.shape)
        return f"%{placeholder}"

    def node(self, target: str, out: str | Sequence[str], args: Mapping[str, Any], **metadata: str) -> str:
        """A node; several outputs make an operator that returns several tensors."""
        outs = [out] if isinstance(out, str) else list(out)
        self.nodes.append(
            {
                "target": f"torch.ops.{target}" if not target.startswith("_operator") else target,
                "inputs": [{"name": k, "arg": argument(v), "kind": 1} for k, v in args.items()],
                "outputs": [{"as_sym_int": {"as_name": o[1:]}} if o.startswith("$") else tensor(o) for o in outs],
                "metadata": metadata,
                "name": outs[0],
            }
        )
        return f"%{outs[0]}"

    def document(self) -> dict[str, Any]:
        """The program as JSON data."""
        specs: list[dict[str, Any]] = []
        for kind, arrays, prefix in (("parameter", self.weights, "p"), ("buffer", self.buffers, "b")):
            for n in arrays:
                spec: dict[str, Any] = {"arg": {"name": f"{prefix}_{n.replace('.', '_')}"}, f"{kind}_name": n}
                if kind == "buffer":
                    spec["persistent"] = True
                specs.append({kind: spec})
        specs += [{"user_input": {"arg": tensor(n)}} for n in self.inputs]
        results = [{"buffer_mutation": {"arg": {"name": v}, "buffer_name": b}} for b, v in self.mutations.items()]
        results += [{"user_output": {"arg": tensor(n)}} for n in self.outputs]
        graph = {
            "inputs": [tensor(i) for i in self.metas if i in self.inputs or i[:2] in ("p_", "b_")],
            "outputs": [tensor(o) for o in (*self.mutations.values(), *self.outputs)],
            "nodes": self.nodes,
            "tensor_values": self.metas,
            "sym_int_values": {},
            "sym_bool_values": {},
        }
        call = {"fqn": "", "signature": {"inputs": [], "outputs": [], "in_spec": "", "out_spec": self.out_spec or ""}}
        return {
            "graph_module": {
                "graph": graph,
                "signature": {"input_specs": specs, "output_specs": results},
                "module_call_graph": [call],
                "treespec_namedtuple_fields": {},
            },
            "opset_version": {"aten": 10},
            "range_constraints": {n: {"min_val": a, "max_val": b} for n, (a, b) in self.ranges.items()},
            "schema_version": {"major": 8, "minor": 14},
            "torch_version": "2.9.0",
        }

    def save(self, path: Path, document: dict[str, Any] | None = None) -> Path:
        """Write the archive, under a folder of its own as torch does."""
        with zipfile.ZipFile(path, "w") as z:
            config = {}
            for k, (name, array) in enumerate({**self.weights, **self.buffers}.items()):
                z.writestr(f"net/data/weights/weight_{k}", np.ascontiguousarray(array).tobytes())
                config[name] = {
                    "path_name": f"weight_{k}",
                    "is_param": name in self.weights,
                    "use_pickle": False,
                    "tensor_meta": meta(str(array.dtype), array.shape),
                }
            z.writestr("net/data/weights/model_weights_config.json", json.dumps({"config": config}))
            z.writestr("net/data/constants/model_constants_config.json", json.dumps({"config": {}}))
            z.writestr("net/models/model.json", json.dumps(self.document() if document is None else document))
            z.writestr("net/archive_format", "pt2")
            z.writestr("net/byteorder", "little")
        return path


def perceptron() -> ProgramFile:
    """Two linear layers with a relu between."""
    r = np.random.default_rng(4)
    p = ProgramFile()
    w1, b1 = (
        p.weight("first.weight", r.standard_normal((6, 4)).astype(np.float32)),
        p.weight("first.bias", r.standard_normal(6).astype(np.float32)),
    )
    w2 = p.weight("second.weight", r.standard_normal((3, 6)).astype(np.float32))
    x = p.input("x", "float32", ("s0", 4))
    p.ranges["s0"] = (2, 16)
    h = p.node("aten.linear.default", "linear", {"input": x, "weight": w1, "bias": b1})
    h = p.node("aten.relu_.default", "relu_", {"self": h})
    p.node("aten.linear.default", "linear_1", {"input": h, "weight": w2})
    p.outputs.append("linear_1")
    return p
