"""What cannot convert is named, with what to do; broken and hostile files end in edgekit's errors, in bounded time and memory."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.converters import check, find_converter, load
from edgekit.errors import ConversionError, EdgekitError, MalformedModelError, MissingDependencyError, UnsupportedOpError
from edgekit_converters.keras import register
from edgekit_converters.keras.registry import CUSTOM
from tests.converters.damage import damaged
from tests.converters.keras.files import call, entry, functional, layer, old_call, run, sequential, write_archive, write_hdf5
from tests.converters.keras.test_layers import LSTM, random
from tests.require import require_module


@pytest.fixture(autouse=True)
def needs_h5py() -> Iterator[None]:
    require_module("h5py", "h5py", "pip install edgekit[keras]")
    yield


@pytest.fixture
def customs() -> Iterator[None]:
    """Layers registered by a test are gone behind it."""
    before = dict(CUSTOM)
    yield
    CUSTOM.clear()
    CUSTOM.update(before)


def custom(name: str = "c", *nodes: Any, **config: Any) -> dict[str, Any]:
    return {**layer("Scale", name, *nodes, **config), "module": "research.layers", "registered_name": "research>Scale"}


# -- what cannot convert ------------------------------------------------------------------------------------------------------


def test_custom_layers_are_all_named_and_what_follows_is_checked(tmp_path: Path) -> None:
    layers = [
        entry("x", [None, 4]),
        custom("first", call("x")),
        layer("Lambda", "code", {"args": [call("first")["args"][0]], "kwargs": {}}, function={"class_name": "__lambda__"}),
        custom("second", call("code")),
    ]
    with pytest.raises(UnsupportedOpError) as error:
        load(write_archive(tmp_path / "m.keras", functional(layers, ["x"], ["second"]), {}))
    found = {b.op: b for b in error.value.blockers}
    assert found["Scale"].nodes == ("model/first", "model/second")
    assert found["Scale"].reason == "custom-layer"
    assert "'research>Scale' from research.layers" in found["Scale"].message
    assert "register('research>Scale')" in found["Scale"].hint
    assert [b.nodes for b in check(tmp_path / "m.keras")] == [b.nodes for b in error.value.blockers]


def test_a_custom_class_is_not_taken_for_the_built_in_one_of_its_name(tmp_path: Path) -> None:
    dense = layer("research>Dense", "d", old_call("x"), units=2)
    old = [{k: v for k, v in d.items() if k != "module"} for d in (entry("x", [None, 4], old=True), dense)]
    (found,) = check(write_hdf5(tmp_path / "m.h5", functional(old, ["x"], ["d"]), {"d": [random(4, 2), random(2)]}))
    assert (found.op, found.reason) == ("research>Dense", "custom-layer")


def test_a_lambda_is_never_run(tmp_path: Path) -> None:
    layers = [entry("x", [None, 4]), layer("Lambda", "code", call("x"), function=["4wEAAA==", None, None], function_type="lambda")]
    (found,) = check(write_archive(tmp_path / "m.keras", functional(layers, ["x"], ["code"]), {}))
    assert (found.op, found.reason) == ("Lambda", "custom-code")


def test_custom_activations_are_named(tmp_path: Path) -> None:
    function = {"module": "research", "class_name": "function", "config": "wave", "registered_name": "research>wave"}
    layers = [entry("x", [None, 4]), layer("Activation", "a", call("x"), activation=function)]
    (found,) = check(write_archive(tmp_path / "m.keras", functional(layers, ["x"], ["a"]), {}))
    assert found.reason == "custom-activation" and "'wave'" in found.message


@pytest.mark.parametrize("name", ["Scale", "research>Scale"])
def test_registered_layers_convert(name: str, tmp_path: Path, customs: None) -> None:
    @register(name, variables=("factor",))
    def scale(ctx: Any) -> Any:
        return ctx.scaled(ctx.call("Mul", ctx.x, ctx.parameter(ctx.weight("factor"), "factor")), ctx.number("times"))

    layers = [entry("x", [None, 4]), custom("c", call("x"), times=2.0)]
    x, factor = random(2, 4), random(4)
    path = write_archive(tmp_path / "m.keras", functional(layers, ["x"], ["c"]), {"layers/scale": [factor]})
    np.testing.assert_allclose(run(load(path), x)[0], 2 * x * factor, rtol=1e-6)
    old = [{k: v for k, v in d.items() if k != "module"} for d in (entry("x", [None, 4], old=True), custom("c", old_call("x"), times=2.0))]
    path = write_hdf5(tmp_path / "m.h5", functional(old, ["x"], ["c"]), {"c": [factor]})
    np.testing.assert_allclose(run(load(path), x)[0], 2 * x * factor, rtol=1e-6)


def test_registered_layers_may_take_all_arrays(tmp_path: Path, customs: None) -> None:
    @register("Scale")
    def scale(ctx: Any) -> Any:
        weight, bias = ctx.arrays
        return ctx.call("Add", ctx.call("Mul", ctx.x, ctx.const(weight)), ctx.const(bias))

    x, arrays = random(2, 4), [random(4), random(4)]
    config = functional([entry("x", [None, 4]), custom("c", call("x"))], ["x"], ["c"])
    got = run(load(write_archive(tmp_path / "m.keras", config, {"layers/scale": arrays})), x)[0]
    np.testing.assert_allclose(got, x * arrays[0] + arrays[1], rtol=1e-6)


def test_files_of_weights_alone_are_explained(tmp_path: Path) -> None:
    h5py = __import__("h5py")
    for name, folder in (("old.weights.h5", "d/d"), ("new.weights.h5", "layers/dense/vars")):
        with h5py.File(tmp_path / name, "w") as f:
            f[f"{folder}/0"] = random(3, 2)
            if name.startswith("old"):
                f.attrs["layer_names"] = [b"d"]
        with pytest.raises(ConversionError, match=r"weights alone.*model\.save"):
            load(tmp_path / name)


def test_subclassed_models_are_explained(tmp_path: Path) -> None:
    config = {"module": "research", "class_name": "Net", "config": {"name": "net", "trainable": True}, "registered_name": "Net"}
    with pytest.raises(ConversionError, match=r"Net is a subclassed model.*model\.export"):
        load(write_archive(tmp_path / "m.keras", config, {}))


def test_without_h5py_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_archive(tmp_path / "m.keras", functional([entry("x", [None, 4])], ["x"], ["x"]), {})
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert find_converter(path).name == "keras"
    with pytest.raises(MissingDependencyError, match=r"pip install edgekit\[keras\]"):
        load(path)


def test_open_sizes_that_matter_say_how_to_give_them(tmp_path: Path) -> None:
    def model(kernel: int, stride: int) -> Path:
        settings = {"kernel_size": [kernel] * 2, "strides": [stride] * 2, "padding": "same", "use_bias": False}
        conv = layer("Conv2D", "c", call("x"), filters=4, **settings)
        config = functional([entry("x", [None, None, None, 3]), conv], ["x"], ["c"])
        return write_archive(tmp_path / f"m{kernel}.keras", config, {"layers/conv2d": [random(kernel, kernel, 3, 4)]})

    (found,) = check(model(2, 3))
    assert found.reason == "dynamic-shape" and "height" in found.message and "--shape x:1,224,224,3" in found.hint
    assert check(model(2, 3), shapes={"x": (1, 8, 8, 3)}) == []
    (found,) = check(model(3, 2))
    assert found.reason == "dynamic-shape" and "without an upper bound" in found.message and "--shape x:1,1..SIZE,1..SIZE,3" in found.hint
    assert check(model(3, 2), shapes={"x": (1, (1, 64), (1, 64), 3)}) == []


# -- broken files -------------------------------------------------------------------------------------------------------------


def small(folder: Path) -> tuple[Path, Path]:
    """One model with a bit of everything, in both formats."""
    inner = {"module": "keras.layers", "class_name": "LSTM", "config": {"name": "lstm", "return_sequences": True, **LSTM}}
    layers = [
        entry("x", [None, 5, 4]),
        layer("Conv1D", "c", call("x"), filters=4, kernel_size=[3], padding="same"),
        layer("Bidirectional", "b", call("c"), layer=inner, merge_mode="sum"),
        layer("Dense", "d", call("b"), units=2, activation="softmax"),
    ]
    lstm = [random(4, 12), random(3, 12), random(12)]
    dense, conv = [random(3, 2), random(2)], [random(3, 4, 4), random(4)]
    at = "layers/bidirectional"
    arrays = {f"{at}/forward_layer/cell": lstm, f"{at}/backward_layer/cell": lstm, "layers/dense": dense, "layers/conv1d": conv}
    archive = write_archive(folder / "m.keras", functional(layers, ["x"], ["d"]), arrays)
    hdf5 = write_hdf5(folder / "m.h5", functional(layers, ["x"], ["d"]), {"c": conv, "b": [*lstm, *lstm], "d": dense}, "3.9.0")
    load(archive)
    load(hdf5)
    return archive, hdf5


def opens(path: Path) -> str:
    """The name of edgekit's error, empty where the model loads; anything else escapes."""
    try:
        load(path, default_leading=1)
    except EdgekitError as e:
        return type(e).__name__
    return ""


def test_truncated_files(tmp_path: Path) -> None:
    for path in small(tmp_path):
        data = path.read_bytes()
        for cut in range(0, len(data), max(1, len(data) // 40)):
            path.write_bytes(data[:cut])
            assert opens(path)


def test_flipped_bytes(tmp_path: Path) -> None:
    for path in small(tmp_path):
        for broken in damaged(path.read_bytes(), 150, seed=1):
            path.write_bytes(broken)
            opens(path)


def test_settings_of_wrong_types(tmp_path: Path) -> None:
    """Every value of the configuration replaced by ones of other types, one at a time."""
    archive, _ = small(tmp_path)
    with zipfile.ZipFile(archive) as z:
        config, weights = json.loads(z.read("config.json")), z.read("model.weights.h5")
    places = list(leaves(config))
    assert len(places) > 100
    out = tmp_path / "broken.keras"
    wrong: tuple[Any, ...] = (None, -1, 1 << 40, "x", [], {"class_name": 3}, [["x", 0]])
    for i, path in enumerate(places):
        for value in (wrong[i % 7], wrong[(i + 3) % 7]):
            with zipfile.ZipFile(out, "w") as z:
                z.writestr("config.json", json.dumps(replaced(config, path, value)))
                z.writestr("model.weights.h5", weights)
            opens(out)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every object, list and plain value of a configuration lies."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from leaves(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value at one place."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def raw_archive(path: Path, config: str, weights: bytes | None = None) -> Path:
    h5py = __import__("h5py")
    stream = io.BytesIO()
    h5py.File(stream, "w").close()
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("config.json", config)
        z.writestr("model.weights.h5", stream.getvalue() if weights is None else weights)
    return path


def test_configurations_nested_without_end(tmp_path: Path) -> None:
    deep: Any = layer("Dense", "d", units=2)
    for i in range(60):
        deep = sequential([deep], f"s{i}")
    for text in ("[" * 100_000 + "]" * 100_000, json.dumps(deep), "", "[]", "3", '{"class_name": "Functional"}'):
        with pytest.raises(MalformedModelError):
            load(raw_archive(tmp_path / "m.keras", text))
    arguments: Any = "x"
    for _ in range(100):
        arguments = [arguments]
    config = functional([entry("x", [None, 3]), layer("Add", "a", {"args": [arguments], "kwargs": {}})], ["x"], ["a"])
    with pytest.raises(MalformedModelError, match="nested"):
        load(raw_archive(tmp_path / "m.keras", json.dumps(config)))


def test_calls_in_a_circle_and_out_of_nowhere(tmp_path: Path) -> None:
    a, b = layer("ReLU", "a", call("b")), layer("ReLU", "b", call("a"))
    for layers, outputs, what in (
        ([entry("x", [None, 3]), a, b], ["a"], "circle"),
        ([entry("x", [None, 3]), layer("ReLU", "a", call("gone"))], ["a"], "does not exist"),
        ([entry("x", [None, 3])], ["gone"], "does not exist"),
        ([entry("x", [None, 3])], [["x", 0, 7]], "it has 1"),
        ([entry("x", [None, 3]), entry("x", [None, 3])], ["x"], "share a name"),
    ):
        with pytest.raises(MalformedModelError, match=what):
            load(raw_archive(tmp_path / "m.keras", json.dumps(functional(layers, ["x"], outputs))))


def test_inner_models_that_double_at_each_level(tmp_path: Path) -> None:
    relu = layer("ReLU", "r", call("i"))
    inner = functional([entry("i", [None, 3]), relu], ["i"], ["r"], "m0")
    for k in range(1, 25):
        name = f"m{k - 1}"
        twice = {**inner, "name": name, "inbound_nodes": [call("i"), call(name)]}
        inner = functional([entry("i", [None, 3]), twice], ["i"], [[name, 2, 0]], f"m{k}")
    with pytest.raises(MalformedModelError, match="more than"):
        load(raw_archive(tmp_path / "m.keras", json.dumps(inner)))


def hdf5_with(path: Path, change: Any) -> Path:
    """A model of one Dense layer whose group of weights ``change`` alters."""
    h5py = __import__("h5py")
    layers = [
        {k: v for k, v in d.items() if k != "module"}
        for d in (entry("x", [None, 3], old=True), layer("Dense", "d", old_call("x"), units=2, use_bias=False))
    ]
    write_hdf5(path, functional(layers, ["x"], ["d"]), {"d": [random(3, 2)]})
    with h5py.File(path, "r+") as f:
        group = f["model_weights/d"]
        del group["d"]
        change(h5py, group)
    return path


def test_arrays_that_lie_elsewhere_or_hold_nothing(tmp_path: Path) -> None:
    h5py = __import__("h5py")
    name = "d/array_0:0"
    with h5py.File(tmp_path / "other.h5", "w") as f:
        f["w"] = random(3, 2)
    (tmp_path / "secret.bin").write_bytes(bytes(24))

    def virtual(h5: Any, group: Any) -> None:
        layout = h5.VirtualLayout((3, 2), "f4")
        layout[:] = h5.VirtualSource(str(tmp_path / "other.h5"), "w", (3, 2))
        group.create_virtual_dataset(name, layout)

    def external(h5: Any, group: Any) -> None:
        group.create_dataset(name, (3, 2), "f4", external=[(str(tmp_path / "secret.bin"), 0, 24)])

    def linked(h5: Any, group: Any) -> None:
        group.create_group("d")["array_0:0"] = h5.ExternalLink(str(tmp_path / "other.h5"), "/w")

    def soft(h5: Any, group: Any) -> None:
        group.create_group("d")["array_0:0"] = h5.SoftLink("/model_weights")

    def huge(h5: Any, group: Any) -> None:
        group.create_dataset(name, (1 << 20, 1 << 20), "f4")

    def chunked(h5: Any, group: Any) -> None:
        group.create_dataset(name, (1 << 20, 1 << 20), "f4", chunks=(1024, 1024), compression="gzip")[0, 0] = 1

    def texts(h5: Any, group: Any) -> None:
        group.create_dataset(name, data=np.asarray([b"a", b"b"]))

    def another(h5: Any, group: Any) -> None:
        group.create_dataset(name, data=random(5, 2))

    def missing(h5: Any, group: Any) -> None:
        pass

    for change in (virtual, external, linked, soft, huge, chunked, texts, another, missing):
        with pytest.raises(MalformedModelError):
            load(hdf5_with(tmp_path / "m.h5", change), default_leading=1)


def test_bombs_are_counted(tmp_path: Path) -> None:
    def packed(h5: Any, group: Any) -> None:
        data = group.create_dataset("d/array_0:0", (300 << 20,), "u1", chunks=(4 << 20,), compression="gzip")
        for i in range(0, 300 << 20, 4 << 20):
            data[i : i + (4 << 20)] = 0

    path = hdf5_with(tmp_path / "m.h5", packed)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(MalformedModelError, match="more than a file of this size"):
        load(path)


def test_no_archive_and_no_hdf5(tmp_path: Path) -> None:
    for name, data in (("a.keras", b"PK\x03\x04nothing"), ("b.h5", b"\x89HDF\r\n\x1a\n" + bytes(100)), ("c.keras", b"text")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(MalformedModelError):
            load(tmp_path / name)
    with pytest.raises(MalformedModelError, match="no config"):
        with zipfile.ZipFile(tmp_path / "d.keras", "w") as z:
            z.writestr("other.json", "{}")
        load(tmp_path / "d.keras")


def test_configurations_without_weights_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(functional([entry("x", [None, 3])], ["x"], ["x"])))
    with pytest.raises(ConversionError, match="without weights"):
        load(path)
