"""Whole models: wiring, names, weights of nested models, masks, and the dialects of Keras 1 and 2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.converters import find_converter, load
from edgekit.errors import MalformedModelError
from edgekit.reference import ReferenceSession
from edgekit.types import Array
from tests.converters.keras.files import (
    call,
    entry,
    functional,
    layer,
    old_call,
    run,
    sequential,
    tensor,
    write_archive,
    write_hdf5,
    write_json,
)
from tests.converters.keras.test_layers import LSTM, convolve, lstm, random
from tests.require import require_module


@pytest.fixture(autouse=True)
def needs_h5py() -> Iterator[None]:
    require_module("h5py", "h5py", "pip install edgekit[keras]")
    yield


def old(*layers: dict[str, Any]) -> list[dict[str, Any]]:
    """Layers as Keras 2 writes them: without modules."""
    return [{k: v for k, v in d.items() if k not in ("module", "registered_name")} for d in layers]


# -- names and wiring ---------------------------------------------------------------------------------------------------------


def test_names_are_those_of_the_layers(tmp_path: Path) -> None:
    layers = [entry("left", [None, 3]), entry("right", [None, 3]), layer("Add", "sum", call([tensor("left"), tensor("right")]))]
    graph = load(write_archive(tmp_path / "m.keras", functional(layers, ["left", "right"], ["sum", "left"]), {}))
    assert [v.name for v in graph.inputs] == ["left", "right"]
    assert graph.output_names == ["sum", "left"]
    assert graph.metadata["source.format"] == "keras"
    a, b = random(2, 3), random(2, 3)
    total, same = run(graph, a, b)
    np.testing.assert_array_equal(total, a + b)
    np.testing.assert_array_equal(same, a)


def test_inputs_share_their_batch(tmp_path: Path) -> None:
    layers = [entry("a", [None, 3]), entry("b", [None, 3]), layer("Add", "sum", call([tensor("a"), tensor("b")]))]
    path = write_archive(tmp_path / "m.keras", functional(layers, ["a", "b"], ["sum"]), {})
    graph = load(path, shapes={"a": (4, None)})
    assert [tuple(v.shape) for v in (*graph.inputs, *graph.outputs)] == [(4, 3)] * 3


def test_outputs_of_one_layer_are_numbered_and_mappings_give_their_keys(tmp_path: Path) -> None:
    arrays = {"layers/lstm/cell": [random(4, 12), random(3, 12), random(12)]}
    layers = [entry("x", [None, 5, 4]), layer("LSTM", "l", call("x"), return_state=True, **LSTM)]
    config = functional(layers, ["x"], [["l", 0, 0], ["l", 0, 1], ["l", 0, 2]])
    assert load(write_archive(tmp_path / "m.keras", config, arrays)).output_names == ["l", "l_1", "l_2"]
    config["config"]["output_layers"] = {"state": ["l", 0, 2], "last": ["l", 0, 0]}
    assert load(write_archive(tmp_path / "m.keras", config, arrays)).output_names == ["last", "state"]


def test_shared_layer_keeps_one_copy_of_its_arrays(tmp_path: Path) -> None:
    w = random(3, 2)
    dense = layer("Dense", "d", call("a"), call("b"), units=2, use_bias=False)
    layers = [entry("a", [None, 3]), entry("b", [None, 3]), dense, layer("Subtract", "s", call([tensor("d", 1), tensor("d", 0)]))]
    graph = load(write_archive(tmp_path / "m.keras", functional(layers, ["a", "b"], ["s"]), {"layers/dense": [w]}))
    assert len([c for c in graph.constants() if c.shape == (2, 3)]) == 1
    a, b = random(2, 3), random(2, 3)
    np.testing.assert_allclose(run(graph, a, b)[0], (b - a) @ w, atol=1e-6)


def test_calls_run_in_the_order_of_what_they_read(tmp_path: Path) -> None:
    """A model A(B(A(x))): the second call of A comes behind B, though A is listed first."""
    w, v = random(3, 3), random(3, 3)
    a = layer("Dense", "a", call("x"), call("b"), units=3, use_bias=False)
    b = layer("Dense", "b", call("a"), units=3, use_bias=False)
    config = functional([a, b, entry("x", [None, 3])], ["x"], [["a", 1, 0]])
    x = random(2, 3)
    graph = load(write_archive(tmp_path / "m.keras", config, {"layers/dense": [w], "layers/dense_1": [v]}))
    np.testing.assert_allclose(run(graph, x)[0], x @ w @ v @ w, atol=1e-5)


def inner_model() -> dict[str, Any]:
    dense, norm = (
        layer("Dense", "d", call("i"), units=2, use_bias=False),
        layer("BatchNormalization", "n", call("d"), axis=-1, epsilon=1e-3),
    )
    return functional([entry("i", [None, 3]), dense, norm], ["i"], ["d", "n"], "inner")


def nested_arrays() -> tuple[Array, list[Array]]:
    return random(3, 2), [random(2), random(2), random(2), np.abs(random(2)) + 0.1]


def normalized(y: Array, norm: list[Array]) -> Array:
    gamma, beta, mean, variance = norm
    return np.asarray((y - mean) / np.sqrt(variance + 1e-3) * gamma + beta)


def test_nested_model_of_an_archive_counts_its_outputs_from_one(tmp_path: Path) -> None:
    w, norm = nested_arrays()
    inner = {**inner_model(), "name": "inner", "inbound_nodes": [call("a"), call("b")]}
    layers = [entry("a", [None, 3]), entry("b", [None, 3]), inner, layer("Add", "s", call([tensor("inner", 0, 0), tensor("inner", 1, 1)]))]
    config = functional(layers, ["a", "b"], ["s", ["inner", 1, 0], ["inner", 2, 1]])
    at = "layers/functional/layers"
    graph = load(write_archive(tmp_path / "m.keras", config, {f"{at}/dense": [w], f"{at}/batch_normalization": norm}))
    assert graph.output_names == ["s", "inner", "inner_1"]
    a, b = random(2, 3), random(2, 3)
    for got, want in zip(run(graph, a, b), (a @ w + normalized(b @ w, norm), a @ w, normalized(b @ w, norm)), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)


@pytest.mark.parametrize("frozen", [(), ("d",), ("n",)])
def test_nested_model_of_an_hdf5_file_lists_trainable_arrays_first(frozen: tuple[str, ...], tmp_path: Path) -> None:
    w, norm = nested_arrays()
    dense, batch = layer("Dense", "d", old_call("i"), units=2, use_bias=False), layer("BatchNormalization", "n", old_call("d"), axis=[1])
    for found in (dense, batch):
        found["config"]["trainable"] = found["name"] not in frozen
    inner = functional(old(entry("i", [None, 3], old=True), dense, batch), ["i"], ["n"], "inner")
    config = functional(
        [*old(entry("x", [None, 3], old=True)), {**inner, "name": "inner", "inbound_nodes": [old_call("x")]}], ["x"], [["inner", 1, 0]]
    )
    flat = {(): [w, *norm], ("d",): [*norm[:2], w, *norm[2:]], ("n",): [w, *norm]}[frozen]
    x = random(2, 3)
    graph = load(write_hdf5(tmp_path / "m.h5", config, {"inner": flat}))
    np.testing.assert_allclose(run(graph, x)[0], normalized(x @ w, norm), atol=1e-5)


def test_sequential_models_name_the_input_after_the_first_layer(tmp_path: Path) -> None:
    w, v = random(4, 3), random(3, 2)
    first = layer("Dense", "first", units=3, use_bias=False, batch_input_shape=[None, 4])
    config = sequential(old(first, layer("Dropout", "off", rate=0.5), layer("Dense", "last", units=2, use_bias=False)))
    graph = load(write_hdf5(tmp_path / "m.h5", config, {"first": [w], "last": [v]}))
    assert ([v_.name for v_ in graph.inputs], graph.output_names) == (["first_input"], ["last"])
    x = random(2, 4)
    np.testing.assert_allclose(run(graph, x)[0], x @ w @ v, atol=1e-6)


def test_half_precision_policy(tmp_path: Path) -> None:
    w = random(4, 3)
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_float16"}, "registered_name": None}
    config = functional([entry("x", [None, 4]), layer("Dense", "d", call("x"), units=3, use_bias=False, dtype=policy)], ["x"], ["d"])
    x = random(2, 4)
    got = run(load(write_archive(tmp_path / "m.keras", config, {"layers/dense": [w]})), x)[0]
    assert got.dtype == np.float16
    np.testing.assert_allclose(got, x @ w, atol=5e-3)


def test_bfloat16_weights(tmp_path: Path) -> None:
    """h5py writes them as two opaque bytes each."""
    w = (random(4, 3).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    stored = np.ascontiguousarray(w).view(np.uint16)[:, 1::2].copy().view("V2")
    config = functional([entry("x", [None, 4]), layer("Dense", "d", call("x"), units=3, use_bias=False, dtype="bfloat16")], ["x"], ["d"])
    x = random(2, 4)
    graph = load(write_archive(tmp_path / "m.keras", config, {"layers/dense": [stored]}))
    assert "bfloat16 is computed in float32" in graph.metadata["source.notes"]
    np.testing.assert_allclose(run(graph, x)[0], x @ w, rtol=1e-5, atol=1e-6)


# -- masks and states ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sequences", [False, True])
def test_masked_steps_leave_an_lstm_alone(sequences: bool, tmp_path: Path) -> None:
    table, w, u, b = random(4, 3), random(3, 12), random(3, 12), random(12)
    x = np.asarray([[0, 2, 0, 0, 1, 3], [1, 0, 0, 2, 0, 0], [0, 0, 0, 0, 0, 0]], np.int32)
    embed = layer("Embedding", "e", call("x"), input_dim=4, output_dim=3, mask_zero=True)
    layers = [entry("x", [None, 6], "int32"), embed, layer("LSTM", "l", call("e"), return_sequences=sequences, **LSTM)]
    arrays = {"layers/embedding": [table], "layers/lstm/cell": [w, u, b]}
    got = run(load(write_archive(tmp_path / "m.keras", functional(layers, ["x"], ["l"]), arrays)), x)[0]
    y, h, _ = lstm(table[x], w, u, b, mask=x != 0)
    np.testing.assert_allclose(got, y if sequences else h, atol=1e-6)


def test_bidirectional_keeps_the_order_of_time(tmp_path: Path) -> None:
    x, f, g = random(2, 5, 4), [random(4, 12), random(3, 12), random(12)], [random(4, 12), random(3, 12), random(12)]
    inner = {"module": "keras.layers", "class_name": "LSTM", "config": {"name": "lstm", "return_sequences": True, **LSTM}}
    config = functional([entry("x", [None, 5, 4]), layer("Bidirectional", "b", call("x"), layer=inner, merge_mode="concat")], ["x"], ["b"])
    at = "layers/bidirectional"
    arrays = {f"{at}/forward_layer/cell": f, f"{at}/backward_layer/cell": g}
    got = run(load(write_archive(tmp_path / "m.keras", config, arrays)), x)[0]
    want = np.concatenate([lstm(x, *f)[0], lstm(x[:, ::-1], *g)[0][:, ::-1]], -1)
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_stateful_layers_go_on_where_they_stopped(tmp_path: Path) -> None:
    x, arrays = random(1, 6, 4), [random(4, 12), random(3, 12), random(12)]
    layers = [entry("x", [1, 3, 4]), layer("LSTM", "l", call("x"), stateful=True, **LSTM)]
    graph = load(write_archive(tmp_path / "m.keras", functional(layers, ["x"], ["l"]), {"layers/lstm/cell": arrays}))
    assert [v.name for v in graph.user_inputs] == ["x"]
    session = ReferenceSession(graph)
    session.run({"x": x[:, :3]})
    np.testing.assert_allclose(session.run({"x": x[:, 3:]})["l"], lstm(x, *arrays)[1], atol=1e-6)


def test_first_states_come_with_the_call(tmp_path: Path) -> None:
    x, h, arrays = random(2, 3, 4), random(2, 3), [random(4, 3), random(3, 3), random(3)]
    cell = layer("SimpleRNN", "r", call("x", initial_state=tensor("h")), units=3, activation="tanh")
    config = functional([entry("x", [None, 3, 4]), entry("h", [None, 3]), cell], ["x", "h"], ["r"])
    got = run(load(write_archive(tmp_path / "m.keras", config, {"layers/simple_rnn/cell": arrays})), x, h)[0]
    state = h
    for t in range(3):
        state = np.tanh(x[:, t] @ arrays[0] + state @ arrays[1] + arrays[2])
    np.testing.assert_allclose(got, state, atol=1e-6)


def test_time_distributed_puts_steps_into_the_batch(tmp_path: Path) -> None:
    x, w = random(2, 3, 5, 5, 2), random(3, 3, 2, 4)
    inner = layer("Conv2D", "c", filters=4, kernel_size=[3, 3], use_bias=False)
    config = functional([entry("x", [None, None, 5, 5, 2]), layer("TimeDistributed", "t", call("x"), layer=inner)], ["x"], ["t"])
    got = run(load(write_archive(tmp_path / "m.keras", config, {"layers/time_distributed/layer": [w]})), x)[0]
    np.testing.assert_allclose(got, convolve(x.reshape(6, 5, 5, 2), w).reshape(2, 3, 3, 3, 4), atol=1e-5)


def test_multi_head_attention(tmp_path: Path) -> None:
    x = random(2, 4, 6)
    q, k, v, out = random(6, 2, 3), random(6, 2, 3), random(6, 2, 3), random(2, 3, 6)
    config = functional(
        [entry("x", [None, 4, 6]), layer("MultiHeadAttention", "a", call("x", "x"), num_heads=2, key_dim=3, use_bias=False)], ["x"], ["a"]
    )
    at = "layers/multi_head_attention"
    arrays = {f"{at}/{n}_dense": [a] for n, a in (("query", q), ("key", k), ("value", v), ("output", out))}
    got = run(load(write_archive(tmp_path / "m.keras", config, arrays)), x)[0]
    qs, ks, vs = (np.einsum("btd,dnh->bnth", x, a) for a in (q, k, v))
    scores = np.einsum("bnth,bnsh->bnts", qs, ks) / np.sqrt(3)
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    np.testing.assert_allclose(got, np.einsum("bnts,bnsh,nhd->btd", weights, vs, out), atol=1e-5)


# -- functions between layers -------------------------------------------------------------------------------------------------


def operation(class_name: str, name: str, *nodes: Any, **config: Any) -> dict[str, Any]:
    found = layer(class_name, name, *nodes, **config)
    del found["config"]["trainable"]
    return {**found, "module": "keras.src.ops.numpy"}


def test_functions_of_keras_ops(tmp_path: Path) -> None:
    key = [{"class_name": "__slice__", "config": {"start": None, "stop": None, "step": None}}, 1]
    layers = [
        entry("x", [None, 3, 4]),
        operation("Add", "plus", call(tensor("x"), 1.5)),
        operation("Mean", "mean", call("plus"), axis=-1, keepdims=True),
        operation("Multiply", "times", call("plus", "mean")),
        operation("GetItem", "item", call(tensor("times"), key)),
    ]
    x = random(2, 3, 4)
    got = run(load(write_archive(tmp_path / "m.keras", functional(layers, ["x"], ["item"]), {})), x)[0]
    y = x + 1.5
    np.testing.assert_allclose(got, (y * y.mean(-1, keepdims=True))[:, 1], rtol=1e-5)


def test_functions_of_tensorflow(tmp_path: Path) -> None:
    def function(name: str, node: Any) -> dict[str, Any]:
        return layer("TFOpLambda", name, node, function=name)

    span = {"start": 1, "stop": 3, "step": None}
    layers = old(
        entry("x", [None, 4], old=True),
        function("math.subtract", ["_CONSTANT_VALUE", -1, 1.0, {"y": ["x", 0, 0]}]),
        function("nn.relu", ["math.subtract", 0, 0, {"name": None}]),
        function("concat", [["x", 0, 0, {"axis": -1}], ["nn.relu", 0, 0, {"axis": -1}]]),
        layer("SlicingOpLambda", "s", ["concat", 0, 0, {"slice_spec": [{"start": None, "stop": None, "step": 1}, span]}]),
    )
    x = random(2, 4)
    got = run(load(write_hdf5(tmp_path / "m.h5", functional(layers, ["x"], ["s"]), {})), x)[0]
    np.testing.assert_allclose(got, np.concatenate([x, np.maximum(1 - x, 0)], -1)[:, 1:3])


def test_nodes_of_tensorflow_2_3(tmp_path: Path) -> None:
    def node(op: str, name: str, constants: dict[str, Any], **attributes: Any) -> dict[str, Any]:
        text = json.dumps({"name": name, "op": op, "input": ["a", "b"], "attr": attributes})
        return layer("TensorFlowOpLayer", name, old_call("x" if name == "m" else "m"), node_def=text, constants=constants)

    layers = old(
        entry("x", [None, 4], old=True),
        node("Mul", "m", {"0": 3.0}),
        node("StridedSlice", "s", {"1": [0, 1], "2": [0, 3], "3": [1, 1]}, begin_mask={"i": "1"}, end_mask={"i": "1"}),
    )
    x = random(2, 4)
    got = run(load(write_hdf5(tmp_path / "m.h5", functional(layers, ["x"], ["s"]), {})), x)[0]
    np.testing.assert_allclose(got, 3 * x[:, 1:3])


# -- Keras 1 ------------------------------------------------------------------------------------------------------------------


def keras1(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, "trainable": True, **config}}


def test_keras_1_convolution_with_theano_ordering(tmp_path: Path) -> None:
    x, w, b, d = random(2, 3, 6, 6), random(4, 3, 3, 3), random(4), random(64, 2)
    layers = [
        keras1("Convolution2D", "c", nb_filter=4, nb_row=3, nb_col=3, border_mode="valid", subsample=[1, 1], dim_ordering="th",
               activation="relu", bias=True, batch_input_shape=[None, 3, 6, 6]),
        keras1("Flatten", "f"),
        keras1("Dense", "d", output_dim=2, activation="linear", bias=False),
    ]  # fmt: skip
    graph = load(write_hdf5(tmp_path / "m.h5", {"class_name": "Sequential", "config": layers}, {"c": [w, b], "d": [d]}, None))
    y = np.maximum(convolve(x.transpose(0, 2, 3, 1), w.transpose(2, 3, 1, 0)).transpose(0, 3, 1, 2) + b[:, None, None], 0)
    np.testing.assert_allclose(run(graph, x)[0], y.reshape(2, -1) @ d, atol=1e-4)


def test_keras_1_lstm_has_arrays_by_gate(tmp_path: Path) -> None:
    x, w, u, b = random(2, 5, 4), random(4, 12), random(3, 12), random(12)
    parts = dict(zip("ifco", zip(*(np.split(a, 4, -1) for a in (w, u, b)), strict=True), strict=True))
    flat = [np.ascontiguousarray(a) for gate in "icfo" for a in parts[gate]]
    lay = keras1("LSTM", "l", output_dim=3, activation="tanh", inner_activation="sigmoid", batch_input_shape=[None, 5, 4])
    graph = load(write_hdf5(tmp_path / "m.h5", {"class_name": "Sequential", "config": [lay]}, {"l": flat}, "1.2.2"))
    np.testing.assert_allclose(run(graph, x)[0], lstm(x, w, u, b)[1], atol=1e-6)


def test_keras_1_branches_that_merge_first(tmp_path: Path) -> None:
    w, v = random(3, 2), random(4, 2)
    branches = [
        {"class_name": "Sequential", "config": [keras1("Dense", n, output_dim=2, bias=False, batch_input_shape=[None, k])]}
        for n, k in (("p", 3), ("q", 4))
    ]
    config = {"class_name": "Sequential", "config": [keras1("Merge", "m", mode="concat", concat_axis=-1, layers=branches)]}
    graph = load(write_hdf5(tmp_path / "m.h5", config, {"m": [w, v]}, "1.0.8"))
    assert [i.name for i in graph.inputs] == ["p_input", "q_input"]
    a, b = random(2, 3), random(2, 4)
    np.testing.assert_allclose(run(graph, a, b)[0], np.concatenate([a @ w, b @ v], -1), atol=1e-6)


def test_theano_turned_its_kernels(tmp_path: Path) -> None:
    x, w = random(2, 6, 6, 3), random(3, 3, 3, 4)
    conv = layer("Conv2D", "c", old_call("x"), filters=4, kernel_size=[3, 3], use_bias=False)
    config = functional(old(entry("x", [None, 6, 6, 3], old=True), conv), ["x"], ["c"])
    got = run(load(write_hdf5(tmp_path / "m.h5", config, {"c": [w]}, "2.1.0", "theano")), x)[0]
    np.testing.assert_allclose(got, convolve(x, w[::-1, ::-1]), atol=1e-5)


def test_cudnn_layers_keep_each_gate_turned(tmp_path: Path) -> None:
    x, w, u, b = random(2, 5, 4), random(4, 12), random(3, 12), random(24)
    stored = [np.hstack([g.T.reshape(g.shape) for g in np.hsplit(w, 4)]), np.hstack([g.T for g in np.hsplit(u, 4)]), b]
    cell = layer("CuDNNLSTM", "l", old_call("x"), units=3)
    config = functional(old(entry("x", [None, 5, 4], old=True), cell), ["x"], ["l"])
    unstored = [np.hstack([g.T.reshape(g.shape, order="F") for g in np.hsplit(stored[0], 4)]), u, b[:12] + b[12:]]
    got = run(load(write_hdf5(tmp_path / "m.h5", config, {"l": stored}, "2.2.4")), x)[0]
    np.testing.assert_allclose(got, lstm(x, unstored[0], unstored[1], unstored[2])[1], atol=1e-6)


# -- TensorFlow.js ------------------------------------------------------------------------------------------------------------


def test_layers_model_of_tensorflow_js(tmp_path: Path) -> None:
    x, w, b, cell = random(2, 5, 4), random(3, 2), random(2), [random(4, 12), random(3, 12), random(12)]
    inner = sequential(old(layer("LSTM", "l", batch_input_shape=[None, 5, 4], **LSTM)), "inner")
    config = sequential([inner, *old(layer("Dense", "d", units=2))])
    roles = ("kernel", "recurrent_kernel", "bias")
    arrays = {**{f"l/lstm_cell/{r}": a for r, a in zip(roles, cell, strict=True)}, "d/kernel": w, "d/bias": b}
    path = write_json(tmp_path / "model.json", config, arrays)
    assert find_converter(path).name == "keras"
    np.testing.assert_allclose(run(load(path), x)[0], lstm(x, cell[0], cell[1], cell[2])[1] @ w + b, atol=1e-5)
    path = write_json(tmp_path / "model.json", config, {**arrays, "d/more": b})
    with pytest.raises(MalformedModelError, match="2 arrays are expected"):
        load(path)


def test_quantized_dense_rounds_each_row(tmp_path: Path) -> None:
    x, bias = random(3, 5), random(4)
    kernel, scale = np.random.default_rng(2).integers(-127, 128, (5, 4)).astype(np.int8), np.asarray([50, 80, 20, 100], np.float32)
    policy = {"module": "keras", "class_name": "QuantizedDTypePolicy", "config": {"mode": "int8", "source_name": "float32"}}
    config = functional([entry("x", [None, 5]), layer("Dense", "d", call("x"), units=4, dtype=policy)], ["x"], ["d"])
    got = run(load(write_archive(tmp_path / "m.keras", config, {"layers/dense": [kernel, bias, scale]})), x)[0]
    rows = 127.0 / (np.abs(x).max(-1, keepdims=True) + 1e-7)
    np.testing.assert_allclose(got, np.rint(x * rows) @ kernel.astype(np.float64) / (rows * scale) + bias, atol=1e-5)
