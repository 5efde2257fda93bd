"""Every operator converter against its meaning in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from edgekit.types import Array
from tests.converters.mxnet.models import apply
from tests.converters.numpy_layers import conv2d, deconv2d, normal, pool2d, rng, sigmoid, softmax

TOLERANCE = 2e-5


class Case(NamedTuple):
    """One node: what it reads, its weights and parameters, and what it gives."""

    op: str
    inputs: Sequence[Array]
    expected: Callable[..., Any]
    weights: Sequence[Array] = ()
    attrs: dict[str, Any] = {}
    outputs: int = 1


X = rng(2, 4, 5, 6)
M = rng(3, 4)
V = rng(4)


def adaptive(x: Array, oh: int, ow: int) -> Array:
    h, w = x.shape[2:]
    y = np.zeros((*x.shape[:2], oh, ow))
    for i in range(oh):
        for j in range(ow):
            y[:, :, i, j] = x[:, :, i * h // oh : -(-(i + 1) * h // oh), j * w // ow : -(-(j + 1) * w // ow)].mean(axis=(2, 3))
    return y


def upsample(x: Array, s: int) -> Array:
    return x.repeat(s, axis=2).repeat(s, axis=3)


W33 = rng(6, 4, 3, 3)
CASES = {
    "conv": Case(
        "Convolution",
        [X],
        lambda x, w, b: conv2d(x, w, b, 2, 1),
        [W33, rng(6)],
        {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "num_filter": 6},
    ),
    "conv_dilated_groups": Case(
        "Convolution",
        [X],
        lambda x, w: conv2d(x, w, dilate=2, groups=2),
        [rng(6, 2, 2, 2)],
        {"kernel": (2, 2), "dilate": (2, 2), "num_group": 2, "num_filter": 6, "no_bias": True},
    ),
    "conv_nhwc": Case(
        "Convolution",
        [rng(2, 5, 6, 4)],
        lambda x, w: conv2d(x.transpose(0, 3, 1, 2), w.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1),
        [rng(6, 3, 3, 4)],
        {"kernel": (3, 3), "num_filter": 6, "no_bias": True, "layout": "NHWC"},
    ),
    "conv_1d": Case(
        "Convolution",
        [rng(2, 4, 7)],
        lambda x, w, b: conv2d(x[:, :, None], w[:, :, None], b)[:, :, 0],
        [rng(5, 4, 3), rng(5)],
        {"kernel": (3,), "num_filter": 5},
    ),
    "deconv": Case(
        "Deconvolution",
        [X],
        lambda x, w: deconv2d(x, w, 2, 1, 1),
        [rng(4, 3, 3, 3)],
        {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "adj": (1, 1), "num_filter": 3},
    ),
    "deconv_groups": Case(
        "Deconvolution",
        [X],
        lambda x, w: deconv2d(x, w, 2, 1, groups=2),
        [rng(4, 3, 4, 4)],
        {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1), "num_filter": 6, "num_group": 2},
    ),
    "deconv_target": Case(
        "Deconvolution",
        [X],
        lambda x, w: deconv2d(x, w, 2, 1),
        [rng(4, 3, 4, 4)],
        {"kernel": (4, 4), "stride": (2, 2), "target_shape": (10, 12), "num_filter": 3},
    ),
    "fc": Case("FullyConnected", [X], lambda x, w, b: x.reshape(2, -1) @ w.T + b, [rng(3, 120), rng(3)], {"num_hidden": 3}),
    "fc_last": Case("FullyConnected", [X], lambda x, w: x @ w.T, [rng(3, 6)], {"num_hidden": 3, "flatten": False, "no_bias": True}),
    "pool_max": Case(
        "Pooling", [X], lambda x: pool2d(x, 3, 2, 1, "max"), (), {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": "max"}
    ),
    "pool_max_full": Case(
        "Pooling",
        [X],
        lambda x: pool2d(x, 2, 2, 0, "max", True),
        (),
        {"kernel": (2, 2), "stride": (2, 2), "pool_type": "max", "pooling_convention": "full"},
    ),
    "pool_avg": Case(
        "Pooling", [X], lambda x: pool2d(x, 3, 2, 1, "avg"), (), {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": "avg"}
    ),
    "pool_avg_full": Case(
        "Pooling",
        [X],
        lambda x: pool2d(x, 3, 2, 1, "avg", True),
        (),
        {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": "avg", "pooling_convention": "full"},
    ),
    "pool_avg_inside": Case(
        "Pooling",
        [X],
        lambda x: pool2d(x, 3, 2, 1, "avg", count_pads=False),
        (),
        {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": "avg", "count_include_pad": False},
    ),
    "pool_sum_full": Case(
        "Pooling",
        [X],
        lambda x: pool2d(x, 3, 2, 1, "sum", True),
        (),
        {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": "sum", "pooling_convention": "full"},
    ),
    "pool_lp": Case("Pooling", [X], lambda x: pool2d(x, 2, 1, 0, "lp"), (), {"kernel": (2, 2), "pool_type": "lp", "p_value": 2}),
    "pool_l1": Case("Pooling", [X], lambda x: pool2d(x, 2, 1, 0, "sum"), (), {"kernel": (2, 2), "pool_type": "lp", "p_value": 1}),
    "pool_nhwc": Case(
        "Pooling",
        [rng(2, 5, 6, 4)],
        lambda x: pool2d(x.transpose(0, 3, 1, 2), 2, 2, 0, "max").transpose(0, 2, 3, 1),
        (),
        {"kernel": (2, 2), "stride": (2, 2), "layout": "NHWC"},
    ),
    "pool_global": Case(
        "Pooling", [X], lambda x: x.mean((2, 3), keepdims=True), (), {"kernel": (7, 7), "global_pool": True, "pool_type": "avg"}
    ),
    "pool_global_max": Case("Pooling", [X], lambda x: x.max((2, 3), keepdims=True), (), {"global_pool": "True", "pool_type": "max"}),
    "pool_global_lp": Case(
        "Pooling",
        [X],
        lambda x: np.cbrt((x**3).sum((2, 3), keepdims=True)),
        (),
        {"global_pool": "True", "pool_type": "lp", "p_value": 3},
    ),
    "adaptive": Case("_contrib_AdaptiveAvgPooling2D", [X], lambda x: adaptive(x, 2, 4), (), {"output_size": (2, 4)}),
    "adaptive_even": Case("_contrib_AdaptiveAvgPooling2D", [X], lambda x: adaptive(x, 5, 3), (), {"output_size": (5, 3)}),
    "batch_norm": Case(
        "BatchNorm",
        [X],
        lambda x, g, b, m, v: (x - m[:, None, None]) / np.sqrt(v[:, None, None] + 1e-3) * g[:, None, None] + b[:, None, None],
        [V, rng(4, seed=1), rng(4, seed=2), rng(4, seed=3, low=0.5)],
        {"fix_gamma": False},
    ),
    "batch_norm_fixed": Case(
        "BatchNorm",
        [X],
        lambda x, g, b, m, v: (x - m[:, None, None]) / np.sqrt(v[:, None, None] + 0.1) + b[:, None, None],
        [V, rng(4, seed=1), rng(4, seed=2), rng(4, seed=3, low=0.5)],
        {"eps": 0.1},
    ),
    "batch_norm_matrix": Case(
        "BatchNorm",
        [M],
        lambda x, g, b, m, v: (x - m) / np.sqrt(v + 1e-3) * g + b,
        [V, rng(4, seed=1), rng(4, seed=2), rng(4, seed=3, low=0.5)],
        {"fix_gamma": False},
    ),
    "batch_norm_last": Case(
        "BatchNorm",
        [rng(2, 3, 5, 4)],
        lambda x, g, b, m, v: (x - m) / np.sqrt(v + 1e-3) * g + b,
        [V, rng(4, seed=1), rng(4, seed=2), rng(4, seed=3, low=0.5)],
        {"fix_gamma": False, "axis": -1},
    ),
    "layer_norm": Case("LayerNorm", [M], lambda x, g, b: normal(x, (1,), 1e-5) * g + b, [V, rng(4, seed=1)]),
    "layer_norm_axis": Case(
        "LayerNorm", [X], lambda x, g, b: normal(x, (1,), 1e-5) * g[:, None, None] + b[:, None, None], [V, rng(4, seed=1)], {"axis": 1}
    ),
    "instance_norm": Case(
        "InstanceNorm", [X], lambda x, g, b: normal(x, (2, 3), 1e-3) * g[:, None, None] + b[:, None, None], [V, rng(4, seed=1)]
    ),
    "group_norm": Case(
        "GroupNorm",
        [X],
        lambda x, g, b: normal(x.reshape(2, 2, -1), (2,), 1e-5).reshape(x.shape) * g.repeat(2)[:, None, None] + b.repeat(2)[:, None, None],
        [rng(2), rng(2, seed=1)],
        {"num_groups": 2},
    ),
    "l2_instance": Case("L2Normalization", [X], lambda x: x / np.sqrt((x**2).sum((1, 2, 3), keepdims=True) + 1e-10)),
    "l2_channel": Case("L2Normalization", [X], lambda x: x / np.sqrt((x**2).sum(1, keepdims=True) + 1e-10), (), {"mode": "channel"}),
    "l2_spatial": Case("L2Normalization", [X], lambda x: x / np.sqrt((x**2).sum((2, 3), keepdims=True) + 1e-10), (), {"mode": "spatial"}),
    "lrn": Case(
        "LRN",
        [X],
        lambda x: (
            x
            / (
                2
                + 1e-2
                / 3
                * (
                    x**2
                    + np.pad(x, [(0, 0), (1, 0), (0, 0), (0, 0)])[:, :-1] ** 2
                    + np.pad(x, [(0, 0), (0, 1), (0, 0), (0, 0)])[:, 1:] ** 2
                )
            )
            ** 0.75
        ),
        (),
        {"nsize": 3, "alpha": 0.01},
    ),
    "leaky": Case("LeakyReLU", [X], lambda x: np.where(x > 0, x, 0.25 * x)),
    "prelu": Case("LeakyReLU", [X], lambda x, g: np.where(x > 0, x, g[:, None, None] * x), [V], {"act_type": "prelu"}),
    "prelu_one": Case("LeakyReLU", [X], lambda x, g: np.where(x > 0, x, g * x), [rng(1)], {"act_type": "prelu"}),
    "elu": Case("LeakyReLU", [X], lambda x: np.where(x > 0, x, 0.5 * np.expm1(x)), (), {"act_type": "elu", "slope": 0.5}),
    "selu": Case(
        "LeakyReLU", [X], lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)), (), {"act_type": "selu"}
    ),
    "rrelu": Case(
        "LeakyReLU", [X], lambda x: np.where(x > 0, x, 0.2 * x), (), {"act_type": "rrelu", "lower_bound": 0.1, "upper_bound": 0.3}
    ),
    "gelu": Case("LeakyReLU", [M], lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))), (), {"act_type": "gelu"}),
    "softrelu": Case("Activation", [X], lambda x: np.log1p(np.exp(x)), (), {"act_type": "softrelu"}),
    "log_sigmoid": Case("Activation", [X], lambda x: -np.log1p(np.exp(-x)), (), {"act_type": "log_sigmoid"}),
    "softmax_output": Case("SoftmaxOutput", [M], softmax),
    "softmax_output_flat": Case("SoftmaxOutput", [X], lambda x: softmax(x.reshape(2, -1)).reshape(x.shape)),
    "softmax_output_multi": Case("SoftmaxOutput", [X], lambda x: softmax(x, 1), (), {"multi_output": True}),
    "softmax_activation": Case("SoftmaxActivation", [X], lambda x: softmax(x, 1), (), {"mode": "channel"}),
    "softmax_temperature": Case("softmax", [X], lambda x: softmax(x / 2, 1), (), {"axis": 1, "temperature": 2}),
    "softmax_length": Case(
        "softmax",
        [M, np.array([2, 4, 1], np.int32)],
        lambda x, n: np.stack([np.pad(softmax(r[:k]), (0, 4 - k)) for r, k in zip(x, n, strict=True)]),
        (),
        {"use_length": True},
    ),
    "log_softmax": Case("log_softmax", [X], lambda x: np.log(softmax(x, 2)), (), {"axis": 2}),
    "softmin": Case("softmin", [M], lambda x: softmax(-x)),
    "logistic": Case("LogisticRegressionOutput", [M], lambda x: 1 / (1 + np.exp(-x))),
    "dropout": Case("Dropout", [M], lambda x: x, (), {"p": 0.5}),
    "flatten": Case("Flatten", [X], lambda x: x.reshape(2, -1)),
    "reshape_codes": Case("Reshape", [X], lambda x: x.reshape(2, 20, 6), (), {"shape": (0, -3, -2)}),
    "reshape_split": Case("Reshape", [X], lambda x: x.reshape(2, 2, 2, 5, 6), (), {"shape": (0, -4, 2, -1, -2)}),
    "reshape_reverse": Case("Reshape", [rng(10, 5, 4)], lambda x: x.reshape(50, 4), (), {"shape": (-1, 0), "reverse": True}),
    "reshape_rest": Case("reshape", [X], lambda x: x.reshape(8, 30), (), {"shape": (8, -1)}),
    "transpose": Case("transpose", [X], lambda x: x.transpose(0, 2, 3, 1), (), {"axes": (0, 2, 3, 1)}),
    "transpose_all": Case("transpose", [X], lambda x: x.T),
    "swap": Case("SwapAxis", [X], lambda x: x.swapaxes(1, 3), (), {"dim1": 1, "dim2": 3}),
    "concat": Case("Concat", [X, rng(2, 1, 5, 6)], lambda a, b: np.concatenate([a, b], 1), (), {"dim": 1, "num_args": 2}),
    "split": Case("SliceChannel", [X], lambda x: np.split(x, 2, 1), (), {"num_outputs": 2}, 2),
    "split_squeeze": Case("SliceChannel", [M], lambda x: [x[:, i] for i in range(4)], (), {"num_outputs": 4, "squeeze_axis": True}, 4),
    "split_v2": Case("_split_v2", [M], lambda x: [x[:, :1], x[:, 1:]], (), {"indices": (0, 1), "axis": 1}, 2),
    "slice": Case(
        "slice", [X], lambda x: x[:, 1:3, ::-2], (), {"begin": "(None, 1, None)", "end": "(None, 3, None)", "step": "(None, 1, -2)"}
    ),
    "slice_axis": Case("slice_axis", [X], lambda x: x[:, :, 1:-1], (), {"axis": 2, "begin": 1, "end": -1}),
    "slice_like": Case("slice_like", [X, rng(1, 4, 3, 2)], lambda x, y: x[:, :, :3, :2], (), {"axes": (2, 3)}),
    "crop": Case("Crop", [X], lambda x: x[:, :, 1:4, 2:4], (), {"offset": (1, 2), "h_w": (3, 2), "num_args": 1}),
    "crop_center": Case("Crop", [X, rng(2, 1, 3, 4)], lambda x, y: x[:, :, 1:4, 1:5], (), {"center_crop": True, "num_args": 2}),
    "expand": Case("expand_dims", [M], lambda x: x[:, None], (), {"axis": 1}),
    "squeeze": Case("squeeze", [rng(2, 1, 3, 1)], lambda x: x[:, 0, :, 0]),
    "stack": Case("stack", [M, M + 1], lambda a, b: np.stack([a, b], 1), (), {"axis": 1, "num_args": 2}),
    "tile": Case("tile", [M], lambda x: np.tile(x, (2, 1, 3)), (), {"reps": (2, 1, 3)}),
    "repeat": Case("repeat", [M], lambda x: x.repeat(2, 1), (), {"repeats": 2, "axis": 1}),
    "pad": Case(
        "Pad",
        [X],
        lambda x: np.pad(x, [(0, 0), (0, 0), (1, 2), (3, 0)], constant_values=1.5),
        (),
        {"mode": "constant", "pad_width": (0, 0, 0, 0, 1, 2, 3, 0), "constant_value": 1.5},
    ),
    "pad_reflect": Case(
        "Pad",
        [X],
        lambda x: np.pad(x, [(0, 0), (0, 0), (1, 2), (3, 0)], "reflect"),
        (),
        {"mode": "reflect", "pad_width": (0, 0, 0, 0, 1, 2, 3, 0)},
    ),
    "reverse": Case("reverse", [M], lambda x: x[:, ::-1], (), {"axis": 1}),
    "broadcast_to": Case("broadcast_to", [rng(1, 4)], lambda x: np.broadcast_to(x, (3, 4)), (), {"shape": (3, 0)}),
    "upsampling": Case("UpSampling", [X], lambda x: upsample(x, 2), (), {"scale": 2, "sample_type": "nearest", "num_args": 1}),
    "upsampling_many": Case(
        "UpSampling",
        [X, rng(2, 1, 10, 12)],
        lambda a, b: np.concatenate([upsample(a, 2), b], 1),
        (),
        {"scale": 2, "sample_type": "nearest", "num_args": 2},
    ),
    "upsampling_bilinear": Case(
        "UpSampling",
        [X],
        lambda x, w: deconv2d(x, w, 2, 1, groups=4),
        [rng(4, 1, 4, 4)],
        {"scale": 2, "sample_type": "bilinear", "num_args": 2, "num_filter": 4},
    ),
    "add": Case("elemwise_add", [X, X * 2], lambda a, b: a + b),
    "old_add": Case("_Plus", [X, X * 2], lambda a, b: a + b),
    "broadcast_div": Case("broadcast_div", [X, rng(1, 4, 1, 1)], lambda a, b: a / b),
    "rminus": Case("_RMinusScalar", [X], lambda x: 3 - x, (), {"scalar": 3}),
    "rdiv": Case("_rdiv_scalar", [X], lambda x: 3 / x, (), {"scalar": 3}),
    "power": Case("_power_scalar", [np.abs(X)], lambda x: x**1.5, (), {"scalar": 1.5}),
    "greater": Case("_greater_scalar", [X], lambda x: (x > 0.5).astype(np.float32), (), {"scalar": 0.5}),
    "not_equal": Case("broadcast_not_equal", [np.float32([[1, 2]]), np.float32([[1], [2]])], lambda a, b: (a != b).astype(np.float32)),
    "numpy_divide": Case("_npi_true_divide_scalar", [np.arange(6, dtype=np.int32)], lambda x: x / 4, (), {"scalar": 4}),
    "add_n": Case("add_n", [X, X, X], lambda a, b, c: a + b + c),
    "clip": Case("clip", [X], lambda x: x.clip(-0.5, 1), (), {"a_min": -0.5, "a_max": 1}),
    "round": Case("round", [np.float32([-1.5, 1.5, -1.9, 0.5, 2.1])], lambda x: np.float32([-2, 2, -2, 1, 2])),
    "rint": Case("rint", [np.float32([-1.5, 1.5, -1.9, 1.9, 2.1])], lambda x: np.float32([-2, 1, -2, 2, 2])),
    "fix": Case("fix", [X], np.trunc),
    "rsqrt": Case("rsqrt", [np.abs(X) + 0.1], lambda x: 1 / np.sqrt(x)),
    "log2": Case("log2", [np.abs(X) + 0.1], np.log2),
    "cbrt": Case("cbrt", [X], np.cbrt),
    "smooth_l1": Case("smooth_l1", [X], lambda x: np.where(np.abs(x) < 1 / 4, 2 * x * x, np.abs(x) - 1 / 8), (), {"scalar": 2}),
    "cast": Case("Cast", [X * 10], lambda x: x.astype(np.int32), (), {"dtype": "int32"}),
    "where": Case("where", [np.float32([0, 1, 1]), M, -M], lambda c, a, b: np.where(c[:, None] != 0, a, b)),
    "sum": Case("sum", [X], lambda x: x.sum((1, 3)), (), {"axis": (1, 3)}),
    "sum_all": Case("sum", [X], lambda x: x.sum().reshape(1)),
    "mean_exclude": Case("mean", [X], lambda x: x.mean((0, 2, 3), keepdims=True), (), {"axis": 1, "exclude": True, "keepdims": True}),
    "norm": Case("norm", [X], lambda x: np.sqrt((x**2).sum(1)), (), {"axis": 1}),
    "argmax": Case("argmax", [X], lambda x: x.argmax(1).astype(np.float32), (), {"axis": 1}),
    "topk": Case(
        "topk", [M], lambda x: [-np.sort(-x, 1)[:, :2], np.argsort(-x, 1)[:, :2].astype(np.float32)], (), {"k": 2, "ret_typ": "both"}, 2
    ),
    "topk_mask": Case("topk", [M], lambda x: (x >= -np.sort(-x, 1)[:, 1:2]).astype(np.float32), (), {"k": 2, "ret_typ": "mask"}),
    "argsort": Case("argsort", [M], lambda x: np.argsort(x, 1).astype(np.float32)),
    "dot": Case("dot", [M, rng(3, 5)], lambda a, b: a.T @ b, (), {"transpose_a": True}),
    "dot_nd": Case("dot", [M, rng(4, 2, 3)], lambda a, b: np.tensordot(a, b, 1)),
    "batch_dot": Case("batch_dot", [rng(2, 3, 4), rng(2, 5, 4)], lambda a, b: a @ b.swapaxes(1, 2), (), {"transpose_b": True}),
    "embedding": Case("Embedding", [np.float32([[0, 2], [1, 1]])], lambda i, w: w[i.astype(int)], [M], {"input_dim": 3, "output_dim": 4}),
    "take": Case("take", [M, np.float32([0, 7, -2])], lambda x, i: x[[0, 2, 0]]),
    "take_wrap": Case("take", [M, np.float32([0, 4, -2])], lambda x, i: x[[0, 1, 1]], (), {"mode": "wrap"}),
    "pick": Case("pick", [M, np.float32([0, 3, 1])], lambda x, i: x[[0, 1, 2], [0, 3, 1]]),
    "gather_nd": Case("gather_nd", [M, np.float32([[0, 2], [1, 3]])], lambda x, i: x[[0, 2], [1, 3]]),
    "one_hot": Case("one_hot", [np.float32([0, 2, -1])], lambda i: np.float32([[1, 0, 0], [0, 0, 1], [0, 0, 0]]), (), {"depth": 3}),
    "sequence_mask": Case(
        "SequenceMask",
        [rng(4, 3, 2), np.float32([1, 4, 2])],
        lambda x, n: np.where(np.arange(4)[:, None, None] < n[None, :, None], x, -1),
        (),
        {"use_sequence_length": True, "value": -1},
    ),
    "sequence_last": Case(
        "SequenceLast", [rng(4, 3, 2), np.float32([1, 4, 2])], lambda x, n: x[[0, 3, 1], [0, 1, 2]], (), {"use_sequence_length": True}
    ),
    "sequence_reverse": Case(
        "SequenceReverse",
        [rng(4, 3, 2), np.float32([1, 4, 2])],
        lambda x, n: np.stack([np.concatenate([x[:k, i][::-1], x[k:, i]]) for i, k in enumerate(n.astype(int))], 1),
        (),
        {"use_sequence_length": True},
    ),
    "arange_like": Case("_contrib_arange_like", [M], lambda x: np.arange(4, dtype=np.float32), (), {"axis": 1}),
    "depth_to_space": Case(
        "depth_to_space",
        [X],
        lambda x: x.reshape(2, 2, 2, 1, 5, 6).transpose(0, 3, 4, 1, 5, 2).reshape(2, 1, 10, 12),
        (),
        {"block_size": 2},
    ),
    "diag": Case("diag", [M], lambda x: np.diag(x, 1), (), {"k": 1}),
}


@pytest.mark.parametrize("name", CASES)
def test_operator(name: str, tmp_path: Path) -> None:
    c = CASES[name]
    want = c.expected(*c.inputs, *c.weights)
    wanted = list(want) if isinstance(want, list) else [want]
    got, _ = apply(tmp_path, c.op, c.inputs, c.weights, c.outputs, **c.attrs)
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted, strict=True):
        assert a.shape == b.shape
        assert np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE), float(np.abs(a - b).max())


@pytest.mark.parametrize(
    "op", ["exp", "log", "sqrt", "tanh", "sin", "arctan", "floor", "ceil", "abs", "sign", "negative", "square", "expm1", "log1p"]
)
def test_unary(op: str, tmp_path: Path) -> None:
    x = np.abs(M) + 0.1 if op in ("log", "sqrt", "log1p") else M
    (got,), _ = apply(tmp_path, op, [x])
    assert np.allclose(got, getattr(np, op)(x), rtol=TOLERANCE, atol=TOLERANCE)


def cell(mode: str, x: Array, h: Array, c: Array, w: Array, r: Array, bw: Array, br: Array) -> tuple[Array, Array]:
    """One step, as cuDNN's documentation defines it; gates LSTM i f g o, GRU r z n."""
    if mode == "gru":
        gx, gh = np.split(x @ w.T + bw, 3, 1), np.split(h @ r.T + br, 3, 1)
        reset, update = sigmoid(gx[0] + gh[0]), sigmoid(gx[1] + gh[1])
        return (1 - update) * np.tanh(gx[2] + reset * gh[2]) + update * h, c
    gates = x @ w.T + bw + h @ r.T + br
    if mode != "lstm":
        return (np.tanh(gates) if mode == "rnn_tanh" else np.maximum(gates, 0)), c
    i, f, g, o = np.split(gates, 4, 1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_fused_recurrent_layers(mode: str, directions: int, tmp_path: Path) -> None:
    time, batch, width, hidden, layers = 5, 2, 3, 4, 2
    gates = {"lstm": 4, "gru": 3}.get(mode, 1)
    x, h0, c0 = rng(time, batch, width), rng(layers * directions, batch, hidden, seed=1), rng(layers * directions, batch, hidden, seed=2)
    matrices, biases, seed = [], [], 3
    for layer in range(layers):
        read = width if layer == 0 else hidden * directions
        for _ in range(directions):
            matrices.append((rng(gates * hidden, read, seed=seed) / 2, rng(gates * hidden, hidden, seed=seed + 1) / 2))
            biases.append((rng(gates * hidden, seed=seed + 2), rng(gates * hidden, seed=seed + 3)))
            seed += 4
    packed = np.concatenate([a.ravel() for pair in (*matrices, *biases) for a in pair])
    want, last = x, []
    for layer in range(layers):
        sides = []
        for d in range(directions):
            k = layer * directions + d
            h, c, steps = h0[k], c0[k], []
            for t in range(time) if d == 0 else reversed(range(time)):
                h, c = cell(mode, want[t], h, c, *matrices[k], *biases[k])
                steps.append(h)
            sides.append(np.stack(steps if d == 0 else steps[::-1]))
            last.append((h, c))
        want = np.concatenate(sides, axis=2)
    states = [h0, c0] if mode == "lstm" else [h0]
    attrs = {"mode": mode, "state_size": hidden, "num_layers": layers, "bidirectional": directions == 2, "state_outputs": True}
    got, outputs = apply_rnn(tmp_path, x, packed, states, attrs)
    assert np.allclose(got[0], want, atol=1e-5)
    assert np.allclose(got[1], np.stack([h for h, _ in last]), atol=1e-5)
    assert outputs[:2] == ["node_output", "node_state"]
    if mode == "lstm":
        assert np.allclose(got[2], np.stack([c for _, c in last]), atol=1e-5)
        assert outputs[2] == "node_state_cell"


def apply_rnn(folder: Path, x: Array, packed: Array, states: Sequence[Array], attrs: dict[str, Any]) -> tuple[list[Array], list[str]]:
    from edgekit import converters
    from edgekit.reference import run_graph
    from tests.converters.mxnet.models import Net

    net = Net()
    data, weights = net.var("data"), net.var("weights", packed)
    first = [net.var(f"state{i}") for i in range(len(states))]
    index, _ = net.op("RNN", "node", data, weights, *first, **attrs)
    path = net.save(folder, *((index, k) for k in range(1 + len(states))))
    feeds = {"data": x, **{f"state{i}": s for i, s in enumerate(states)}}
    graph = converters.load(path, shapes={n: a.shape for n, a in feeds.items()})
    result = run_graph(graph, feeds)
    return list(result.values()), list(result)
