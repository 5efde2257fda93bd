"""Inputs and outputs as asked for: layouts, element types, names, and preprocessing inside the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

import edgekit
from edgekit.cli.app import run
from edgekit.errors import ConversionError, EdgekitError, QuantizationError
from edgekit.interface import Interface, apply_interface, remaining_transposes
from edgekit.interface.record import noted_interfaces
from edgekit.ir import Graph, GraphBuilder
from edgekit.preprocessing import CALLER, MODEL, Preprocessing, for_caller, read_image, record, recorded
from edgekit.quantize import CalibrationData
from edgekit.reference import run_graph
from edgekit.symbolic import SymDim
from edgekit.types import F32, I8, U8, Array, DType, QuantParams

IMAGENET = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), order="bgr")


def network(layout: str = "NCHW", batch: Any = 2) -> Graph:
    """A convolution and a clamp; its input and output in one layout."""
    r = np.random.default_rng(3)
    b = GraphBuilder("net")
    x = b.input("photo", F32, (batch, 3, 8, 10) if layout == "NCHW" else (batch, 8, 10, 3))
    w = b.constant(r.standard_normal((4, 3, 3, 3)).astype(np.float32))
    y = b.call("Conv", x, w, strides=(1, 1), pads=(1, 1, 1, 1), dilations=(1, 1), layout=layout, groups=1)
    b.output(b.call("Relu", y), "heat")
    return b.graph


def pixels(shape: tuple[int, ...], dtype: Any = np.uint8) -> Array:
    return np.random.default_rng(0).integers(0, 256, shape).astype(dtype)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_layouts_are_told_from_the_convolutions_and_changed(layout: str, tmp_path: Path) -> None:
    graph = network(layout)
    x = np.random.default_rng(1).standard_normal([int(str(d)) for d in graph.inputs[0].shape]).astype(np.float32)
    want = run_graph(graph, {"photo": x})["heat"]
    other, to_other = ("nhwc", (0, 2, 3, 1)) if layout == "NCHW" else ("nchw", (0, 3, 1, 2))
    interface = Interface(input_layouts={"": other}, output_layouts={"heat": other})
    done = edgekit.convert(graph, tmp_path / "m.ekm", options=edgekit.ConvertOptions(interface=interface))
    assert graph.inputs[0].shape == (2, 3, 8, 10) if layout == "NCHW" else (2, 8, 10, 3)  # the source stays as it was
    with edgekit.Session(done.path) as session:
        got = session.run({"photo": np.ascontiguousarray(x.transpose(to_other))})["heat"]
    np.testing.assert_allclose(got, want.transpose(to_other), rtol=1e-4, atol=1e-4)
    if layout == "NCHW":
        assert sum(remaining_transposes(done.graph).values()) == 0


def test_the_layout_the_source_has_changes_nothing() -> None:
    graph = network()
    before = len(graph.nodes)
    apply_interface(graph, Interface(input_layouts={"photo": "nchw"}, output_layouts={"": "nchw"}))
    assert len(graph.nodes) == before


def test_a_transpose_that_another_layout_would_save_is_named(tmp_path: Path) -> None:
    done = edgekit.convert(network(), tmp_path / "m.ekm")
    assert remaining_transposes(done.graph) == {"inputs": 1, "outputs": 1, "convolutions": 0, "elsewhere": 0}
    assert any("--input-layout photo:nchw-nhwc would save" in n for n in done.notes)
    assert any("--output-layout heat:nchw-nhwc would save" in n for n in done.notes)
    asked = Interface(input_layouts={"photo": "nchw-nhwc"}, output_layouts={"heat": "nchw-nhwc"})
    done = edgekit.convert(network(), tmp_path / "m.ekm", options=edgekit.ConvertOptions(interface=asked))
    assert sum(remaining_transposes(done.graph).values()) == 0 and not any("would save" in n for n in done.notes)


@pytest.mark.parametrize(
    ("interface", "message"),
    [
        (Interface(input_layouts={"nope": "nhwc"}), "no 'nope'"),
        (Interface(input_layouts={"photo": "nhc"}), "no layout of 4"),
        (Interface(input_layouts={"photo": "nhhc"}), "no layout of 4"),
        (Interface(input_layouts={"photo": "nchw-nhwd"}), "no layout of 4"),
        (Interface(input_layouts={"photo": "ndhw-nhwc"}), "not the same dimensions"),
        (Interface(names={"photo": "heat", "nope": "x"}), "no input or output 'nope'"),
        (Interface(preprocessing={"": Preprocessing(mean=(1.0, 2.0))}), "mean has 2 numbers"),
        (Interface(input_dtypes={"other": U8}), "no 'other'"),
    ],
)
def test_what_does_not_fit_is_refused(interface: Interface, message: str) -> None:
    with pytest.raises(EdgekitError, match=message):
        apply_interface(network(), interface)


def test_channels_that_nothing_tells_have_to_be_named() -> None:
    b = GraphBuilder("plain")
    b.output(b.call("Relu", b.input("x", F32, (1, 5, 6, 7))), "y")
    with pytest.raises(ConversionError, match="give the source's layout too, for example nchw-nhwc"):
        apply_interface(b.graph, Interface(input_layouts={"x": "nhwc"}))
    apply_interface(b.graph, Interface(input_layouts={"x": "nchw-nhwc"}))
    assert b.graph.inputs[0].shape == (1, 6, 7, 5)


def test_element_types(tmp_path: Path) -> None:
    x = pixels((2, 3, 8, 10))
    want = run_graph(network(), {"photo": x.astype(np.float32)})["heat"]
    done = edgekit.convert(
        network(), tmp_path / "m.ekm", options=edgekit.ConvertOptions(interface=Interface(input_dtypes={"photo": U8}))
    )
    with edgekit.Session(done.path) as session:
        assert session.inputs[0].dtype is U8
        np.testing.assert_allclose(session.run({"photo": x})["heat"], want, rtol=1e-4, atol=1e-2)


def test_real_numbers_for_a_quantized_input() -> None:
    b = GraphBuilder("ints")
    quant = QuantParams((0.5,), (3,))
    x = b.input("x", I8, (1, 4), quant)
    b.output(b.call("Dequantize", x), "y")
    apply_interface(b.graph, Interface(input_dtypes={"": F32}))
    assert b.graph.inputs[0].type.quant is None
    got = run_graph(b.graph, {"x": np.asarray([[0.0, 0.6, -2.0, 500.0]], np.float32)})["y"]
    assert got.tolist() == [[0.0, 0.5, -2.0, 62.0]]


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_preprocessing_inside_the_model(layout: str, tmp_path: Path) -> None:
    photo = pixels((2, 8, 10, 3))
    mean, std = np.asarray(IMAGENET.mean), np.asarray(IMAGENET.std)
    prepared = ((photo[..., ::-1] / 255.0 - mean) / std).astype(np.float32)
    first = layout == "NCHW"
    want = run_graph(network(layout), {"photo": prepared.transpose(0, 3, 1, 2) if first else prepared})["heat"]
    asked = Preprocessing(IMAGENET.mean, IMAGENET.std, order="bgr", dtype=U8)
    interface = Interface(preprocessing={"": asked}, input_layouts={"photo": "nhwc"}, names={"photo": "camera"})
    done = edgekit.convert(network(layout), tmp_path / "m.ekm", options=edgekit.ConvertOptions(interface=interface))
    with edgekit.Session(done.path) as session:
        np.testing.assert_allclose(session.run({"camera": photo})["heat"], want, rtol=1e-3, atol=1e-3)
    assert recorded(done.graph.metadata, "camera") == (asked, MODEL)
    assert edgekit.load(done.path).metadata["preprocessing.camera"].startswith("done by the model: ")
    assert any("does the preprocessing itself" in n for n in done.notes)


@pytest.mark.parametrize("batch", [1, SymDim.symbol("n", 1, 4)])
def test_pictures_of_another_size(batch: Any) -> None:
    graph = network(batch=batch)
    apply_interface(graph, Interface(preprocessing={"photo": Preprocessing(size=(16, 5), scale=1.0)}))
    assert graph.inputs[0].shape[1:] == (3, 16, 5)
    flat = np.full((1, 3, 16, 5), 7, np.float32)
    want = run_graph(network(batch=1), {"photo": np.full((1, 3, 8, 10), 7, np.float32)})["heat"]
    np.testing.assert_allclose(run_graph(graph, {"photo": flat})["heat"], want, rtol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "size=256x200,scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225,order=bgr,input=uint8",
        "scale=2,mean=127.5,std=127.5",
        "order=bgr",
        "",
    ],
)
def test_the_text_form_reads_back(text: str) -> None:
    parsed = Preprocessing.parse(text)
    assert Preprocessing.parse(str(parsed)) == parsed


def test_the_text_form_says_what_it_means() -> None:
    p = Preprocessing.parse("size=256x200,scale=1/255,mean=0.5:0.4:0.3,std=2,order=BGR,input=int8")
    assert p == Preprocessing((0.5, 0.4, 0.3), (2.0,), 1 / 255, "bgr", (256, 200), DType.I8)


@pytest.mark.parametrize(
    "text", ["mean", "mean=a", "std=0", "order=gbr", "size=0x3", "size=ax3", "scale=1/0", "input=bool", "foo=1", "scale=nan"]
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(EdgekitError):
        Preprocessing.parse(text)


def picture(folder: Path) -> Path:
    path = folder / "photo.png"
    Image.fromarray(pixels((8, 10, 3))).save(path)
    return path


def test_calibration_follows_what_is_recorded(tmp_path: Path) -> None:
    path = picture(tmp_path)
    graph = network(batch=1)
    plain = next(iter(CalibrationData(path, graph)))["photo"]
    np.testing.assert_allclose(plain[0], pixels((8, 10, 3)).transpose(2, 0, 1) / 255, rtol=1e-6)
    asked = next(iter(CalibrationData(path, graph, IMAGENET)))["photo"]
    record(graph.metadata, "photo", IMAGENET, CALLER)
    assert next(iter(CalibrationData(path, graph)))["photo"].tobytes() == asked.tobytes()
    record(graph.metadata, "photo", IMAGENET, MODEL)
    np.testing.assert_array_equal(next(iter(CalibrationData(path, graph)))["photo"][0], pixels((8, 10, 3)).transpose(2, 0, 1))
    with pytest.raises(QuantizationError, match="does its preprocessing itself"):
        next(iter(CalibrationData(path, graph, IMAGENET)))


def test_integers_get_rounded_pixels(tmp_path: Path) -> None:
    got = read_image(picture(tmp_path), (1, 8, 10, 3), U8, Preprocessing().outside())
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, pixels((8, 10, 3)))


def test_nothing_recorded_means_pixels_from_0_to_1() -> None:
    assert for_caller({}, "x", None) == Preprocessing()
    assert for_caller({"preprocessing.x": "rubbish"}, "x", IMAGENET) == IMAGENET


def test_quantized_with_preprocessing_inside(tmp_path: Path) -> None:
    """Calibrated with the very pictures: the file takes them as they are, and int8 stays close to float."""
    path = picture(tmp_path)
    interface = Interface(preprocessing={"": Preprocessing.parse("mean=0.5,std=0.25,input=uint8")}, input_layouts={"": "nhwc"})
    options = edgekit.ConvertOptions(interface=interface)
    small = edgekit.convert(network(batch=1), tmp_path / "q.ekm", quantize="int8", calibration=path, options=options)
    assert small.quantization_errors[0].sqnr_db is not None and small.quantization_errors[0].sqnr_db > 20
    assert small.graph.inputs[0].dtype is U8 and small.graph.inputs[0].shape == (1, 8, 10, 3)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edgekit.convert(network(batch=1), tmp_path / "net.ekm")
    path = picture(tmp_path)
    inside = ["--preprocess", "mean=0.485:0.456:0.406,std=0.229:0.224:0.225,order=bgr,input=uint8", "--input-layout", "nhwc"]
    names = ["--rename", "photo=camera", "--rename", "heat=out:0"]
    source = str(tmp_path / "net.ekm")
    assert run(["convert", source, "-o", str(tmp_path / "in.ekm"), *inside, *names, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["inputs"] == [{"name": "camera", "dtype": "uint8", "shape": [1, 8, 10, 3]}]
    assert facts["outputs"][0]["name"] == "out:0" and facts["transposes"] == sum(facts["transposes_at"].values())
    outside = ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225", "--bgr"]
    assert run(["convert", source, "-o", str(tmp_path / "out.ekm"), *outside]) == 0
    assert "transposes left: 2 (1 at inputs, 1 at outputs)" in capsys.readouterr().out
    for name in ("in", "out"):
        assert run(["run", str(tmp_path / f"{name}.ekm"), "-i", str(path), "-o", str(tmp_path / name)]) == 0
    a, b = (np.load(next((tmp_path / name).iterdir())) for name in ("in", "out"))
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
    capsys.readouterr()
    assert run(["inspect", str(tmp_path / "in.ekm")]) == 0
    assert "preprocessing.camera: done by the model: scale=1/255,mean=0.485:0.456:0.406" in capsys.readouterr().out


@pytest.mark.parametrize("options", [["--preprocess", "rubbish"], ["--rename", "a"], ["--input-dtype", "x:int9"], ["--input-layout", "x:"]])
def test_wrong_usage(options: list[str], tmp_path: Path) -> None:
    edgekit.convert(network(batch=1), tmp_path / "net.ekm")
    assert run(["convert", str(tmp_path / "net.ekm"), "-o", str(tmp_path / "x.ekm"), *options]) == 2


def test_a_source_is_compared_as_the_model_was_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The yardstick gets the layouts, names and preprocessing that the file records, also over two changes."""
    source = edgekit.convert(network(batch=1), tmp_path / "source.ekm").path
    first = Interface(input_layouts={"": "nhwc"}, preprocessing={"": IMAGENET}, input_dtypes={"photo": U8})
    middle = edgekit.convert(source, tmp_path / "a.ekm", options=edgekit.ConvertOptions(interface=first)).path
    second = Interface(output_layouts={"heat": "nchw-nhwc"}, names={"photo": "camera", "heat": "map"})
    last = edgekit.convert(middle, tmp_path / "b.ekm", options=edgekit.ConvertOptions(interface=second)).path
    (tmp_path / "photos").mkdir()
    Image.fromarray(pixels((9, 11, 3))).save(tmp_path / "photos" / "0.png")
    for a in (source, middle):
        assert run(["compare", str(a), str(last), "--data", str(tmp_path / "photos"), "--json"]) == 0
        (output,) = json.loads(capsys.readouterr().out)["outputs"]
        assert output["name"] == "map" and output["range"] > 0.1 and output["max_abs"] <= 1e-4 * output["range"]
    settings = edgekit.ReportSettings(source=source, data=tmp_path / "photos", runs=1)
    found = json.loads(edgekit.report(last, tmp_path / "r.json", settings).read_text())
    assert found["comparison"]["outputs"][0]["name"] == "map"


def test_pictures_of_a_comparison_are_prepared_as_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = edgekit.convert(network(batch=1), tmp_path / "source.ekm").path
    made = edgekit.convert(source, tmp_path / "m.ekm", options=edgekit.ConvertOptions(images=Preprocessing((5.0,), (2.0,)))).path
    (tmp_path / "photos").mkdir()
    Image.fromarray(pixels((8, 10, 3))).save(tmp_path / "photos" / "0.png")
    ranges = []
    for options in ([], ["--mean", "5", "--std", "2"]):
        assert run(["compare", str(source), str(made), "--data", str(tmp_path / "photos"), "--json", *options]) == 0
        ranges.append(json.loads(capsys.readouterr().out)["outputs"][0]["range"])
    assert ranges[0] == ranges[1]


def test_a_broken_record_of_changes_is_told(tmp_path: Path) -> None:
    graph = network(batch=1)
    for text in ("[", "[3]", '[{"input_dtypes": {"x": "u9"}}]', '[{"preprocessing": {"x": "scale=a"}}]'):
        graph.metadata["interface"] = text
        with pytest.raises(EdgekitError, match="record of changed inputs"):
            noted_interfaces(graph.metadata)


def test_a_source_is_compared_at_the_shapes_of_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What --shape said at the conversion is known from the file; a source without it has no largest shape."""
    source = tmp_path / "model.onnx"
    x, y = (onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["rows", "columns"]) for n in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), source)
    made = edgekit.convert(source, tmp_path / "m.ekm", shapes={"x": (2, (1, 6))}).path
    assert run(["compare", str(source), str(made)]) == 0
    assert run(["report", str(made), "--source", str(source), "--runs", "0", "-o", str(tmp_path / "r.md")]) == 0
    assert "## Source against model (1 sample)" in (tmp_path / "r.md").read_text()
    capsys.readouterr()
