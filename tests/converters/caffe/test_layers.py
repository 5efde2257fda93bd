"""Every layer converter against its meaning in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from edgekit import converters
from edgekit.reference import run_graph
from edgekit.types import Array
from edgekit_converters.caffe.context import REGISTRY
from tests.converters.caffe.models import apply, save
from tests.converters.numpy_layers import conv2d, deconv2d, normal, pool2d, rng, sigmoid, softmax

TOLERANCE = 2e-5


class Case(NamedTuple):
    """One layer: its text, what it reads, its learned arrays, and what it gives."""

    layer: str
    inputs: Sequence[Array]
    expected: Callable[..., Any]
    blobs: Sequence[Array] = ()
    tops: int = 1


X = rng(2, 4, 5, 6)
M = rng(3, 4)
V = rng(4)


def caffe_pool(x: Array, k: int, s: int, p: int, kind: str) -> Array:
    """Windows rounded up; with padding none may start behind the image (pooling_layer.cpp)."""
    y = pool2d(x, k, s, p, kind, full=True)
    if p:
        oh, ow = (min(n, (size + p - 1) // s + 1) for n, size in zip(y.shape[2:], x.shape[2:], strict=True))
        y = y[:, :, :oh, :ow]
    return y


def align_corners(x: Array, oh: int, ow: int) -> Array:
    """A bilinear resize."""
    h, w = x.shape[2:]
    rows, columns = np.linspace(0, h - 1, oh), np.linspace(0, w - 1, ow)
    r0, c0 = np.minimum(rows.astype(int), h - 2), np.minimum(columns.astype(int), w - 2)
    fr, fc = (rows - r0)[:, None], columns - c0
    top = x[:, :, r0][:, :, :, c0] * (1 - fc) + x[:, :, r0][:, :, :, c0 + 1] * fc
    low = x[:, :, r0 + 1][:, :, :, c0] * (1 - fc) + x[:, :, r0 + 1][:, :, :, c0 + 1] * fc
    return top * (1 - fr) + low * fr


def lrn_within(x: Array, size: int, alpha: float, beta: float) -> Array:
    return x * (1 + alpha * caffe_pool(x * x, size, 1, size // 2, "avg")) ** -beta


def lrn_across(x: Array, alpha: float, beta: float, k: float) -> Array:
    squares = np.pad(x**2, [(0, 0), (1, 1), (0, 0), (0, 0)])
    return x / (k + alpha / 3 * (squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:])) ** beta


CASES = {
    "conv": Case(
        "Convolution convolution_param { num_output: 6 kernel_size: 3 stride: 2 pad: 1 }",
        [X],
        lambda x, w, b: conv2d(x, w, b, 2, 1),
        [rng(6, 4, 3, 3), rng(6)],
    ),
    "conv_sides": Case(
        "Convolution convolution_param { num_output: 2 kernel_h: 1 kernel_w: 3 pad_w: 1 pad_h: 0 bias_term: false }",
        [X],
        lambda x, w: conv2d(np.pad(x, [(0, 0), (0, 0), (0, 0), (1, 1)]), w),
        [rng(2, 4, 1, 3)],
    ),
    "conv_dilated_groups": Case(
        "Convolution convolution_param { num_output: 6 kernel_size: 2 dilation: 2 group: 2 bias_term: false }",
        [X],
        lambda x, w: conv2d(x, w, dilate=2, groups=2),
        [rng(6, 2, 2, 2)],
    ),
    "conv_depthwise": Case(
        "ConvolutionDepthwise convolution_param { num_output: 4 kernel_size: 3 bias_term: false }",
        [X],
        lambda x, w: conv2d(x, w, groups=4),
        [rng(4, 1, 3, 3)],
    ),
    "conv_two_inputs": Case(
        "Convolution convolution_param { num_output: 2 kernel_size: 1 bias_term: false }",
        [X, X + 1],
        lambda x, y, w: [conv2d(x, w), conv2d(y, w)],
        [rng(2, 4, 1, 1)],
        2,
    ),
    "deconv": Case(
        "Deconvolution convolution_param { num_output: 3 kernel_size: 4 stride: 2 pad: 1 bias_term: false }",
        [X],
        lambda x, w: deconv2d(x, w, 2, 1),
        [rng(4, 3, 4, 4)],
    ),
    "deconv_bilinear": Case(
        "Deconvolution convolution_param { num_output: 4 group: 4 kernel_size: 4 stride: 2 pad: 1 bias_term: false "
        'weight_filler { type: "bilinear" } }',
        [X],
        lambda x: deconv2d(x, np.tile(np.outer(*[[0.25, 0.75, 0.75, 0.25]] * 2), (4, 1, 1, 1)), 2, 1, groups=4),
    ),
    "pool": Case("Pooling pooling_param { kernel_size: 2 stride: 2 }", [X], lambda x: caffe_pool(x, 2, 2, 0, "max")),
    "pool_pad": Case("Pooling pooling_param { pool: MAX kernel_size: 2 stride: 2 pad: 1 }", [X], lambda x: caffe_pool(x, 2, 2, 1, "max")),
    "pool_average": Case(
        "Pooling pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }", [X], lambda x: caffe_pool(x, 3, 2, 1, "avg")
    ),
    "pool_floor": Case("Pooling pooling_param { kernel_size: 2 stride: 2 round_mode: FLOOR }", [X], lambda x: pool2d(x, 2, 2, 0, "max")),
    "pool_global": Case("Pooling pooling_param { pool: AVE global_pooling: true }", [X], lambda x: x.mean((2, 3), keepdims=True)),
    "inner_product": Case(
        "InnerProduct inner_product_param { num_output: 3 }", [X], lambda x, w, b: x.reshape(2, -1) @ w.T + b, [rng(3, 120), rng(3)]
    ),
    "inner_product_axis": Case(
        "InnerProduct inner_product_param { num_output: 3 axis: -1 transpose: true bias_term: false }", [X], lambda x, w: x @ w, [rng(6, 3)]
    ),
    "relu": Case("ReLU", [X], lambda x: np.maximum(x, 0)),
    "relu_slope": Case("ReLU relu_param { negative_slope: 0.1 }", [X], lambda x: np.where(x > 0, x, 0.1 * x)),
    "relu6": Case("ReLU6", [X * 8], lambda x: x.clip(0, 6)),
    "prelu": Case("PReLU", [X], lambda x, a: np.where(x > 0, x, a[:, None, None] * x), [V]),
    "prelu_shared": Case("PReLU prelu_param { channel_shared: true }", [X], lambda x, a: np.where(x > 0, x, a * x), [rng(1)]),
    "elu": Case("ELU elu_param { alpha: 0.5 }", [X], lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
    "sigmoid": Case("Sigmoid", [X], sigmoid),
    "tanh": Case("TanH", [X], np.tanh),
    "abs": Case("AbsVal", [X], np.abs),
    "bnll": Case("BNLL", [X], lambda x: np.log1p(np.exp(x))),
    "power": Case("Power power_param { power: 3 scale: 0.5 shift: 3 }", [X], lambda x: (3 + 0.5 * x) ** 3),
    "power_square": Case("Power power_param { power: 2 }", [X], lambda x: x**2),
    "exp": Case("Exp exp_param { base: 2 scale: 0.5 shift: 1 }", [X], lambda x: 2 ** (1 + 0.5 * x)),
    "exp_natural": Case("Exp", [X], np.exp),
    "log": Case("Log log_param { base: 10 scale: 2 shift: 5 }", [X], lambda x: np.log10(5 + 2 * x)),
    "threshold": Case("Threshold threshold_param { threshold: 0.5 }", [X], lambda x: (x > 0.5).astype(np.float32)),
    "swish": Case("Swish swish_param { beta: 1.5 }", [X], lambda x: x * sigmoid(1.5 * x)),
    "hard_swish": Case("HardSwish", [X], lambda x: x * (x + 3).clip(0, 6) / 6),
    "dropout": Case("Dropout dropout_param { dropout_ratio: 0.5 }", [X], lambda x: x),
    "softmax": Case("Softmax", [X], lambda x: softmax(x, 1)),
    "softmax_axis": Case("Softmax softmax_param { axis: 2 }", [X], lambda x: softmax(x, 2)),
    "lrn": Case("LRN lrn_param { local_size: 3 alpha: 0.1 beta: 0.5 k: 2 }", [X], lambda x: lrn_across(x, 0.1, 0.5, 2)),
    "lrn_within": Case(
        "LRN lrn_param { local_size: 3 alpha: 0.1 norm_region: WITHIN_CHANNEL }", [X], lambda x: lrn_within(x, 3, 0.1, 0.75)
    ),
    "batch_norm": Case(
        "BatchNorm batch_norm_param { eps: 0.01 }",
        [X],
        lambda x, m, v, f: (x - m[:, None, None] / f) / np.sqrt(v[:, None, None] / f + 0.01),
        [V, np.abs(V) + 1, np.float32([2.5])],
    ),
    "batch_norm_flat": Case(
        "BatchNorm", [M], lambda x, m, v, f: (x - m / f) / np.sqrt(v / f + 1e-5), [V, np.abs(V) + 1, np.float32([2.5])]
    ),
    "scale": Case(
        "Scale scale_param { bias_term: true }", [X], lambda x, s, b: x * s[:, None, None] + b[:, None, None], [V, rng(4, seed=1)]
    ),
    "scale_axes": Case("Scale scale_param { axis: 2 num_axes: 2 }", [X], lambda x, s: x * s, [rng(5, 6)]),
    "scale_two": Case("Scale scale_param { axis: 0 }", [X, rng(2, 4)], lambda x, s: x * s[:, :, None, None]),
    "scale_two_bias": Case(
        "Scale scale_param { axis: 0 bias_term: true }",
        [X, rng(2, 4)],
        lambda x, s, b: x * s[:, :, None, None] + b[:, :, None, None],
        [rng(2, 4, seed=1)],
    ),
    "bias": Case("Bias", [X], lambda x, b: x + b[:, None, None], [V]),
    "mvn": Case("MVN", [X], lambda x: normal(x, (2, 3), 0)),
    "mvn_across": Case(
        "MVN mvn_param { across_channels: true normalize_variance: false }", [X], lambda x: x - x.mean((1, 2, 3), keepdims=True)
    ),
    "normalize": Case(
        "Normalize norm_param { across_spatial: false channel_shared: false }",
        [X],
        lambda x, s: x / np.sqrt((x**2).sum(1, keepdims=True) + 1e-10) * s[:, None, None],
        [V],
    ),
    "concat": Case("Concat concat_param { axis: 2 }", [X, X[:, :, :1]], lambda a, b: np.concatenate([a, b], 2)),
    "slice": Case("Slice slice_param { slice_point: 1 }", [X], lambda x: [x[:, :1], x[:, 1:]], (), 2),
    "slice_even": Case("Slice slice_param { axis: 3 }", [X], lambda x: np.split(x, 3, 3), (), 3),
    "split": Case("Split", [X], lambda x: [x, x], (), 2),
    "eltwise": Case("Eltwise eltwise_param { coeff: 1 coeff: -0.5 }", [X, X**2], lambda a, b: a - 0.5 * b),
    "eltwise_max": Case("Eltwise eltwise_param { operation: MAX }", [X, -X], np.maximum),
    "flatten": Case("Flatten flatten_param { axis: 1 end_axis: 2 }", [X], lambda x: x.reshape(2, 20, 6)),
    "reshape": Case("Reshape reshape_param { shape { dim: 0 dim: -1 dim: 3 } }", [X], lambda x: x.reshape(2, 40, 3)),
    "reshape_part": Case("Reshape reshape_param { shape { dim: 2 dim: 2 } axis: 1 num_axes: 1 }", [X], lambda x: x.reshape(2, 2, 2, 5, 6)),
    "permute": Case("Permute permute_param { order: 0 order: 2 order: 3 }", [X], lambda x: x.transpose(0, 2, 3, 1)),
    "reduction": Case("Reduction reduction_param { operation: ASUM axis: 2 coeff: 2 }", [X], lambda x: 2 * np.abs(x).sum((2, 3))),
    "argmax": Case("ArgMax", [M], lambda x: x.argmax(1).astype(np.float32)[:, None, None]),
    "argmax_values": Case(
        "ArgMax argmax_param { out_max_val: true top_k: 2 }",
        [M],
        lambda x: np.stack([np.argsort(-x, 1)[:, :2].astype(np.float32), -np.sort(-x, 1)[:, :2]], 1),
    ),
    "argmax_axis": Case("ArgMax argmax_param { axis: 1 }", [X], lambda x: x.argmax(1)[:, None].astype(np.float32)),
    "crop": Case("Crop crop_param { axis: 2 offset: 1 offset: 2 }", [X, X[:, :, :3, :2]], lambda x, y: x[:, :, 1:4, 2:4]),
    "tile": Case("Tile tile_param { axis: 1 tiles: 3 }", [X], lambda x: np.tile(x, (1, 3, 1, 1))),
    "embed": Case(
        "Embed embed_param { input_dim: 3 num_output: 4 }", [np.float32([[0, 2], [1, 1]])], lambda i, w, b: w[i.astype(int)] + b, [M, V]
    ),
    "shuffle": Case(
        "ShuffleChannel shuffle_channel_param { group: 2 }",
        [X],
        lambda x: x.reshape(2, 2, 2, 5, 6).swapaxes(1, 2).reshape(x.shape),
    ),
    "axpy": Case("Axpy", [rng(2, 4), X, X + 1], lambda a, x, y: a[:, :, None, None] * x + y),
    "interp": Case("Interp interp_param { height: 9 width: 13 }", [X], lambda x: align_corners(x, 9, 13)),
    "interp_zoom": Case("Interp interp_param { zoom_factor: 2 }", [X], lambda x: align_corners(x, 9, 11)),
    "interp_cut": Case("Interp interp_param { shrink_factor: 2 pad_end: -1 }", [X], lambda x: align_corners(x[:, :, :4, :5], 2, 3)),
    "upsample": Case("Upsample upsample_param { scale: 2 }", [X], lambda x: x.repeat(2, 2).repeat(2, 3)),
    "clip": Case("Clip clip_param { min: -1 max: 0.5 }", [X], lambda x: x.clip(-1, 0.5)),
    "hard_sigmoid": Case("HardSigmoid", [X], lambda x: (x + 3).clip(0, 6) / 6),
    "batch_reindex": Case("BatchReindex", [M, np.float32([2, 0, 2])], lambda x, i: x[[2, 0, 2]]),
    "gelu": Case("GELU", [M], lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))),
    "padding": Case("Padding padding_param { pad: 2 }", [X], lambda x: np.pad(x, [(0, 0), (0, 0), (2, 2), (2, 2)])),
    "sigmoid_loss": Case("SigmoidCrossEntropyLoss", [M], sigmoid),
    "softmax_loss": Case("SoftmaxWithLoss", [M], softmax),
}


@pytest.mark.parametrize("name", CASES)
def test_layer(name: str, tmp_path: Path) -> None:
    c = CASES[name]
    want = c.expected(*c.inputs, *c.blobs)
    wanted = list(want) if isinstance(want, list) else [want]
    got = apply(tmp_path, c.layer, c.inputs, c.blobs, c.tops)
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted, strict=True):
        assert a.shape == b.shape
        assert np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE), float(np.abs(a - b).max())


@pytest.mark.parametrize("static", [False, True])
def test_lstm_clears_its_state_where_a_sequence_begins(static: bool, tmp_path: Path) -> None:
    time, batch, width, hidden = 4, 2, 3, 5
    x, cont = rng(time, batch, width), np.float32([[0, 0], [1, 1], [0, 1], [1, 1]])
    w, b, r = rng(4 * hidden, width, seed=1), rng(4 * hidden, seed=2), rng(4 * hidden, hidden, seed=3)
    still, ws = rng(batch, 2, seed=4), rng(4 * hidden, 2, seed=5)
    h = c = np.zeros((batch, hidden), np.float32)
    want = []
    for t in range(time):
        k = cont[t][:, None]
        gates = x[t] @ w.T + b + (k * h) @ r.T + (still @ ws.T if static else 0)
        i, f, o, g = np.split(gates, 4, 1)
        c = k * sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        want.append(h)
    inputs, blobs = ([x, cont, still], [w, b, ws, r]) if static else ([x, cont], [w, b, r])
    (got,) = apply(tmp_path, f"LSTM recurrent_param {{ num_output: {hidden} }}", inputs, blobs)
    assert np.allclose(got, np.stack(want), atol=1e-5)


def test_rnn(tmp_path: Path) -> None:
    time, batch, width, hidden = 3, 2, 3, 4
    x, cont = rng(time, batch, width), np.float32([[0, 0], [1, 1], [1, 0]])
    w, b, r, wo, bo = rng(hidden, width), rng(hidden), rng(hidden, hidden, seed=1), rng(hidden, hidden, seed=2), rng(hidden, seed=3)
    h, want = np.zeros((batch, hidden)), []
    for t in range(time):
        h = np.tanh(x[t] @ w.T + b + (cont[t][:, None] * h) @ r.T)
        want.append(np.tanh(h @ wo.T + bo))
    (got,) = apply(tmp_path, f"RNN recurrent_param {{ num_output: {hidden} }}", [x, cont], [w, b, r, wo, bo])
    assert np.allclose(got, np.stack(want), atol=1e-5)


def test_prior_box(tmp_path: Path) -> None:
    text = "PriorBox prior_box_param { min_size: 30 max_size: 60 aspect_ratio: 2 clip: true "
    text += "variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 }"
    (got,) = apply(tmp_path, text, [rng(1, 8, 2, 3), rng(1, 3, 100, 150)])
    want = []
    for i in range(2):
        for j in range(3):
            cx, cy = (j + 0.5) * 50, (i + 0.5) * 50
            for w, h in [(30, 30), (math.sqrt(1800),) * 2, (30 * 2**0.5, 30 / 2**0.5), (30 / 2**0.5, 30 * 2**0.5)]:
                want += [(cx - w / 2) / 150, (cy - h / 2) / 100, (cx + w / 2) / 150, (cy + h / 2) / 100]
    assert got.shape == (1, 2, len(want))
    assert np.allclose(got[0, 0], np.clip(want, 0, 1), atol=1e-6)
    assert np.allclose(got[0, 1].reshape(-1, 4), [0.1, 0.1, 0.2, 0.2])


def test_constants_in_the_network(tmp_path: Path) -> None:
    text = """
    input: "x" input_shape { dim: 2 dim: 3 }
    layer { name: "d" type: "DummyData" top: "d" dummy_data_param { shape { dim: 2 dim: 3 } data_filler { type: "constant" value: 1.5 } } }
    layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 2 dim: 3 } } }
    layer { name: "s" type: "Eltwise" bottom: "x" bottom: "d" bottom: "p" top: "s" }
    """
    x, p = rng(2, 3), rng(2, 3, seed=1)
    graph = converters.load(save(tmp_path, text, {"p": [p]}))
    assert np.allclose(run_graph(graph, {"x": x})["s"], x + 1.5 + p)


def test_every_converter_has_a_case() -> None:
    used = {c.layer.split()[0] for c in CASES.values()}
    text = "".join(p.read_text() for p in Path(__file__).parent.glob("test_*.py"))
    groups: dict[object, list[str]] = {}
    for kind in REGISTRY.supported():
        groups.setdefault(REGISTRY.find(kind), []).append(kind)
    missing = [kinds for kinds in groups.values() if not any(k in used or f'"{k}"' in text or f'"{k} ' in text for k in kinds)]
    assert missing == []
