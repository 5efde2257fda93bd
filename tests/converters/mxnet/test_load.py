"""Reading MXNet's files: versions, names, the pair of files, inputs and outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.reference import run_graph
from tests.converters.mxnet.models import Net, params_bytes

X = np.random.default_rng(0).normal(size=(1, 3, 6, 6)).astype(np.float32)


def small_net() -> tuple[Net, tuple[int, int]]:
    """Convolution, batch normalization with its states, fully connected, a training head."""
    rng = np.random.default_rng(1)
    net = Net()
    data = net.var("data")
    w, b = net.var("conv_weight", rng.normal(size=(4, 3, 3, 3)).astype(np.float32)), net.var("conv_bias", np.ones(4, np.float32))
    y = net.op("Convolution", "conv", data, w, b, kernel="(3, 3)", num_filter=4)
    names = ("gamma", "beta", "moving_mean", "moving_var")
    states = [net.var(f"bn_{n}", np.abs(rng.normal(size=4)).astype(np.float32) + 0.1) for n in names]
    y = net.op("BatchNorm", "bn", y, *states, fix_gamma="False")
    y = net.op("Activation", "relu", y, act_type="relu")
    w = net.var("fc_weight", rng.normal(size=(2, 64)).astype(np.float32))
    y = net.op("FullyConnected", "fc", y, w, num_hidden=2, no_bias="True")
    return net, net.op("SoftmaxOutput", "softmax", y, net.var("softmax_label"))


def run(path: Path) -> dict[str, np.ndarray]:
    return run_graph(converters.load(path, shapes={"data": X.shape}), {"data": X})


def test_either_file_or_the_folder_names_the_model(tmp_path: Path) -> None:
    net, head = small_net()
    symbol = net.save(tmp_path, head)
    want = run(symbol)
    assert list(want) == ["softmax_output"]
    for other in (tmp_path / "net-0001.params", tmp_path):
        assert converters.find_converter(other).name == "mxnet"
        assert np.array_equal(run(other)["softmax_output"], want["softmax_output"])


def test_the_last_epoch_is_taken(tmp_path: Path) -> None:
    net, head = small_net()
    symbol = net.save(tmp_path, head)
    first = run(symbol)["softmax_output"]
    changed = {k: a * 0 if k == "arg:fc_weight" else a for k, a in net.params.items()}
    (tmp_path / "net-0012.params").write_bytes(params_bytes(changed))
    (tmp_path / "network-0099.params").write_bytes(b"another model's")
    assert np.allclose(run(symbol)["softmax_output"], 0.5)
    assert np.array_equal(run(tmp_path / "net-0001.params")["softmax_output"], first)


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_every_form_of_arrays(version: int, tmp_path: Path) -> None:
    net, head = small_net()
    want = run(net.save(tmp_path, head))["softmax_output"]
    assert np.array_equal(run(net.save(tmp_path, head, version=version))["softmax_output"], want)


@pytest.mark.parametrize(("version", "key"), [(None, "param"), (905, "attr"), (10900, "attrs"), (20000, "attrs")])
def test_every_form_of_symbols(version: int | None, key: str, tmp_path: Path) -> None:
    net, head = small_net()
    want = run(net.save(tmp_path, head))["softmax_output"]
    symbol = net.save(tmp_path, head, version=2)
    raw = net.symbol([head], version, key)
    if version is None:  # 0.8: pairs instead of triples, and the moving statistics are no inputs yet
        for n in raw["nodes"]:
            n["inputs"] = [e[:2] for e in n["inputs"][: 3 if n["op"] == "BatchNorm" else None]]
            n["backward_source_id"] = -1
        raw["heads"] = [h[:2] for h in raw["heads"]]
    symbol.write_text(json.dumps(raw))
    assert np.array_equal(run(symbol)["softmax_output"], want)


def test_types_of_stored_arrays(tmp_path: Path) -> None:
    net = Net()
    arrays = [np.arange(4).astype(t) for t in ("float16", "float64", "uint8", "int8", "int32", "int64", "bool", "int16")]
    heads = [net.op("Cast", f"n{i}", net.var(f"v{i}", a), dtype="float32") for i, a in enumerate(arrays)]
    got = run_graph(converters.load(net.save(tmp_path, *heads)), {})
    for i, a in enumerate(arrays):
        assert np.array_equal(got[f"n{i}_output"], a.astype(np.float32))


def test_inputs_follow_the_file_and_its_weights(tmp_path: Path) -> None:
    net = Net()
    wide = net.var("wide", __shape__="(0, 7)", __dtype__="4")
    image = net.var("image")
    y = net.op("Convolution", "conv", image, net.var("w", np.ones((2, 3, 3, 3), np.float16)), kernel=(3, 3), num_filter=2, no_bias=True)
    g = converters.load(net.save(tmp_path, net.op("_copy", "c", wide), y))
    assert [(v.name, str(v.dtype.label), [str(d) for d in v.shape]) for v in g.inputs] == [
        ("wide", "int32", ["wide_0", "7"]), ("image", "float16", ["image_0", "3", "image_2", "image_3"]),
    ]  # fmt: skip
    assert g.output_names == ["c_output", "conv_output"]
    other = converters.load(net.save(tmp_path, net.op("_copy", "c2", wide)), shapes={"wide": (2, 9)})
    assert other.inputs[0].shape == (2, 9)


def test_outputs_are_called_as_mxnet_calls_them(tmp_path: Path) -> None:
    net = Net()
    x = net.var("x", __shape__="(2, 4)")
    index, _ = net.op("SliceChannel", "cut", x, num_outputs=2)
    g = converters.load(net.save(tmp_path, (index, 1), (index, 0), net.op("relu", "r", (index, 0)), x))
    assert g.output_names == ["cut_output1", "cut_output0", "r_output", "x"]


def test_half_precision_model(tmp_path: Path) -> None:
    net = Net()
    w = np.random.default_rng(2).normal(size=(3, 4)).astype(np.float16)
    x = net.op("Cast", "half", net.var("data", __shape__="(1, 4)"), dtype="float16")
    y = net.op("FullyConnected", "fc", x, net.var("w", w), num_hidden=3, no_bias=True)
    path = net.save(tmp_path, net.op("Cast", "whole", y, dtype="float32"))
    data = np.float32([[1, 2, 3, 4]])
    (got,) = run_graph(converters.load(path), {"data": data}).values()
    assert np.allclose(got, data @ w.T.astype(np.float32), rtol=2e-2)


def test_the_runtime_agrees_with_the_reference(tmp_path: Path) -> None:
    net, head = small_net()
    path = net.save(tmp_path, head)
    edgekit.convert(path, tmp_path / "m.ekm", shapes={"data": X.shape})
    got = edgekit.Session(tmp_path / "m.ekm").run({"data": X})
    assert np.allclose(got["softmax_output"], run(path)["softmax_output"], atol=1e-6)


def test_parameters_of_mxnet_2(tmp_path: Path) -> None:
    """An archive of arrays; none is unpickled."""
    net, head = small_net()
    symbol = net.save(tmp_path, head)
    want = run(symbol)["softmax_output"]
    params = tmp_path / "net-0001.params"
    with params.open("wb") as f:
        np.savez(f, **{k: np.asfortranarray(a) for k, a in net.params.items()})
    for source in (symbol, params):
        assert converters.find_converter(source).name == "mxnet"
        assert np.array_equal(run(source)["softmax_output"], want)
    with params.open("wb") as f:
        np.savez_compressed(f, **{**net.params, "arg:fc_weight": np.array([{}], object)})
    with pytest.raises(edgekit.errors.MalformedModelError, match="holds object"):
        run(symbol)
