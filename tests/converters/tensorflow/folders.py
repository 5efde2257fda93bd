"""Small SavedModels, TensorFlow Hub archives and TensorFlow.js models, written without TensorFlow."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import json_format

from edgekit.types import Array
from edgekit_converters.importing.wire import write_varint
from edgekit_converters.tensorflow.protos import messages
from edgekit_converters.tensorflow.sstable import MAGIC, masked_crc32c
from tests.converters.tensorflow.models import CODES, Function, Maker, Type, shape_proto


def block(entries: Mapping[bytes, bytes]) -> bytes:
    """One block of a table, with prefix compression and its trailer."""
    out, last = b"", b""
    for key in sorted(entries):
        shared = 0
        while shared < min(len(key), len(last)) and key[shared] == last[shared]:
            shared += 1
        out += write_varint(shared) + write_varint(len(key) - shared) + write_varint(len(entries[key])) + key[shared:] + entries[key]
        last = key
    out += (0).to_bytes(4, "little") + (1).to_bytes(4, "little")
    return out + b"\0" + masked_crc32c(out + b"\0").to_bytes(4, "little")


def table(entries: Mapping[bytes, bytes]) -> bytes:
    """A table of one data block."""
    data = block(entries)
    index = block({max(entries): write_varint(0) + write_varint(len(data) - 5)})
    meta = block({})
    footer = write_varint(len(data) + len(index)) + write_varint(len(meta) - 5) + write_varint(len(data)) + write_varint(len(index) - 5)
    return data + index + meta + footer.ljust(40, b"\0") + MAGIC.to_bytes(8, "little")


def write_bundle(folder: Path, tensors: Mapping[str, Array], extra: Mapping[bytes, bytes] | None = None) -> None:
    """A checkpoint of one data file, at ``variables/variables``."""
    (folder / "variables").mkdir(parents=True, exist_ok=True)
    entries = {b"": messages()["BundleHeaderProto"](num_shards=1).SerializeToString()}
    data = b""
    for key, array in tensors.items():
        entry = messages()["BundleEntryProto"](
            dtype=CODES[array.dtype.name], shape=shape_proto(array.shape), offset=len(data), size=array.nbytes
        )
        entries[key.encode()] = entry.SerializeToString()
        data += array.tobytes()
    (folder / "variables" / "variables.index").write_bytes(table({**entries, **(extra or {})}))
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(data)


def info(name: str, dims: Any, dtype: str = "float32") -> Any:
    """A TensorInfo."""
    return messages()["TensorInfo"](name=name, dtype=CODES[dtype], tensor_shape=shape_proto(dims))


def saved_model(graph: Any, signatures: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]], restore: str = "") -> Any:
    """A SavedModel message."""
    model = messages()["SavedModel"](saved_model_schema_version=1)
    meta = model.meta_graphs.add(graph_def=graph)
    meta.meta_info_def.tags.append("serve")
    meta.meta_info_def.tensorflow_version = "2.99"
    meta.saver_def.restore_op_name = restore
    for key, (inputs, outputs) in signatures.items():
        signature = meta.signature_def[key]
        for k, i in inputs.items():
            signature.inputs[k].CopyFrom(i)
        for k, i in outputs.items():
            signature.outputs[k].CopyFrom(i)
    return model


KERNEL = np.arange(12, dtype=np.float32).reshape(4, 3) / 8


def restoring(m: Maker, handles: Mapping[str, str]) -> tuple[Any, str]:
    """A restore function for variables (handle node -> checkpoint key), and the call of it in ``m``."""
    f = Maker()
    keys = f.const(np.array([k.encode() for k in handles.values()], object), "tensor_names")
    parts = f.const(np.array([b""] * len(handles), object), "slices")
    f.add("RestoreV2", "prefix", f"{keys}:output:0", f"{parts}:output:0", name="restore", dtypes=[Type("float32")] * len(handles))
    for i, _ in enumerate(handles):
        f.add("Identity", f"restore:tensors:{i}", name=f"value_{i}", T=Type("float32"))
        f.add("AssignVariableOp", f"handle_{i}", f"value_{i}:output:0", name=f"assign_{i}", dtype=Type("float32"))
    prefix = m.const(np.array(b"", object), "prefix")
    m.add("StatefulPartitionedCall", prefix, *handles, name="restore_all", f=Function("restore"), Tout=[Type("object")])
    return f.function("restore", ["prefix", *(f"handle_{i}" for i in range(len(handles)))], {"out": "prefix"}), "restore_all"


def dense_model(folder: Path) -> Path:
    """``y = x @ kernel`` (serving_default) and ``x + x`` (twice), with a variable under an object path's key."""
    m = Maker()
    m.input("serving_x", (None, 4))
    m.add("VarHandleOp", name="kernel_handle", shared_name="dense/kernel", dtype=Type("float32"))
    inner = Maker()
    inner.add("ReadVariableOp", "k", name="read", dtype=Type("float32"))
    inner.add("MatMul", "x", "read:value:0", name="product", T=Type("float32"))
    serve = inner.function("serve", ["x", "k"], {"y": "product:product:0"})
    m.add("StatefulPartitionedCall", "serving_x", "kernel_handle", name="call", f=Function("serve"), Tout=[Type("float32")])
    m.add("AddV2", "serving_x", "serving_x", name="sum", T=Type("float32"))
    restore, operation = restoring(m, {"kernel_handle": "layer/kernel/.ATTRIBUTES/VARIABLE_VALUE"})
    signatures = {
        "serving_default": ({"x": info("serving_x:0", (None, 4))}, {"y": info("call:0", (None, 3))}),
        "twice": ({"x": info("serving_x:0", (None, 4))}, {"sum": info("sum:0", (None, 4))}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    model = saved_model(m.graph([serve, restore]), signatures, operation)
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    write_bundle(folder, {"layer/kernel/.ATTRIBUTES/VARIABLE_VALUE": KERNEL, "optimizer/slot": KERNEL + 1})
    return folder


def hub_archive(folder: Path, inner: str = "") -> Path:
    """The dense model as a .tar.gz."""
    source, path = dense_model(folder / "source"), folder / "module.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(source, inner or ".")
    return path


def javascript_model(folder: Path, weights: list[tuple[dict[str, Any], bytes]], graph: Any, signature: Any = None) -> Path:
    """A TensorFlow.js graph model whose weights are split into two files."""
    topology = json_format.MessageToDict(graph)
    names = {v: f"DT_{k.upper()}" for k, v in {**CODES, "float": 1}.items() if k != "float32"}

    def named(tree: Any) -> Any:
        """Element types by name, as the converter of TensorFlow.js writes them."""
        if isinstance(tree, dict):
            return {k: names.get(v, v) if k in ("dtype", "type") and isinstance(v, int) else named(v) for k, v in tree.items()}
        return [named(v) for v in tree] if isinstance(tree, list) else tree

    data = b"".join(b for _, b in weights)
    half = len(data) // 2
    (folder / "group1-shard1of2.bin").write_bytes(data[:half])
    (folder / "group1-shard2of2.bin").write_bytes(data[half:])
    model = {
        "format": "graph-model",
        "generatedBy": "2.99",
        "modelTopology": named(topology),
        "weightsManifest": [{"paths": ["group1-shard1of2.bin", "group1-shard2of2.bin"], "weights": [w for w, _ in weights]}],
    }
    if signature is not None:
        model["signature"] = signature
    path = folder / "model.json"
    path.write_text(json.dumps(model))
    return path


def write_bundle_with_objects(folder: Path, tensors: Mapping[str, Array], objects: Any) -> None:
    """A checkpoint that also holds an object graph (a TrackableObjectGraph), as a scalar string behind the other data."""
    text = objects.SerializeToString()
    stored = write_varint(len(text)) + b"\0\0\0\0" + text
    at = sum(a.nbytes for a in tensors.values())
    entry = messages()["BundleEntryProto"](dtype=7, shape=shape_proto(()), offset=at, size=len(stored))
    write_bundle(folder, tensors, {b"_CHECKPOINTABLE_OBJECT_GRAPH": entry.SerializeToString()})
    data = folder / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes() + stored)


def model_without_signature(folder: Path, functions: int = 1) -> Path:
    """``x @ kernel`` as ``__call__`` of an object whose variable lies under ``w``; traced for training first."""
    traces = []
    for name, training in (("train", True), ("infer", False)):
        f = Maker()
        f.add("ReadVariableOp", "captured", name="read", dtype=Type("float32"))
        f.add("MatMul", "x", "read:value:0", name="product", T=Type("float32"))
        if training:
            f.add("RandomUniform", f.ints(2, 3) + ":output:0", name="noise")
            f.add("Mul", "product:product:0", "noise:output:0", name="dropped", T=Type("float32"))
        proto = f.function(name, ["x", "captured"], {"out": "dropped:z:0" if training else "product:product:0"})
        proto.signature.input_arg[0].type = 1
        proto.arg_attr[0].attr["_user_specified_name"].s = b"features"
        proto.arg_attr[0].attr["_output_shapes"].list.shape.append(shape_proto((None, 4)))
        traces.append(proto)
    model = saved_model(Maker().graph(traces), {})
    objects = model.meta_graphs[0].object_graph_def
    root, call, variable = objects.nodes.add(), objects.nodes.add(), objects.nodes.add()
    root.children.add(node_id=2, local_name="w")
    for k in range(functions):
        root.children.add(node_id=1, local_name="__call__" if functions == 1 else f"method_{k}")
    call.function.concrete_functions.extend(["train", "infer"])
    variable.variable.name = "same/name"
    for name in ("train", "infer"):
        objects.concrete_functions[name].bound_inputs.append(2)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    stored = messages()["TrackableObjectGraph"]()
    stored.nodes.add().children.add(node_id=1, local_name="w")
    stored.nodes.add().attributes.add(name="VARIABLE_VALUE", checkpoint_key="w/.ATTRIBUTES/VARIABLE_VALUE")
    write_bundle_with_objects(folder, {"w/.ATTRIBUTES/VARIABLE_VALUE": KERNEL}, stored)
    return folder
