"""Attention operators of ONNX Runtime's own domain against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from edgekit import converters
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.onnx.models import node
from tests.converters.onnx.peer import MS, check, microsoft_model

F = np.float32
R = np.random.default_rng(9)
B, S, H, D = 2, 4, 3, 8


def real(*shape: int) -> Array:
    return R.standard_normal(shape).astype(F)


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize(
    ("mask", "past"), [("", False), ("lengths", False), ("keys", False), ("queries", False), ("", True), ("keys", True), ("queries", True)]
)
def test_attention(tmp_path: Path, mask: str, causal: int, past: bool) -> None:
    hidden, keep = H * D, 3 if past else 0
    feeds = {"x": real(B, S, 10)}
    if mask:
        feeds["m"] = {
            "lengths": np.array([S - 1, S], np.int32),
            "keys": np.array([[1] * (S + keep - 2) + [0] * 2, [1] * (S + keep)], np.int32),
            "queries": np.tril(np.ones((B, S, S + keep), np.int32), keep),
        }[mask]
    if past:
        feeds["p"] = real(2, B, H, keep, D)
    names = ["x", "w", "b", "m" if mask else "", *(["p"] if past else [])]
    constants = {"w": real(10, 3 * hidden) / 4, "b": real(3 * hidden)}
    check(tmp_path, "Attention", names, feeds, constants, ["y", "present"] if past else ["y"], num_heads=H, unidirectional=causal)


def test_attention_with_a_bias_and_a_scale(tmp_path: Path) -> None:
    feeds = {"x": real(B, S, 10), "e": real(B, H, S, S)}
    constants = {"w": real(10, 3 * H * D) / 4, "b": real(3 * H * D)}
    check(tmp_path, "Attention", ["x", "w", "b", "", "", "e"], feeds, constants, ["y"], num_heads=H, scale=0.5)


@pytest.mark.parametrize("past", [False, True])
def test_quantized_attention(tmp_path: Path, past: bool) -> None:
    feeds = {"x": R.integers(0, 256, (B, S, 16)).astype(np.uint8)}
    if past:
        feeds["p"] = real(2, B, H, 3, D)
    constants = {
        "w": R.integers(-127, 128, (16, 3 * H * D)).astype(np.int8), "b": real(3 * H * D), "xs": np.array(0.02, F), "ws": np.array(0.01, F),
        "xz": np.array(128, np.uint8), "wz": np.array(0, np.int8),
    }  # fmt: skip
    names = ["x", "w", "b", "xs", "ws", "", "xz", "wz", *(["p"] if past else [])]
    check(tmp_path, "QAttention", names, feeds, constants, ["y", "present"] if past else ["y"], num_heads=H, unidirectional=int(past))


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("case", ["plain", "bias", "lengths", "keys", "added", "past", "heads"])
def test_multi_head(tmp_path: Path, case: str, causal: int) -> None:
    length = S if causal else 5
    feeds = {"q": real(B, S, H * D), "k": real(B, length, H * D), "v": real(B, length, H * D)}
    constants: dict[str, Array] = {}
    names, outputs = ["q", "k", "v"], ["y"]
    if case == "bias":
        constants["b"] = real(3 * H * D)
        names += ["b"]
    if case == "lengths":
        feeds["m"] = np.array([length - 2, length], np.int32)
        names += ["", "m"]
    if case == "keys":
        feeds["m"] = np.array([[1] * (length - 1) + [0], [1] * length], np.int32)
        names += ["", "m"]
    if case == "added":
        feeds["e"] = real(1, H, S, length)
        names += ["", "", "e"]
    if case == "past":
        feeds |= {"pk": real(B, H, 3, D), "pv": real(B, H, 3, D)}
        names += ["", "", "", "pk", "pv"]
        outputs += ["k2", "v2"]
    if case == "heads":
        feeds |= {"k": real(B, H, length, D), "v": real(B, H, length, D)}
    check(tmp_path, "MultiHeadAttention", names, feeds, constants, outputs, num_heads=H, unidirectional=causal)


def test_packed_tensors_mean_the_same() -> None:
    """ONNX Runtime has no CPU kernel for them."""
    q, k, v = real(B, S, H * D), real(B, S, H * D), real(B, S, H * D)

    def ran(feeds: Mapping[str, Array]) -> Array:
        nodes = [node("MultiHeadAttention", list(feeds), ["y"], domain=MS, num_heads=H)]
        return run_graph(converters.load(microsoft_model(nodes, feeds, ["y"])), feeds)["y"]

    want = ran({"q": q, "k": k, "v": v})
    for tensors in ((q, k, v), (k, v)):
        packed = np.stack([t.reshape(B, S, H, D) for t in tensors], 3)
        feeds = {"q": packed} if len(tensors) == 3 else {"q": q, "k": packed}
        assert np.allclose(ran(feeds), want, 1e-6, 1e-6)


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("positions", ["first", "each"])
@pytest.mark.parametrize("form", ["joined", "heads", "partial"])
def test_rotary(tmp_path: Path, interleaved: int, positions: str, form: str) -> None:
    width = 4 if form == "partial" else D
    at = np.array([2], np.int64) if positions == "first" else R.integers(0, 10, (B, S))
    feeds = {"x": real(B, H, S, D) if form == "heads" else real(B, S, H * D), "p": at}
    constants = {"c": real(10, width // 2), "s": real(10, width // 2)}
    extra = {"num_heads": H, "rotary_embedding_dim": width} if form == "partial" else {}
    check(tmp_path, "RotaryEmbedding", ["x", "p", "c", "s"], feeds, constants, ["y"], interleaved=interleaved, **extra)


@pytest.mark.parametrize("rotary", [0, 1])
@pytest.mark.parametrize("window", [-1, 3])
@pytest.mark.parametrize("case", ["prompt", "packed", "step"])
def test_grouped_queries(tmp_path: Path, rotary: int, window: int, case: str) -> None:
    heads, groups, past = 4, 2, 5
    new = 1 if case == "step" else S
    size = 16
    feeds: dict[str, Array] = {"q": real(B, new, heads * size), "k": real(B, new, groups * size), "v": real(B, new, groups * size)}
    if case == "packed":
        feeds = {"q": real(B, new, (heads + 2 * groups) * size)}
    total = new + (past if case == "step" else 0)
    feeds["pk"] = real(B, groups, past if case == "step" else 0, size)
    feeds["pv"] = real(B, groups, past if case == "step" else 0, size)
    constants = {"last": np.full(B, total - 1, np.int32), "total": np.array(total, np.int32)}
    names = ["q", "" if case == "packed" else "k", "" if case == "packed" else "v", "pk", "pv", "last", "total"]
    if rotary:
        constants |= {"c": real(12, size // 2), "s": real(12, size // 2)}
        names += ["c", "s"]
    check(
        tmp_path, "GroupQueryAttention", names, feeds, constants, ["y", "k2", "v2"], num_heads=heads, kv_num_heads=groups, do_rotary=rotary,
        local_window_size=window,
    )  # fmt: skip
