"""Reading Caffe's files: the pair of files, forms of layers and blobs, phases, inputs and outputs."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.caffe.models import save, weights_bytes
from tests.converters.numpy_layers import conv2d, rng, softmax

X = rng(1, 3, 6, 6)
W, B, F = rng(4, 3, 3, 3), rng(4), rng(2, 64, seed=1)
LAYERS = {"conv": [W, B], "fc": [F]}
WANT = softmax(np.maximum(conv2d(X, W, B), 0).reshape(1, -1) @ F.T)

V2 = """
name: "small"  # a comment
input: "data" input_shape { dim: 1 dim: 3 dim: 6 dim: 6 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 1 } convolution_param { num_output: 4 kernel_size: 3
        weight_filler { type: 'xavier' } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc", inner_product_param: < num_output: 2; bias_term: false > }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" unknown_param { deep { er: [1, 2.5e-3, -inf] } } }
"""
V1 = """
input: "data" input_dim: 1 input_dim: 3 input_dim: 6 input_dim: 6
layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv" blobs_lr: 1 convolution_param { num_output: 4 kernel_size: 3 } }
layers { name: "relu" type: RELU bottom: "conv" top: "conv" }
layers { name: "fc" type: INNER_PRODUCT bottom: "conv" top: "fc" inner_product_param { num_output: 2 bias_term: false } }
layers { name: "prob" type: SOFTMAX bottom: "fc" top: "prob" }
"""
V0 = """
input: "data" input_dim: 1 input_dim: 3 input_dim: 6 input_dim: 6
layers { layer { name: "conv" type: "conv" num_output: 4 kernelsize: 3 } bottom: "data" top: "conv" }
layers { layer { name: "relu" type: "relu" } bottom: "conv" top: "conv" }
layers { layer { name: "fc" type: "innerproduct" num_output: 2 biasterm: false } bottom: "conv" top: "fc" }
layers { layer { name: "prob" type: "softmax" } bottom: "fc" top: "prob" }
"""
TRAINING = """
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN } transform_param { crop_size: 9 } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST } transform_param { crop_size: 6 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "drop" type: "Python" bottom: "conv" top: "conv" exclude { phase: TEST } }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param { num_output: 2 bias_term: false } }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""


def run(path: Path) -> dict[str, Array]:
    return run_graph(converters.load(path, shapes={"data": X.shape}), {"data": X})


@pytest.mark.parametrize(("text", "form"), [(V2, 2), (V1, 1), (V0, 0), (V1, 2)], ids=["v2", "v1", "v0", "v1_text"])
def test_every_form_of_layers(text: str, form: int, tmp_path: Path) -> None:
    got = run(save(tmp_path, text, LAYERS, form=form))
    assert list(got) == ["prob"]
    assert np.allclose(got["prob"], WANT, atol=1e-5)


@pytest.mark.parametrize("options", [{"legacy": True}, {"packed": False}])
def test_every_form_of_blobs(options: dict[str, bool], tmp_path: Path) -> None:
    assert np.allclose(run(save(tmp_path, V2, LAYERS, **options))["prob"], WANT, atol=1e-5)


def test_double_precision_blobs(tmp_path: Path) -> None:
    layers = {n: [a.astype(np.float64) for a in blobs] for n, blobs in LAYERS.items()}
    assert np.allclose(run(save(tmp_path, V2, layers))["prob"], WANT, atol=1e-5)


def test_a_network_for_training_is_read_as_deployed(tmp_path: Path) -> None:
    path = save(tmp_path, TRAINING, LAYERS)
    graph = converters.load(path, shapes={"data": X.shape})
    assert [v.name for v in graph.inputs] == ["data"]
    assert np.allclose(run(path)["loss"], WANT, atol=1e-5)
    assert "SoftmaxWithLoss" in graph.metadata["source.notes"]
    assert [str(d) for d in converters.load(path, shapes={"data": (1, 3, None, None)}).inputs[0].shape] == ["1", "3", "6", "6"]


def test_either_file_or_the_folder_names_the_model(tmp_path: Path) -> None:
    text = save(tmp_path, V2, LAYERS)
    for source in (text, tmp_path / "net.caffemodel", tmp_path):
        assert converters.find_converter(source).name == "caffe"
        assert np.allclose(run(source)["prob"], WANT, atol=1e-5)


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    text = save(tmp_path, V2, LAYERS)
    odd = (tmp_path / "net.caffemodel").rename(tmp_path / "weights.bin")
    assert converters.find_converter(odd).name == "caffe"
    assert np.allclose(run(odd)["prob"], WANT, atol=1e-5)
    with pytest.raises(edgekit.errors.MalformedModelError, match=r"put its weights beside it as net\.caffemodel"):
        converters.load(text)


def test_names_that_differ_in_the_usual_ways(tmp_path: Path) -> None:
    save(tmp_path, V2.replace("num_output: 4", "num_output: 9"), name="other")
    (tmp_path / "solver.prototxt").write_text('net: "train.prototxt"')
    (tmp_path / "other.caffemodel").unlink()
    (tmp_path / "small_deploy.prototxt").write_text(V2)
    zeros = {"conv": LAYERS["conv"], "fc": [F * 0]}
    (tmp_path / "small_iter_500.caffemodel").write_bytes(weights_bytes(zeros))
    (tmp_path / "small_iter_10000.caffemodel").write_bytes(weights_bytes(LAYERS))
    assert np.allclose(run(tmp_path / "small_deploy.prototxt")["prob"], WANT, atol=1e-5)
    assert np.allclose(run(tmp_path / "small_iter_500.caffemodel")["prob"], 0.5)


def test_several_inputs_and_outputs_in_caffes_order(tmp_path: Path) -> None:
    text = """
    input: "b" input: "a" input_shape { dim: 2 dim: 3 }
    layer { name: "s" type: "Split" bottom: "a" top: "z" top: "y" }
    layer { name: "r" type: "ReLU" bottom: "b" top: "B" }
    layer { name: "v" type: "Power" bottom: "z" top: "x" power_param { scale: 2 } }
    layer { name: "q" type: "Silence" bottom: "B" }
    layer { name: "e" type: "AbsVal" bottom: "b" top: "C" }
    """
    graph = converters.load(save(tmp_path, text))
    assert [v.name for v in graph.inputs] == ["b", "a"]
    assert graph.output_names == ["C", "x", "y"]


def test_the_caller_gives_another_size_than_the_prototxt(tmp_path: Path) -> None:
    text = 'input: "d" input_dim: 10 input_dim: 3 input_dim: 8 input_dim: 8 '
    text += 'layer { name: "p" type: "Pooling" bottom: "d" top: "p" pooling_param { kernel_size: 2 } }'
    assert converters.load(save(tmp_path, text)).inputs[0].shape == (10, 3, 8, 8)
    graph = converters.load(save(tmp_path, text), shapes={"d": (1, None, 5, 7)})
    assert graph.inputs[0].shape == (1, 3, 5, 7)
    assert graph.outputs[0].shape == (1, 3, 4, 6)


def test_weights_share_the_mapped_file(tmp_path: Path) -> None:
    """A large file is neither copied nor decoded number by number."""
    big = np.zeros((4096, 4096), np.float32)
    text = 'input: "d" input_shape { dim: 1 dim: 4096 } '
    text += 'layer { name: "f" type: "InnerProduct" bottom: "d" top: "f" inner_product_param { num_output: 4096 bias_term: false } }'
    path = save(tmp_path, text, {"f": [big]})
    start = time.perf_counter()
    converters.load(path)
    assert time.perf_counter() - start < 1.0


def test_the_runtime_agrees(tmp_path: Path) -> None:
    edgekit.convert(save(tmp_path, V2, LAYERS), tmp_path / "m.ekm")
    assert np.allclose(edgekit.Session(tmp_path / "m.ekm").run({"data": X})["prob"], WANT, atol=1e-5)
