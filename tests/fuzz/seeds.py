"""Whole models that broken ones are made of: small ones of our own, and those of the zoo."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "models"
COLLECTED = Path(__file__).resolve().parents[2] / "build" / "fuzz" / "seeds"
MAX_ZOO_BYTES = 1_200_000
ZOO_FORMATS = {
    "tflite": "tflite", "onnx": "onnx", "caffe": "caffe", "tf-frozen": "tensorflow", "savedmodel": "tensorflow", "keras-h5": "keras",
    "mxnet": "mxnet",
}  # fmt: skip


@dataclass(frozen=True)
class Seed:
    """A model as its files.

    Attributes:
        files: contents by relative name.
        entry: what to load: one of the names, or ``""`` for the folder.
    """

    files: dict[str, bytes]
    entry: str


def of(path: Path, *more: Path) -> Seed:
    """A file (with others that belong to it), or a folder."""
    if path.is_dir():
        return Seed({str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}, "")
    return Seed({p.name: p.read_bytes() for p in (path, *more)}, path.name)


def _onnx() -> Iterator[Seed]:
    from tests.converters.onnx.models import model, node

    yield of(SAMPLES / "digits.onnx")
    w = {"w": np.ones((4, 4), np.float32), "shape": np.asarray([2, -1], np.int64)}
    nodes = [
        node("MatMul", ["x", "w"], ["a"]), node("Reshape", ["a", "shape"], ["b"]), node("ConstantOfShape", ["shape2"], ["c"]),
        node("Softmax", ["b"], ["y"], axis=-1), node("Tile", ["y", "shape2"], ["z"]), node("Range", ["r0", "r1", "r1"], ["r"]),
        node("Pad", ["y", "pads"], ["p"]), node("Slice", ["y", "shape2", "shape2"], ["s"]), node("Expand", ["y", "shape2"], ["e"]),
    ]  # fmt: skip
    extra = {
        "shape2": np.asarray([2, 2], np.int64), "pads": np.asarray([0, 1, 0, 1], np.int64),
        "r0": np.asarray(0, np.int64), "r1": np.asarray(3, np.int64),
    }  # fmt: skip
    proto = model(nodes, {"x": (np.float32, ["n", 4])}, ["z", "c", "r", "p", "s", "e"], {**w, **extra})
    yield Seed({"m.onnx": proto.SerializeToString()}, "m.onnx")


def _tflite() -> Iterator[Seed]:
    from tests.converters.tflite.models import Op, Subgraph, Tensor, model

    r = np.random.default_rng(0)
    tensors = [
        Tensor("x", (1, 4, 4, 2)), Tensor("w", (3, 3, 3, 2), data=r.standard_normal((3, 3, 3, 2))), Tensor("b", (3,), data=np.zeros(3)),
        Tensor("c", (1, 4, 4, 3)), Tensor("s", (2,), "int32", np.asarray([1, 48])), Tensor("f", (1, 48)), Tensor("y", (1, 48)),
    ]  # fmt: skip
    ops = [
        Op("CONV_2D", ["x", "w", "b"], ["c"], {"stride_w": 1, "stride_h": 1}),
        Op("RESHAPE", ["c", "s"], ["f"]),
        Op("SOFTMAX", ["f"], ["y"], {"beta": 1.0}),
    ]
    data = model(Subgraph(tensors, ops, ["x"], ["y"]), signatures=[("serving_default", 0, {"in": "x"}, {"out": "y"})])
    yield Seed({"m.tflite": data}, "m.tflite")
    from tests.converters.tflite.test_associated import packed
    from tests.converters.tflite.test_states import loop, lstm, running_total

    variables, recurrent, files = model(*loop()), lstm(0.3, True), packed({"labels.txt": b"cat\nhund"})
    for more in (running_total(), variables, recurrent, files):
        yield Seed({"m.tflite": more}, "m.tflite")


def _caffe() -> Iterator[Seed]:
    from tests.converters.caffe.models import save

    text = """name: "net"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 dim: 6 dim: 6 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 3 kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc" inner_product_param { num_output: 4 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""
    weights = {
        "conv": [np.ones((3, 2, 3, 3), np.float32), np.zeros(3, np.float32)],
        "fc": [np.ones((4, 12), np.float32), np.zeros(4, np.float32)],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = save(Path(folder), text, weights)
        yield of(path, path.with_suffix(".caffemodel"))


def _mxnet() -> Iterator[Seed]:
    from tests.converters.mxnet.models import Net, params_bytes

    net = Net()
    x = net.var("data", __shape__="(1, 2, 6, 6)")
    w = net.var("w", np.ones((3, 2, 3, 3), np.float32))
    b = net.var("b", np.zeros(3, np.float32))
    y = net.op("Convolution", "conv", x, w, b, kernel="(3, 3)", num_filter="3", pad="(1, 1)")
    y = net.op("Activation", "act", y, act_type="relu")
    y = net.op("Flatten", "flat", y)
    head = net.op("softmax", "prob", y)
    inputs = [n for n, node in enumerate(net.nodes) if node["op"] == "null"]
    symbol = {"nodes": net.nodes, "arg_nodes": inputs, "heads": [[*head, 0]], "attrs": {"mxnet_version": ["int", 10900]}}
    text, arrays = json.dumps(symbol).encode(), io.BytesIO()
    yield Seed({"net-symbol.json": text, "net-0001.params": params_bytes(net.params)}, "net-symbol.json")
    np.savez(arrays, **net.params)  # type: ignore[arg-type]  # the stub takes allow_pickle for one of them
    yield Seed({"net-symbol.json": text, "net.params": arrays.getvalue()}, "net-symbol.json")


def _tensorflow() -> Iterator[Seed]:
    yield of(SAMPLES / "digits_saved_model")
    from tests.converters.tensorflow import folders
    from tests.converters.tensorflow.test_control import loop
    from tests.converters.tensorflow.test_folders import small_javascript_model

    m, functions = loop(100.0)
    yield Seed({"loop.pb": m.graph(functions).SerializeToString()}, "loop.pb")
    with tempfile.TemporaryDirectory() as folder:
        path, _ = small_javascript_model(Path(folder), "uint16")
        yield Seed({p.name: p.read_bytes() for p in Path(folder).iterdir()}, path.name)
        yield of(folders.hub_archive(Path(folder)))


def _keras() -> Iterator[Seed]:
    yield of(SAMPLES / "digits.keras")
    import h5py

    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "x"}},
        {"class_name": "Dense", "config": {"name": "fc", "units": 3, "activation": "relu", "use_bias": True}},
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.h5"
        with h5py.File(path, "w") as f:
            f.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": layers}})
            f.attrs["keras_version"] = "3.0.0"
            group = f.create_group("model_weights")
            group.attrs["layer_names"] = [b"fc"]
            inner = group.create_group("fc")
            inner.attrs["weight_names"] = [b"fc/kernel", b"fc/bias"]
            inner.create_dataset("fc/kernel", data=np.ones((4, 3), np.float32))
            inner.create_dataset("fc/bias", data=np.zeros(3, np.float32))
        yield of(path)
        from tests.converters.keras.files import write_json

        arrays = {"fc/kernel": np.ones((4, 3), np.float32), "fc/bias": np.zeros(3, np.float32)}
        config = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
        (Path(folder) / "js").mkdir()
        yield of(write_json(Path(folder) / "js" / "model.json", config, arrays), Path(folder) / "js" / "group1-shard1of1.bin")


def _huggingface() -> Iterator[Seed]:
    from tests.converters.huggingface.test_folders import folder

    with tempfile.TemporaryDirectory() as root:
        whole = of(folder(Path(root) / "bert"))
    yield whole
    weights, config = whole.files["model.safetensors"], whole.files["config.json"]
    names = [n for n in json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")]) if n != "__metadata__"]
    index = json.dumps({"weight_map": dict.fromkeys(names, "part.safetensors")}).encode()
    yield Seed({"config.json": config, "part.safetensors": weights, "model.safetensors.index.json": index}, "")
    yield Seed({"config.json": config, "onnx/model.onnx": (SAMPLES / "digits.onnx").read_bytes()}, "")


def _pytorch() -> Iterator[Seed]:
    yield of(SAMPLES / "digits.pt2")


OWN: dict[str, Callable[[], Iterator[Seed]]] = {
    "caffe": _caffe, "huggingface": _huggingface, "keras": _keras, "mxnet": _mxnet, "onnx": _onnx, "pytorch": _pytorch,
    "tensorflow": _tensorflow, "tflite": _tflite,
}  # fmt: skip


def seeds(name: str, zoo: bool = False) -> list[Seed]:
    """The seeds of a format; with ``zoo`` also the smaller files ``EDGEKIT_MODEL_ZOO`` has of it, and what tests/fuzz/collect.py kept."""
    found = list(OWN[name]())
    if zoo and (COLLECTED / name).is_dir():
        found += [replace(of(p / "files"), entry=(p / "ENTRY").read_text()) for p in sorted((COLLECTED / name).iterdir())]
    root = Path(os.environ.get("EDGEKIT_MODEL_ZOO", ""))
    if zoo and (root / "MANIFEST.json").is_file():
        for row in json.loads((root / "MANIFEST.json").read_text())["models"]:
            path = root / row["file"]
            if ZOO_FORMATS.get(row["format"]) == name:
                found += _from_zoo(path)
        if name == "pytorch":
            files = [*root.rglob("*.pt2"), *root.rglob("*.torchscript.pt")]
            found += [of(p) for p in sorted(files) if p.stat().st_size <= MAX_ZOO_BYTES]
    return found


def _from_zoo(path: Path) -> list[Seed]:
    if path.name == "saved_model.pb":
        seed = of(path.parent)
    else:
        stem = path.name.removesuffix("-0001.params").removesuffix(".caffemodel").split("_iter_")[0]
        belongs = [path.with_name(f"{stem}{end}") for end in (".prototxt", "-symbol.json")]
        seed = of(path, *(p for p in belongs if p.is_file()))
    return [seed] if sum(map(len, seed.files.values())) <= MAX_ZOO_BYTES else []
