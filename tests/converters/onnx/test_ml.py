"""Operators of ai.onnx.ml, and counts of n-grams, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import converters
from edgekit.errors import MalformedModelError
from edgekit.reference import run_graph
from tests.converters.onnx.models import node
from tests.converters.onnx.peer import assert_as_onnxruntime, microsoft_model

MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")


def forest(trees: int, depth: int, features: int, targets: int, prefix: str, mixed: bool, seed: int = 0) -> dict[str, Any]:
    """Attributes of an ensemble of random trees, some of whose branches end early."""
    r = np.random.default_rng(seed)
    nodes: dict[str, list[Any]] = {
        k: [] for k in ("treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true")
    }
    votes: dict[str, list[Any]] = {k: [] for k in ("treeids", "nodeids", "ids", "weights")}

    def add(tree: int, left: int) -> int:
        me = len(nodes["nodeids"])
        for v in nodes.values():
            v.append(0)
        at = sum(1 for t in nodes["treeids"][:-1] if t == tree) if me else 0
        nodes["treeids"][me], nodes["nodeids"][me] = tree, at
        if left == 0 or (left < depth and r.random() < 0.2):
            nodes["modes"][me], nodes["values"][me] = "LEAF", 0.0
            for target in sorted({int(r.integers(targets)) for _ in range(2)}):
                for k, v in (("treeids", tree), ("nodeids", at), ("ids", target), ("weights", float(np.float32(r.standard_normal())))):
                    votes[k].append(v)
            return at
        nodes["modes"][me] = str(r.choice(MODES)) if mixed else "BRANCH_LEQ"
        nodes["featureids"][me], nodes["values"][me] = int(r.integers(features)), float(r.integers(-2, 3)) / 2
        nodes["missing_value_tracks_true"][me] = int(r.integers(2))
        nodes["truenodeids"][me], nodes["falsenodeids"][me] = add(tree, left - 1), add(tree, left - 1)
        return at

    for t in range(trees):
        add(t, depth)
    return {**{f"nodes_{k}": v for k, v in nodes.items()}, **{f"{prefix}_{k}": v for k, v in votes.items()}}


def samples(features: int) -> np.ndarray[Any, Any]:
    x = (np.random.default_rng(3).integers(-3, 4, (20, features)) / 2).astype(np.float32)
    x[5:8, 1] = np.nan
    return x


@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MIN", "MAX"])
@pytest.mark.parametrize("mixed", [False, True])
def test_regressor(tmp_path: Path, aggregate: str, mixed: bool) -> None:
    attrs = forest(5, 4, 4, 3, "target", mixed)
    # ONNX Runtime leaves the base value out where no tree votes for a target, as happens among the mixed trees
    base = [0.5, -1.0, 2.0] if aggregate in ("SUM", "AVERAGE") and not mixed else None
    extra = {"base_values": base} if base else {}
    n = node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=3, aggregate_function=aggregate, **attrs, **extra)
    x = samples(4)
    if mixed or aggregate in ("MIN", "MAX"):  # ONNX Runtime rewrites chains of BRANCH_EQ and loses where missing values go
        x = np.nan_to_num(x)
    assert_as_onnxruntime(microsoft_model([n], {"x": x}, ["y"]), {"x": x}, tmp_path)


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"])
def test_classifier(tmp_path: Path, transform: str) -> None:
    attrs = forest(6, 3, 4, 3, "class", False, seed=2)
    n = node(
        "TreeEnsembleClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml", post_transform=transform,
        classlabels_int64s=[7, 3, 11], **attrs,
    )  # fmt: skip
    x = np.nan_to_num(samples(4))
    assert_as_onnxruntime(microsoft_model([n], {"x": x}, ["label", "scores"]), {"x": x}, tmp_path)


@pytest.mark.parametrize(("transform", "sign"), [("NONE", 1), ("LOGISTIC", 0), ("LOGISTIC", 1), ("NONE", 0)])
def test_classifier_of_two_classes(tmp_path: Path, transform: str, sign: int) -> None:
    attrs = forest(4, 3, 4, 1, "class", False, seed=4)
    if sign:
        attrs["class_weights"] = [abs(w) / 4 for w in attrs["class_weights"]]
    n = node(
        "TreeEnsembleClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml", post_transform=transform,
        classlabels_int64s=[0, 1], **attrs,
    )  # fmt: skip
    x = np.nan_to_num(samples(4))
    assert_as_onnxruntime(microsoft_model([n], {"x": x}, ["label", "scores"]), {"x": x}, tmp_path)


def test_broken_trees() -> None:
    for key, value in (("nodes_truenodeids", 0), ("nodes_truenodeids", 99), ("nodes_featureids", 50), ("target_ids", 9)):
        attrs = forest(1, 3, 4, 3, "target", False)
        attrs[key][0] = value
        n = node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=3, **attrs)
        with pytest.raises(MalformedModelError):
            converters.load(microsoft_model([n], {"x": samples(4)}, ["y"]))


@pytest.mark.parametrize("mode", ["TF", "IDF", "TFIDF"])
@pytest.mark.parametrize(("shortest", "longest", "skips"), [(1, 1, 0), (2, 2, 3), (1, 3, 1), (1, 2, 5)])
@pytest.mark.parametrize("flat", [False, True])
def test_tf_idf(tmp_path: Path, mode: str, shortest: int, longest: int, skips: int, flat: bool) -> None:
    pool = [1, 2, 3, 1, 2, 2, 3, 3, 3, 1, 2, 3, 2, 2, 2]  # three of one token, three of two, two of three
    n = node(
        "TfIdfVectorizer", ["x"], ["y"], mode=mode, min_gram_length=shortest, max_gram_length=longest, max_skip_count=skips,
        ngram_counts=[0, 3, 9], ngram_indexes=[0, 1, 2, 3, 4, 5, 6, 7], pool_int64s=pool, weights=[0.5, 2, 3, 1, 1.5, 4, 7, 0.25],
    )  # fmt: skip
    x = np.random.default_rng(1).integers(1, 4, 9 if flat else (3, 9))
    assert_as_onnxruntime(microsoft_model([n], {"x": x}, ["y"]), {"x": x}, tmp_path)


def ml(op: str, outputs: list[str], **attrs: Any) -> Any:
    return node(op, ["x"], outputs, domain="ai.onnx.ml", **attrs)


@pytest.mark.parametrize(
    ("op", "attrs"),
    [
        ("Scaler", {"offset": [1.0, 2.0, 0.5], "scale": [0.5, 2.0, 1.0]}),
        ("Scaler", {"offset": [1.0], "scale": [0.25]}),
        ("Normalizer", {"norm": "L1"}),
        ("Normalizer", {"norm": "L2"}),
        ("Normalizer", {"norm": "MAX"}),
        ("Imputer", {"imputed_value_floats": [1.0, 2.0, 3.0], "replaced_value_float": float("nan")}),
        ("Imputer", {"imputed_value_floats": [7.0], "replaced_value_float": 1.0}),
        ("LinearRegressor", {"coefficients": [1.0, -2.0, 0.5, 3.0, 0.25, 1.0], "intercepts": [0.5, -1.0], "targets": 2}),
        ("LinearRegressor", {"coefficients": [1.0, -2.0, 0.5]}),
    ],
)
def test_features_and_regression(tmp_path: Path, op: str, attrs: dict[str, Any]) -> None:
    x = np.array([[1, 2, 3], [4, -5, 6], [0.5, 0.25, -1], [0, 0, 0]], np.float32)
    if op == "Imputer":
        x[1, 2] = np.nan
        x = x if np.isnan(attrs["replaced_value_float"]) else np.nan_to_num(x)
    if attrs.get("norm") == "MAX":
        x = np.abs(x)  # ONNX Runtime takes sizes, the text the largest element
    assert_as_onnxruntime(microsoft_model([ml(op, ["y"], **attrs)], {"x": x}, ["y"]), {"x": x}, tmp_path)


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC"])
@pytest.mark.parametrize("rows", [1, 3])
def test_linear_classifier(tmp_path: Path, transform: str, rows: int) -> None:
    if rows == 1 and transform == "SOFTMAX":
        transform = "LOGISTIC"
    r = np.random.default_rng(2)
    attrs = {
        "coefficients": [float(v) for v in r.standard_normal(rows * 4)], "intercepts": [float(v) for v in r.standard_normal(rows)],
        "classlabels_ints": [5, 2] if rows == 1 else [5, 2, 9], "post_transform": transform, "multi_class": 0,
    }  # fmt: skip
    x = r.standard_normal((12, 4)).astype(np.float32)
    proto = microsoft_model([ml("LinearClassifier", ["label", "scores"], **attrs)], {"x": x}, ["label", "scores"])
    assert_as_onnxruntime(proto, {"x": x}, tmp_path)


def test_a_list_of_dictionaries_becomes_a_tensor() -> None:
    x = np.random.default_rng(2).random((3, 2)).astype(np.float32)
    graph = converters.load(microsoft_model([ml("ZipMap", ["y"], classlabels_int64s=[0, 1])], {"x": x}, ["y"]))
    assert np.array_equal(run_graph(graph, {"x": x})["y"], x)
    assert "tensor of scores" in graph.metadata["source.notes"]
