"""Layers against numpy, from files written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.types import Array
from tests.converters.keras.files import layer, one_layer
from tests.require import require_module

RNG = np.random.default_rng(11)


def random(*shape: int) -> Array:
    return RNG.normal(0.0, 0.7, shape).astype(np.float32)


def check(folder: Path, description: dict[str, Any], arrays: list[Array], x: Array, want: Array, stored: str) -> None:
    """The layer gives ``want`` from both formats."""
    require_module("h5py", "h5py", "pip install edgekit[keras]")
    for got in one_layer(folder, description, arrays, x, stored):
        assert got[0].shape == want.shape
        np.testing.assert_allclose(got[0], want, rtol=1e-5, atol=1e-6)


def sigmoid(x: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def convolve(x: Array, w: Array, stride: int = 1, dilation: int = 1) -> Array:
    """[N, H, W, C] with [h, w, C, O], valid padding."""
    kh, kw = w.shape[:2]
    eh, ew = (kh - 1) * dilation + 1, (kw - 1) * dilation + 1
    rows, columns = (x.shape[1] - eh) // stride + 1, (x.shape[2] - ew) // stride + 1
    y = np.zeros((x.shape[0], rows, columns, w.shape[3]))
    for i in range(kh):
        for j in range(kw):
            part = x[:, i * dilation :, j * dilation :][:, : (rows - 1) * stride + 1 : stride, : (columns - 1) * stride + 1 : stride]
            y += part @ w[i, j]
    return y.astype(np.float32)


def test_dense_with_activation(tmp_path: Path) -> None:
    x, w, b = random(2, 5), random(5, 3), random(3)
    check(tmp_path, layer("Dense", "d", units=3, activation="relu"), [w, b], x, np.maximum(x @ w + b, 0), "dense")


def test_dense_without_bias_over_steps(tmp_path: Path) -> None:
    x, w = random(2, 4, 5), random(5, 3)
    check(tmp_path, layer("Dense", "d", units=3, use_bias=False), [w], x, x @ w, "dense")


def test_convolution(tmp_path: Path) -> None:
    x, w, b = random(2, 7, 6, 3), random(3, 2, 3, 4), random(4)
    config = {"filters": 4, "kernel_size": [3, 2], "strides": [1, 1], "padding": "valid", "data_format": "channels_last"}
    check(tmp_path, layer("Conv2D", "c", **config), [w, b], x, convolve(x, w) + b, "conv2d")


def test_convolution_with_same_padding_puts_the_odd_pad_behind(tmp_path: Path) -> None:
    x, w = random(2, 7, 8, 3), random(3, 2, 3, 4)
    config = {"filters": 4, "kernel_size": [3, 2], "strides": [2, 2], "padding": "same", "use_bias": False}
    padded = np.pad(x, [(0, 0), (1, 1), (0, 0), (0, 0)])
    check(tmp_path, layer("Conv2D", "c", **config), [w], x, convolve(padded, w, 2), "conv2d")


def test_convolution_with_channels_first(tmp_path: Path) -> None:
    x, w = random(2, 3, 7, 6), random(3, 3, 3, 4)
    config = {"filters": 4, "kernel_size": 3, "data_format": "channels_first", "use_bias": False}
    want = convolve(x.transpose(0, 2, 3, 1), w).transpose(0, 3, 1, 2)
    check(tmp_path, layer("Conv2D", "c", **config), [w], x, want, "conv2d")


def test_causal_convolution_sees_the_past_alone(tmp_path: Path) -> None:
    x, w = random(2, 8, 3), random(3, 3, 4)
    config = {"filters": 4, "kernel_size": [3], "padding": "causal", "dilation_rate": [2], "use_bias": False}
    padded = np.pad(x, [(0, 0), (4, 0), (0, 0)])[:, :, None]
    y = sum(padded[:, 2 * k : 2 * k + 8, 0] @ w[k] for k in range(3))
    check(tmp_path, layer("Conv1D", "c", **config), [w], x, np.asarray(y, np.float32), "conv1d")


def test_depthwise_convolution(tmp_path: Path) -> None:
    x, w, b = random(2, 6, 6, 3), random(3, 3, 3, 2), random(6)
    full = np.zeros((3, 3, 3, 6), np.float32)
    for c in range(3):
        full[:, :, c, 2 * c : 2 * c + 2] = w[:, :, c]
    config = {"kernel_size": [3, 3], "depth_multiplier": 2}
    check(tmp_path, layer("DepthwiseConv2D", "c", **config), [w, b], x, convolve(x, full) + b, "depthwise_conv2d")


def test_separable_convolution(tmp_path: Path) -> None:
    x, w, p, b = random(2, 6, 6, 3), random(3, 3, 3, 1), random(1, 1, 3, 5), random(5)
    full = np.zeros((3, 3, 3, 3), np.float32)
    for c in range(3):
        full[:, :, c, c] = w[:, :, c, 0]
    config = {"filters": 5, "kernel_size": [3, 3]}
    check(tmp_path, layer("SeparableConv2D", "c", **config), [w, p, b], x, convolve(x, full) @ p[0, 0] + b, "separable_conv2d")


def test_transposed_convolution(tmp_path: Path) -> None:
    x, w = random(2, 4, 5, 3), random(3, 3, 4, 3)
    y = np.zeros((2, 9, 11, 4), np.float32)
    for i in range(4):
        for j in range(5):
            y[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += np.einsum("nc,hwoc->nhwo", x[:, i, j], w)
    config = {"filters": 4, "kernel_size": [3, 3], "strides": [2, 2], "use_bias": False}
    check(tmp_path, layer("Conv2DTranspose", "c", **config), [w], x, y, "conv2d_transpose")
    same = layer("Conv2DTranspose", "c", padding="same", **config)
    check(tmp_path, same, [w], x, y[:, :8, :10], "conv2d_transpose")


@pytest.mark.parametrize("axis", [-1, 1])
def test_batch_normalization(axis: int, tmp_path: Path) -> None:
    x = random(2, 3, 4, 3)
    gamma, beta, mean, variance = random(3), random(3), random(3), np.abs(random(3)) + 0.1
    shape = (3,) if axis == -1 else (3, 1, 1)
    g, b, m, v = (a.reshape(shape) for a in (gamma, beta, mean, variance))
    want = (x - m) / np.sqrt(v + 1e-3) * g + b
    config = {"axis": axis, "epsilon": 1e-3, "center": True, "scale": True}
    check(tmp_path, layer("BatchNormalization", "n", **config), [gamma, beta, mean, variance], x, want, "batch_normalization")


def test_layer_normalization(tmp_path: Path) -> None:
    x, gamma, beta = random(2, 3, 5), random(5), random(5)
    want = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3) * gamma + beta
    check(tmp_path, layer("LayerNormalization", "n", axis=[-1], epsilon=1e-3), [gamma, beta], x, want, "layer_normalization")


def test_embedding(tmp_path: Path) -> None:
    x, table = RNG.integers(0, 9, (2, 5)).astype(np.int32), random(9, 4)
    check(tmp_path, layer("Embedding", "e", input_dim=9, output_dim=4), [table], x, table[x], "embedding")


def test_prelu_and_relu(tmp_path: Path) -> None:
    x, alpha = random(2, 4, 3), random(1, 3)
    check(tmp_path, layer("PReLU", "p", shared_axes=[1]), [alpha], x, np.where(x > 0, x, alpha * x), "p_re_lu")
    config = {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}
    want = np.where(x >= 1.0, 1.0, np.where(x >= 0.2, x, 0.1 * (x - 0.2)))
    check(tmp_path, layer("ReLU", "r", **config), [], x, want, "re_lu")


def test_layer_scale(tmp_path: Path) -> None:
    x, gamma = random(2, 4, 4, 3), random(3)
    check(tmp_path, layer("LayerScale", "s", init_values=1e-6, projection_dim=3), [gamma], x, x * gamma, "layer_scale")


def test_pooling_counts_no_padding(tmp_path: Path) -> None:
    x = random(2, 5, 4, 3)
    padded = np.pad(x, [(0, 0), (0, 1), (0, 0), (0, 0)], constant_values=np.nan)
    windows = padded.reshape(2, 3, 2, 2, 2, 3)
    config = {"pool_size": [2, 2], "strides": [2, 2], "padding": "same"}
    check(tmp_path, layer("AveragePooling2D", "p", **config), [], x, np.nanmean(windows, axis=(2, 4)), "average_pooling2d")
    check(tmp_path, layer("MaxPooling2D", "p", **config), [], x, np.nanmax(windows, axis=(2, 4)), "max_pooling2d")
    check(tmp_path, layer("GlobalAveragePooling2D", "p"), [], x, x.mean((1, 2)), "global_average_pooling2d")


def test_reshaping(tmp_path: Path) -> None:
    x = random(2, 3, 4, 5)
    check(tmp_path, layer("Flatten", "f"), [], x, x.reshape(2, -1), "flatten")
    check(tmp_path, layer("Reshape", "f", target_shape=[-1, 10]), [], x, x.reshape(2, 6, 10), "reshape")
    check(tmp_path, layer("Permute", "f", dims=[3, 1, 2]), [], x, x.transpose(0, 3, 1, 2), "permute")
    check(tmp_path, layer("Cropping2D", "f", cropping=[[1, 0], [1, 2]]), [], x, x[:, 1:, 1:2], "cropping2d")
    check(
        tmp_path,
        layer("ZeroPadding2D", "f", padding=[[1, 0], [1, 2]]),
        [],
        x,
        np.pad(x, [(0, 0), (1, 0), (1, 2), (0, 0)]),
        "zero_padding2d",
    )
    check(tmp_path, layer("UpSampling2D", "f", size=[2, 3]), [], x, x.repeat(2, 1).repeat(3, 2), "up_sampling2d")


def lstm(x: Array, w: Array, u: Array, b: Array, squash: Any = sigmoid, mask: Array | None = None) -> tuple[Array, Array, Array]:
    """Every output, and the last states: gates in the order input, forget, candidate, output."""
    n = u.shape[0]
    h = c = shown = np.zeros((x.shape[0], n))
    out = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ w + h @ u + b, 4, axis=1)
        c2 = squash(f) * c + squash(i) * np.tanh(g)
        h2 = squash(o) * np.tanh(c2)
        live = np.ones((len(x), 1), bool) if mask is None else mask[:, t, None]
        h, c, shown = np.where(live, h2, h), np.where(live, c2, c), np.where(live, h2, shown)
        out.append(shown)
    return np.stack(out, 1).astype(np.float32), h.astype(np.float32), c.astype(np.float32)


LSTM = {"units": 3, "activation": "tanh", "recurrent_activation": "sigmoid"}


def test_lstm(tmp_path: Path) -> None:
    x, w, u, b = random(2, 5, 4), random(4, 12), random(3, 12), random(12)
    y, h, c = lstm(x, w, u, b)
    check(tmp_path, layer("LSTM", "l", **LSTM), [w, u, b], x, h, "lstm/cell")
    both = layer("LSTM", "l", return_sequences=True, return_state=True, **LSTM)
    for got in one_layer(tmp_path, both, [w, u, b], x, "lstm/cell"):
        np.testing.assert_allclose(got[0], y, atol=1e-6)
    back, _, _ = lstm(x[:, ::-1], w, u, b)
    check(tmp_path, layer("LSTM", "l", return_sequences=True, go_backwards=True, **LSTM), [w, u, b], x, back, "lstm/cell")
    assert c.shape == h.shape


def test_hard_sigmoid_changed_with_keras_3(tmp_path: Path) -> None:
    require_module("h5py", "h5py", "pip install edgekit[keras]")
    x, w, u, b = random(2, 5, 4), random(4, 12), random(3, 12), random(12)
    config = {**LSTM, "recurrent_activation": "hard_sigmoid"}
    new, old = one_layer(tmp_path, layer("LSTM", "l", **config), [w, u, b], x, "lstm/cell")
    for got, slope in ((new, 1 / 6), (old, 0.2)):
        want = lstm(x, w, u, b, lambda v, s=slope: np.clip(s * v + 0.5, 0, 1))[1]
        np.testing.assert_allclose(got[0], want, atol=1e-6)


@pytest.mark.parametrize("after", [True, False])
def test_gru(after: bool, tmp_path: Path) -> None:
    x, w, u = random(2, 5, 4), random(4, 9), random(3, 9)
    b = random(2, 9) if after else random(9)
    bias = b if after else np.stack([b, np.zeros(9, np.float32)])
    h = np.zeros((2, 3))
    for t in range(5):
        xz, xr, xh = np.split(x[:, t] @ w + bias[0], 3, axis=1)
        hz, hr, hh = np.split(h @ u + bias[1], 3, axis=1)
        z, r = sigmoid(xz + hz), sigmoid(xr + hr)
        new = np.tanh(xh + r * hh) if after else np.tanh(xh + (r * h) @ u[:, 6:])
        h = z * h + (1 - z) * new
    config = {"units": 3, "activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": after}
    check(tmp_path, layer("GRU", "g", **config), [w, u, b], x, h.astype(np.float32), "gru/cell")


def test_activation_that_the_operator_lacks_runs_as_a_loop(tmp_path: Path) -> None:
    x, w, u, b = random(2, 5, 4), random(4, 3), random(3, 3), random(3)
    h = np.zeros((2, 3))
    for t in range(5):
        v = x[:, t] @ w + h @ u + b
        h = v * sigmoid(v)
    check(tmp_path, layer("SimpleRNN", "r", units=3, activation="swish"), [w, u, b], x, h.astype(np.float32), "simple_rnn/cell")
