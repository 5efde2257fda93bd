"""Ensembles of decision trees as matrix products: all conditions at once, then the leaf whose path they fulfil.

Every tree is padded to the same number of nodes and leaves. A leaf is reached when the conditions that its path wants to hold do and the
others do not: one product with a matrix of 1 (the true side), -1 (the false side) and 0. After Nakandala et al., "A Tensor Compiler for
Unified Machine Learning Prediction Serving" (2020), section 4.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, F64, I64, Array
from edgekit_converters.importing.node import MAX_COMPUTED_ELEMENTS
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.registry import converts

MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER")
COMPARISONS = ("LessOrEqual", "Less", "GreaterOrEqual", "Greater", "Equal", "Equal")
NEQ, MEMBER = 5, 6
AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
MAX_DEPTH = 4096


@dataclass
class Leaf:
    """A leaf and how to get there.

    Attributes:
        path: (node, whether its condition must hold) from the root on.
        votes: (target, weight).
    """

    path: tuple[tuple[int, bool], ...]
    votes: list[tuple[int, float]]


@dataclass
class Tree:
    """One tree: the numbers of its nodes in the ensemble's lists, and its leaves."""

    nodes: list[int] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)


@dataclass(frozen=True)
class Conditions:
    """One entry a node: feature, mode, threshold, and whether a missing value (NaN) takes the true side.

    ``members`` holds the set of each node of mode MEMBER, in order.
    """

    features: Array
    modes: Array
    thresholds: Array
    missing_true: Array
    members: list[Array]


@converts("TreeEnsemble", domain="ai.onnx.ml", since=5)
def tree_ensemble(ctx: NodeContext) -> Value:
    count = len(ctx.get_ints("nodes_featureids"))
    weights = ctx.get_tensor("leaf_weights").reshape(-1)
    targets = ctx.get_ints("leaf_targetids")
    sides = [ctx.get_ints(n) for n in ("nodes_truenodeids", "nodes_trueleafs", "nodes_falsenodeids", "nodes_falseleafs")]
    modes = ctx.get_tensor("nodes_modes").reshape(-1).astype(np.int64)
    members = _member_sets(ctx.get_tensor("membership_values").reshape(-1) if ctx.has("membership_values") else np.zeros(0, np.float32))
    conditions = Conditions(
        np.asarray(ctx.get_ints("nodes_featureids"), np.int64),
        modes,
        ctx.get_tensor("nodes_splits").reshape(-1),
        np.asarray(ctx.get_ints("nodes_missing_value_tracks_true", [0] * count), np.bool_),
        members,
    )
    lengths = [*(len(s) for s in sides), len(modes), len(conditions.thresholds), len(conditions.missing_true)]
    if count == 0 or any(n != count for n in lengths) or len(targets) != len(weights):
        raise MalformedModelError(f"the lists of an ensemble of {count} nodes differ in length")
    if modes.min(initial=0) < 0 or modes.max(initial=0) > MEMBER or np.count_nonzero(modes == MEMBER) != len(members):
        raise MalformedModelError("modes of nodes are not known, or the sets of members do not fit them")

    def leaf(i: int) -> list[tuple[int, float]]:
        if not 0 <= i < len(weights):
            raise MalformedModelError(f"there is no leaf {i}")
        return [(targets[i], float(weights[i]))]

    def child(node: int, side: bool) -> tuple[bool, int]:
        ids, leafs = (sides[0], sides[1]) if side else (sides[2], sides[3])
        return bool(leafs[node]), int(ids[node])

    trees, steps = [], 0
    for root in ctx.get_ints("tree_roots"):
        tree = Tree()
        stack: list[tuple[bool, int, tuple[tuple[int, bool], ...]]] = [(False, root, ())]
        while stack:
            is_leaf, i, path = stack.pop()
            if is_leaf:
                steps += len(path) + 1
                if steps > MAX_COMPUTED_ELEMENTS:
                    raise Unsupported("its trees are too large", reason="too-large")
                tree.leaves.append(Leaf(path, leaf(i)))
                continue
            if not 0 <= i < count or len(path) > MAX_DEPTH or len(tree.nodes) > count:
                raise MalformedModelError(f"node {i} does not exist, or the nodes of a tree form a cycle")
            tree.nodes.append(i)
            stack += [(*child(i, side), (*path, (i, side))) for side in (False, True)]
        trees.append(tree)
    aggregate, transform = ctx.get_int("aggregate_function", 1), ctx.get_int("post_transform", 0)
    if not 0 <= aggregate < len(AGGREGATES) or not 0 <= transform < len(TRANSFORMS):
        raise MalformedModelError(f"aggregate function {aggregate} or transform {transform} is not known")
    x = ctx.input(0)
    scores = ensemble(ctx, x, conditions, trees, ctx.get_int("n_targets"), AGGREGATES[aggregate])
    return ctx.cast(transformed(ctx, scores, TRANSFORMS[transform]), x.dtype)


def _member_sets(values: Array) -> list[Array]:
    """The sets of the MEMBER nodes: each ends with a NaN."""
    ends = np.flatnonzero(np.isnan(values))
    return [values[b:e] for b, e in zip([0, *(ends[:-1] + 1)], ends, strict=True)] if len(ends) else []


def ensemble(ctx: NodeContext, x: Value, conditions: Conditions, trees: Sequence[Tree], targets: int, aggregate: str) -> Value:
    """Scores [N, targets] of x [N, features], float32."""
    if len(x.shape) != 2:
        raise MalformedModelError(f"the input must have rank 2, not {len(x.shape)}")
    if any(not 0 <= t < targets for tree in trees for leaf in tree.leaves for t, _ in leaf.votes):
        raise MalformedModelError(f"leaves vote for targets that are none of the {targets}")
    width, deep = max((len(t.nodes) for t in trees), default=0), max((len(t.leaves) for t in trees), default=0)
    ctx.computed((len(trees), width, deep))
    ctx.computed((len(trees), deep, targets))
    paths, lengths = np.zeros((len(trees), width, deep), np.float32), np.full((len(trees), 1, deep), np.inf, np.float32)
    votes = np.zeros((len(trees), deep, targets), np.float32)
    place = np.zeros((len(trees), width), np.int64)
    for t, tree in enumerate(trees):
        at = {n: k for k, n in enumerate(tree.nodes)}
        place[t, : len(tree.nodes)] = tree.nodes
        for j, leaf in enumerate(tree.leaves):
            for n, side in leaf.path:
                paths[t, at[n], j] = 1 if side else -1
            lengths[t, 0, j] = sum(side for _, side in leaf.path)
            for target, weight in leaf.votes:
                votes[t, j, target] += np.float32(weight)
    held = _conditions(ctx, x, conditions)  # [N, nodes]
    by_tree = ctx.transpose(ctx.call("Gather", held, ctx.const(place), axis=1), (1, 0, 2))  # [trees, N, width]
    reached = ctx.call("Equal", ctx.call("MatMul", by_tree, ctx.const(paths)), ctx.const(lengths))  # [trees, N, leaves]
    if aggregate in ("SUM", "AVERAGE"):
        y = ctx.call("MatMul", ctx.cast(reached, F32), ctx.const(votes))
        total = ctx.call("ReduceSum", y, axes=(0,), keepdims=False)
        return total if aggregate == "SUM" else ctx.call("Div", total, ctx.const(float(max(1, len(trees))), F32))
    return _extreme(ctx, reached, trees, votes, aggregate)


def _extreme(ctx: NodeContext, reached: Value, trees: Sequence[Tree], votes: Array, aggregate: str) -> Value:
    """The smallest or largest vote of all trees for each target; 0 where none votes."""
    votes_for = np.zeros(votes.shape, np.bool_)
    for t, tree in enumerate(trees):
        for j, leaf in enumerate(tree.leaves):
            for target, _ in leaf.votes:
                votes_for[t, j, target] = True
    none = np.float32(np.inf if aggregate == "MIN" else -np.inf)
    cast = ctx.call("And", ctx.unsqueeze(reached, [3]), ctx.const(votes_for[:, None]))  # [trees, N, leaves, targets]
    value = ctx.call("Where", cast, ctx.const(votes[:, None]), ctx.const(none))
    best = ctx.call("ReduceMin" if aggregate == "MIN" else "ReduceMax", value, axes=(0, 2), keepdims=False)
    return ctx.call("Where", ctx.call("Equal", best, ctx.const(none)), ctx.const(0.0, F32), best)


def _conditions(ctx: NodeContext, x: Value, c: Conditions) -> Value:
    """1 where a node's condition holds, else 0: float32 [N, nodes]."""
    features = ctx.static(x.shape[1], "the number of features")
    if c.features.min(initial=0) < 0 or c.features.max(initial=0) >= features:
        raise MalformedModelError(f"nodes read features that are none of the {features}")
    real = x if x.dtype in (F32, F64) else ctx.cast(x, F32)
    dtype = real.dtype.numpy
    values = ctx.call("Gather", real, ctx.const(c.features), axis=1)
    result: Value | None = None
    for mode in sorted({int(m) for m in c.modes}):
        held = _members(ctx, values, c) if mode == MEMBER else ctx.call(COMPARISONS[mode], values, ctx.const(c.thresholds.astype(dtype)))
        if mode == NEQ:
            held = ctx.call("Not", held)
        result = held if result is None else ctx.call("Where", ctx.const(c.modes == mode), held, result)
    assert result is not None
    missing = ctx.call("And", ctx.call("IsNaN", values), ctx.const(c.missing_true)) if c.missing_true.any() else None
    return ctx.cast(result if missing is None else ctx.call("Or", result, missing), F32)


def _members(ctx: NodeContext, values: Value, c: Conditions) -> Value:
    """Whether each value is in its node's set; nodes of other modes have an empty one."""
    longest = max(1, *(len(m) for m in c.members))
    ctx.computed((len(c.modes), longest))
    table = np.full((len(c.modes), longest), np.nan, values.dtype.numpy)
    for node, members in zip(np.flatnonzero(c.modes == MEMBER), c.members, strict=True):
        table[node, : len(members)] = members
    same = ctx.call("Equal", ctx.unsqueeze(values, [2]), ctx.const(table))
    return ctx.call("ReduceMax", same, axes=(2,), keepdims=False)


def transformed(ctx: NodeContext, scores: Value, transform: str) -> Value:
    """What is done to the scores in the end."""
    if transform == "PROBIT":
        raise Unsupported("the transform PROBIT is not supported")
    if transform == "LOGISTIC":
        return ctx.call("Sigmoid", scores)
    if transform == "SOFTMAX":
        return ctx.call("Softmax", scores, axis=-1)
    if transform == "SOFTMAX_ZERO":  # zeros stay zero and do not count
        zero = ctx.call("Equal", scores, ctx.const(0.0, F32))
        soft = ctx.call("Softmax", ctx.call("Where", zero, ctx.const(-np.inf, F32), scores), axis=-1)
        return ctx.call("Where", zero, ctx.const(0.0, F32), soft)
    return scores


def grown(
    ids: Sequence[tuple[int, int]],
    modes: Sequence[str],
    true_ids: Sequence[int],
    false_ids: Sequence[int],
    votes: dict[tuple[int, int], list[tuple[int, float]]],
) -> list[Tree]:
    """The trees of the older operators, whose nodes are named by (tree, node) and whose leaves are nodes, too.

    Raises:
        MalformedModelError: a child does not exist, or the nodes form a cycle.
    """
    number = {key: i for i, key in enumerate(ids)}
    if len(number) != len(ids):
        raise MalformedModelError("two nodes of a tree have the same number")
    children = {(t, c) for k, (t, _) in enumerate(ids) if modes[k] != "LEAF" for c in (true_ids[k], false_ids[k])}
    trees: dict[int, Tree] = {}
    steps = 0
    for key in ids:
        if key in children or key[0] in trees:
            continue
        tree = trees[key[0]] = Tree()
        stack: list[tuple[tuple[int, int], tuple[tuple[int, bool], ...]]] = [(key, ())]
        while stack:
            at, path = stack.pop()
            i = number.get(at)
            if i is None or len(path) > MAX_DEPTH or len(tree.nodes) > len(ids):
                raise MalformedModelError(f"node {at[1]} of tree {at[0]} does not exist, or its nodes form a cycle")
            if modes[i] == "LEAF":
                steps += len(path) + 1
                if steps > MAX_COMPUTED_ELEMENTS:
                    raise Unsupported("its trees are too large", reason="too-large")
                tree.leaves.append(Leaf(path, votes.get(at, [])))
                continue
            tree.nodes.append(i)
            stack += [((at[0], ids_[i]), (*path, (i, side))) for side, ids_ in ((False, false_ids), (True, true_ids))]
    reached = sum(len(t.nodes) + len(t.leaves) for t in trees.values())
    if reached != len(ids):
        raise MalformedModelError(f"{reached} nodes hang together as trees, but there are {len(ids)}")
    return list(trees.values())


def _older(ctx: NodeContext, prefix: str, targets: int) -> Value:
    """Scores of TreeEnsembleRegressor (``target``) or TreeEnsembleClassifier (``class``) before the base values."""
    count = len(ctx.get_ints("nodes_nodeids"))
    ids = list(zip(ctx.get_ints("nodes_treeids"), ctx.get_ints("nodes_nodeids"), strict=True))
    modes = ctx.get_strings("nodes_modes")
    true_ids, false_ids = ctx.get_ints("nodes_truenodeids"), ctx.get_ints("nodes_falsenodeids")
    features, thresholds = ctx.get_ints("nodes_featureids"), ctx.get_floats("nodes_values")
    missing = ctx.get_ints("nodes_missing_value_tracks_true", []) or [0] * count
    if count == 0 or any(len(v) != count for v in (modes, true_ids, false_ids, features, thresholds, missing)):
        raise MalformedModelError(f"the lists of an ensemble of {count} nodes differ in length")
    unknown = set(modes) - {*MODES[:MEMBER], "LEAF"}
    if unknown:
        raise MalformedModelError(f"nodes of mode {sorted(unknown)[0]!r} are not known")
    votes: dict[tuple[int, int], list[tuple[int, float]]] = {}
    names = [f"{prefix}_treeids", f"{prefix}_nodeids", f"{prefix}_ids"]
    for t, n, target, weight in zip(*(ctx.get_ints(v) for v in names), ctx.get_floats(f"{prefix}_weights"), strict=True):
        votes.setdefault((t, n), []).append((target, weight))
    trees = grown(ids, modes, true_ids, false_ids, votes)
    is_leaf = np.array([m == "LEAF" for m in modes])
    conditions = Conditions(
        np.where(is_leaf, 0, np.asarray(features, np.int64)),
        np.array([0 if m == "LEAF" else MODES.index(m) for m in modes], np.int64),
        np.asarray(thresholds, np.float32),
        np.asarray(missing, np.bool_) & ~is_leaf,
        [],
    )
    return ensemble(ctx, ctx.input(0), conditions, trees, targets, ctx.get_string("aggregate_function", "SUM"))


@converts("TreeEnsembleRegressor", domain="ai.onnx.ml")
def tree_ensemble_regressor(ctx: NodeContext) -> Value:
    scores = _older(ctx, "target", ctx.get_int("n_targets"))
    base = ctx.get_floats("base_values", [])
    if base:
        scores = ctx.call("Add", scores, ctx.const(np.asarray(base, np.float32)))
    return transformed(ctx, scores, ctx.get_string("post_transform", "NONE"))


@converts("TreeEnsembleClassifier", domain="ai.onnx.ml")
def tree_ensemble_classifier(ctx: NodeContext) -> list[Value | None]:
    """Class labels that are integers, and scores. One set of votes for two classes stands for the second class."""
    if ctx.has("classlabels_strings") and ctx.get_strings("classlabels_strings"):
        raise Unsupported("class labels that are strings are not supported", "Export integer labels.", "unsupported-type")
    labels = np.asarray(ctx.get_ints("classlabels_int64s"), np.int64)
    binary = len(labels) == 2 and len(set(ctx.get_ints("class_ids"))) == 1
    base = ctx.get_floats("base_values", [])
    transform = ctx.get_string("post_transform", "NONE")
    if not binary:
        scores = _older(ctx, "class", len(labels))
        if base:
            scores = ctx.call("Add", scores, ctx.const(np.asarray(base, np.float32)))
        best = ctx.call("ArgMax", scores, axis=1, keepdims=False)
        return [ctx.call("Gather", ctx.const(labels), best, axis=0), transformed(ctx, scores, transform)]
    if transform not in ("NONE", "LOGISTIC"):
        raise Unsupported(f"the transform {transform} of one score for two classes is not supported")
    raw = ctx.call(
        "Slice", _older(ctx, "class", 2), ctx.i64(ctx.get_ints("class_ids")[0]), ctx.i64(ctx.get_ints("class_ids")[0] + 1), ctx.i64(1)
    )
    if base:
        raw = ctx.call("Add", raw, ctx.const(np.float32(base[-1])))
    positive = all(w >= 0 for w in ctx.get_floats("class_weights"))
    limit = 0.5 if positive else 0.0
    second = ctx.cast(ctx.call("Greater", ctx.reshape(raw, (-1,)), ctx.const(limit, F32)), I64)
    if transform == "LOGISTIC":
        pair = [ctx.call("Sigmoid", ctx.call("Neg", raw)), ctx.call("Sigmoid", raw)]
    else:
        pair = [ctx.call("Sub", ctx.const(1.0, F32), raw) if positive else ctx.call("Neg", raw), raw]
    return [ctx.call("Gather", ctx.const(labels), second, axis=0), ctx.call("Concat", *pair, axis=1)]
