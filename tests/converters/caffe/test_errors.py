"""What a broken or unsupported Caffe model says."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit import converters
from edgekit.errors import ConversionError, MalformedModelError, UnsupportedOpError
from edgekit_converters.importing.wire import write_field
from tests.converters.caffe.models import save
from tests.converters.caffe.test_load import LAYERS, V1, V2
from tests.converters.damage import damaged, refusals


def test_all_blockers_come_in_one_error(tmp_path: Path) -> None:
    text = """
    input: "d" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
    layer { name: "one" type: "Python" bottom: "d" top: "a" python_param { module: "m" } }
    layer { name: "two" type: "ReLU" bottom: "a" top: "b" }
    layer { name: "three" type: "Pooling" bottom: "d" top: "c" pooling_param { pool: STOCHASTIC kernel_size: 2 } }
    layer { name: "four" type: "Pooling" bottom: "d" top: "e" top: "mask" pooling_param { kernel_size: 2 stride: 2 } }
    layer { name: "five" type: "Upsample" bottom: "e" bottom: "mask" top: "f" }
    layer { name: "six" type: "Python" bottom: "d" top: "g" python_param { module: "m" } }
    """
    with pytest.raises(UnsupportedOpError) as e:
        converters.load(save(tmp_path, text))
    found = {(b.op, b.nodes, b.reason) for b in e.value.blockers}
    assert found == {
        ("Python", ("one", "six"), "unsupported-op"), ("Pooling", ("three",), "unsupported-variant"),
        ("Pooling", ("four",), "unsupported-variant"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("kernel_size: 3", "kernel_size: 5"), r"needed"),
        (("num_output: 2", "num_output: 3"), r"\[3, 64\] is needed"),
        (('name: "conv"', 'name: "other"'), "hold nothing for this layer; do they belong"),
        (('bottom: "fc"', 'bottom: "fd"'), "'fd', which no layer before it writes"),
        (('type: "Softmax"', ""), "a layer has no type"),
        (("num_output: 4", "num_output: four"), "'four' is no int"),
        (("num_output: 4", "num_output: 4 }"), "line"),
        (("input_shape", "input_dim: 3 input_shap"), "4 input_dim"),
        (("convolution_param {", "convolution_param: {{"), "line"),
        (('name: "small"', "name: \x01"), "no protobuf text"),
    ],
)
def test_broken_networks(change: tuple[str, str], says: str, tmp_path: Path) -> None:
    assert change[0] in V2
    with pytest.raises(MalformedModelError, match=says):
        converters.load(save(tmp_path, V2.replace(change[0], change[1], 1), LAYERS))


def test_one_file_alone(tmp_path: Path) -> None:
    text = save(tmp_path, V2, LAYERS)
    weights = tmp_path / "net.caffemodel"
    kept = weights.read_bytes()
    weights.unlink()
    with pytest.raises(MalformedModelError, match=r"net\.caffemodel"):
        converters.load(text)
    text.unlink()
    weights.write_bytes(kept)
    with pytest.raises(MalformedModelError, match=r"net\.prototxt"):
        converters.load(weights)


def test_nesting_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(MalformedModelError, match="nested deeper"):
        converters.load(save(tmp_path, V2 + "a {" * 100000, LAYERS))
    deep = b""
    for _ in range(2000):
        deep = write_field(1, deep)
    save(tmp_path, V2, LAYERS)
    (tmp_path / "net.caffemodel").write_bytes(write_field(2, deep))
    with pytest.raises(MalformedModelError):
        converters.load(tmp_path / "net.prototxt")


@pytest.mark.parametrize("huge", ["dim: 99999999999", "dim: -3"])
def test_impossible_sizes(huge: str, tmp_path: Path) -> None:
    with pytest.raises(ConversionError):
        converters.load(save(tmp_path, V2.replace("dim: 3", huge, 1), LAYERS))


def test_a_blob_that_claims_more_than_there_is(tmp_path: Path) -> None:
    path = save(tmp_path, V2, LAYERS)
    blob = write_field(7, write_field(1, b"\xff\xff\xff\xff\x07" * 3)) + write_field(5, b"\0" * 8)
    (tmp_path / "net.caffemodel").write_bytes(write_field(100, write_field(1, b"conv") + write_field(7, blob)))
    with pytest.raises(MalformedModelError, match="at byte"):
        converters.load(path)


@pytest.mark.parametrize("text", [V2, V1], ids=["v2", "v1"])
def test_damaged_files_raise_conversion_errors_only(text: str, tmp_path: Path) -> None:
    path = save(tmp_path, text, LAYERS)
    for file in (path, tmp_path / "net.caffemodel"):
        whole = file.read_bytes()

        def load(data: bytes, file: Path = file) -> None:
            file.write_bytes(data)
            converters.load(path)

        assert refusals(damaged(whole, 150, seed=11, cut=True), load)
        file.write_bytes(whole)
    assert converters.check(path) == []
