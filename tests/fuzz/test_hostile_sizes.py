"""Numbers of a file that decide how often something is done or how large it gets: none of them fills the memory or takes for ever."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import converters
from edgekit.errors import EdgekitError
from edgekit.types import Array
from tests.fuzz.importers import MEMORY_PER_INPUT, Failure, attempt, write
from tests.fuzz.mutations import Tape
from tests.fuzz.numbers import INTEGERS, change
from tests.fuzz.seeds import OWN, Seed, seeds
from tests.require import require_module

REFUSED = ("MalformedModelError", "UnsupportedOpError")
HUGE, LARGE = 1 << 40, 1 << 31


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    """What asks for more memory than an input may have fails, and ``attempt`` notices that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_PER_INPUT, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def refused(path: Path) -> None:
    outcome = attempt(path)
    assert not isinstance(outcome, Failure), outcome.detail
    assert outcome in REFUSED


def ints(*numbers: int) -> Array:
    return np.asarray(numbers, np.int64)


#: operator, attributes, shape of x, further inputs, outputs
ONNX: dict[str, tuple[str, dict[str, Any], tuple[int, ...], list[Array | None], int]] = {
    "split": ("Split", {"num_outputs": LARGE}, (4,), [], 1),
    "split-none": ("Split", {"num_outputs": 0}, (4,), [], 1),
    "sequence": ("SplitToSequence", {}, (LARGE,), [np.asarray(1, np.int64)], 1),
    "sequence-singles": ("SplitToSequence", {}, (LARGE,), [], 1),
    "skips": (
        "TfIdfVectorizer",
        {
            "mode": "TF", "min_gram_length": 2, "max_gram_length": 2, "max_skip_count": 1 << 62, "ngram_counts": [0, 0],
            "ngram_indexes": [0], "pool_int64s": [1, 2],
        },
        (1 << 20,), [], 1,
    ),
    "columns": (
        "TfIdfVectorizer",
        {
            "mode": "TF", "min_gram_length": 1, "max_gram_length": 1, "max_skip_count": 0, "ngram_counts": [0],
            "ngram_indexes": [LARGE], "pool_int64s": [1],
        },
        (9,), [], 1,
    ),
    "maxima": ("MaxPool", {"kernel_shape": [1 << 20, 1], "pads": [(1 << 20) - 1, 0, 0, 0]}, (1, 1, 2, 2), [], 2),
    "maxima-2": ("MaxPool", {"kernel_shape": [1 << 32, 1 << 32], "pads": [(1 << 32) - 1] * 4}, (1, 1, 2, 2), [], 2),
    "blocks": ("QuantizeLinear", {"block_size": 1}, (LARGE,), [np.ones(1, np.float32)], 1),
    "blocks-below-0": ("QuantizeLinear", {"block_size": -1, "axis": 0}, (8,), [np.ones(8, np.float32)], 1),
    "bands": (
        "MelWeightMatrix", {}, (), [ints(HUGE), ints(16), np.asarray(0.0, np.float32), np.asarray(8000.0, np.float32)], 1,
    ),
    "eye": ("EyeLike", {}, (0, LARGE), [], 1),
    "samples": ("RoiAlign", {"output_height": LARGE, "sampling_ratio": 2}, (1, 1, 4, 4), [np.ones((1, 4), np.float32), ints(0)], 1),
}  # fmt: skip


@pytest.mark.parametrize("case", ONNX)
def test_onnx(case: str, tmp_path: Path) -> None:
    require_module("onnx", "onnx", "pip install onnx")
    from tests.converters.onnx.models import model, node

    op, attributes, shape, more, outputs = ONNX[case]
    dtype = np.int64 if op in ("TfIdfVectorizer", "MelWeightMatrix") else np.float32
    constants = {f"c{k}": a for k, a in enumerate(more) if a is not None}
    made = node(op, ["x", *constants], [f"y{k}" for k in range(outputs)], **attributes)
    if case == "bands":
        constants["x"] = ints(64)
        made = node(op, ["c0", "x", "c1", "c2", "c3"], ["y0"])
    inputs: dict[str, Any] = {"z" if case == "bands" else "x": (dtype, shape)}
    proto = model([made, *([node("SequenceLength", ["y0"], ["n"])] if "Sequence" in op else [])], inputs,
                  ["n" if "Sequence" in op else f"y{outputs - 1}"], constants, opset=21)  # fmt: skip
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    refused(tmp_path / "m.onnx")


def test_loops_in_loops_whose_shapes_change(tmp_path: Path) -> None:
    """Each level is imported again for the level around it: twelve levels would be millions of bodies."""
    require_module("onnx", "onnx", "pip install onnx")
    from onnx import TensorProto, helper

    from tests.converters.onnx.models import model, node

    def info(name: str, kind: int, shape: list[Any]) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    def body(level: int) -> Any:
        inner = [node("Concat", [f"x{level}", f"x{level}"], [f"t{level}"], axis=0)]
        if level:
            inner.append(node("Loop", ["trips", "", f"t{level}"], [f"y{level}"], body=body(level - 1)))
        last = f"y{level}" if level else f"t{level}"
        return helper.make_graph(
            [*inner, node("Identity", [f"c{level}"], [f"d{level}"])], f"body{level}",
            [info(f"i{level}", TensorProto.INT64, []), info(f"c{level}", TensorProto.BOOL, []),
             info(f"x{level}", TensorProto.FLOAT, [None])],
            [info(f"d{level}", TensorProto.BOOL, []), info(last, TensorProto.FLOAT, [None])],
        )  # fmt: skip

    loop = node("Loop", ["trips", "", "x"], ["y"], body=body(12))
    proto = model([loop], {"x": (np.float32, [2])}, ["y"], {"trips": np.asarray(2, np.int64)})
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    outcome = attempt(tmp_path / "m.onnx")
    assert not isinstance(outcome, Failure), outcome.detail


def test_trees_that_hang_together_many_times(tmp_path: Path) -> None:
    """The same deep tree as the root of many."""
    require_module("onnx", "onnx", "pip install onnx")
    from onnx import helper, numpy_helper

    from tests.converters.onnx.models import model, node

    deep, many = 2000, 20_000
    tree = node(
        "TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", nodes_featureids=[0] * deep, n_targets=1, tree_roots=[0] * many,
        nodes_truenodeids=[*range(1, deep), 0], nodes_trueleafs=[0] * (deep - 1) + [1], nodes_falsenodeids=[0] * deep,
        nodes_falseleafs=[1] * deep, leaf_targetids=[0], nodes_modes=numpy_helper.from_array(np.zeros(deep, np.uint8)),
        nodes_splits=numpy_helper.from_array(np.zeros(deep, np.float32)), leaf_weights=numpy_helper.from_array(np.ones(1, np.float32)),
    )  # fmt: skip
    proto = model([tree], {"x": (np.float32, [1, 4])}, ["y"], opsets=[helper.make_opsetid("ai.onnx.ml", 5)])
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    refused(tmp_path / "m.onnx")


@pytest.mark.parametrize("pool", ["Average", "Max"])
def test_adaptive_pooling_in_keras(pool: str, tmp_path: Path) -> None:
    require_module("h5py", "h5py", "pip install h5py")
    from tests.converters.keras.files import entry, layer, sequential, write_archive

    layers = [entry("x", [None, 8, 4]), layer(f"Adaptive{pool}Pooling1D", "pool", output_size=HUGE, data_format="channels_last")]
    refused(write_archive(tmp_path / "m.keras", sequential(layers), {}))


@pytest.mark.parametrize(
    ("op", "attrs"), [("_contrib_AdaptiveAvgPooling2D", {"output_size": f"({1 << 20}, 3)"}), ("_zeros", {"shape": f"(0, {HUGE})"})]
)
def test_sizes_in_mxnet(op: str, attrs: dict[str, str], tmp_path: Path) -> None:
    from tests.converters.mxnet.models import Net

    net = Net()
    x = net.var("data", __shape__="(1, 2, 5, 5)")
    refused(net.save(tmp_path, net.op(op, "y", *([x] if "Pool" in op else []), **attrs)))


def test_more_aspect_ratios_than_anyone_has(tmp_path: Path) -> None:
    from tests.converters.caffe.models import save

    ratios = " ".join(f"aspect_ratio: {2 + k / 8}" for k in range(20_000))
    text = f"""name: "net"
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: 2 dim: 1 dim: 1 }} }} }}
layer {{ name: "image" type: "Input" top: "image" input_param {{ shape {{ dim: 1 dim: 3 dim: 9 dim: 9 }} }} }}
layer {{ name: "p" type: "PriorBox" bottom: "data" bottom: "image" top: "p" prior_box_param {{ min_size: 2 {ratios} }} }}
"""
    refused(save(tmp_path, text))


def test_names_of_outputs_as_long_as_a_book() -> None:
    from edgekit.errors import MalformedModelError
    from edgekit_converters.tensorflow.nodes import parse_ref

    with pytest.raises(MalformedModelError, match="names no output"):
        parse_ref("a:" + "x" * 1_000_000 + ":zz:")


def test_functions_without_traces(tmp_path: Path) -> None:
    """Two children of the same name, the first of which has no traces."""
    from edgekit_converters.tensorflow.protos import messages

    proto = messages()["SavedModel"](saved_model_schema_version=1)
    objects = proto.meta_graphs.add().object_graph_def
    root, bare, traced = (objects.nodes.add() for _ in range(3))
    bare.function.SetInParent()
    traced.function.concrete_functions.append("f")
    objects.concrete_functions["f"].SetInParent()
    root.children.add(node_id=1, local_name="call")
    root.children.add(node_id=2, local_name="call")
    (tmp_path / "saved_model.pb").write_bytes(proto.SerializeToString())
    assert attempt(tmp_path) == "MalformedModelError"


def test_segments_of_sparse_weights_that_begin_before_the_first(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from edgekit.errors import MalformedModelError
    from edgekit_converters.tflite.tensors import constant_data, tensor_info

    levels = [
        SimpleNamespace(format=0, dense_size=1, segments=ints(), indices=ints()),
        SimpleNamespace(format=1, dense_size=0, segments=ints(-LARGE, 1), indices=ints(0)),
    ]
    sparsity = SimpleNamespace(traversal_order=ints(0, 1), block_map=ints(), dim_metadata=levels)
    tensor = SimpleNamespace(
        name="w", type=0, shape=ints(1, 4), shape_signature=ints(), quantization=None, is_variable=False, sparsity=sparsity
    )
    with pytest.raises(MalformedModelError, match="damaged"):
        constant_data(tensor, tensor_info(0, tensor), np.zeros(4, np.uint8))


@pytest.mark.parametrize("name", OWN)
def test_single_numbers_change_and_all_else_stays(name: str, tmp_path: Path) -> None:
    """The edits reach each importer: models that load, and models that do not."""
    if name == "keras":
        require_module("h5py", "h5py", "pip install h5py")
    outcomes = set()
    for k, seed in enumerate(seeds(name)):
        for tape in range(6):
            changed = change(Tape(np.random.default_rng(tape).bytes(64)), seed)
            assert set(changed.files) == set(seed.files)
            if changed != seed:
                outcome = attempt(write(changed, tmp_path / f"{k}-{tape}"))
                assert not isinstance(outcome, Failure), outcome.detail
                outcomes.add(outcome)
    assert outcomes


def test_every_extreme_of_one_attribute(tmp_path: Path) -> None:
    """One loop over JSON's numbers, as a fixed yardstick beside the random ones."""
    seed = next(s for s in seeds("mxnet") if s.entry.endswith(".json"))
    tree = json.loads(seed.files[seed.entry])
    at = next(n for n in tree["nodes"] if n["op"] == "Convolution")["attrs"]
    for key in ("kernel", "num_filter", "pad"):
        before = at[key]
        for value in INTEGERS:
            at[key] = f"({value}, {value})" if key != "num_filter" else str(value)
            path = write(Seed({**seed.files, seed.entry: json.dumps(tree).encode()}, seed.entry), tmp_path / f"{key}{value}")
            outcome = attempt(path)
            assert not isinstance(outcome, Failure), (key, value, outcome.detail)
        at[key] = before
    with pytest.raises(EdgekitError):
        converters.load(tmp_path / "nothing")
