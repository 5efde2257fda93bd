"""Every value of a model's JSON gone, or something else: numbers beyond any type, infinities, lists, texts that are no UTF-8."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import converters
from edgekit.errors import EdgekitError, MalformedModelError
from tests.fuzz.importers import Failure, attempt, warm_up, write
from tests.fuzz.seeds import Seed, seeds
from tests.fuzz.structured import VALUES, slots
from tests.require import require_module

GONE = object()
HOSTILE: tuple[Any, ...] = (*VALUES, {"a": float("inf")}, [float("nan")], "\N{SUPERSCRIPT TWO}", -1.5, GONE)
FORMATS = ("huggingface", "keras", "mxnet", "pytorch", "tensorflow")
#: of all pairs of a place and a value this many are tried for each text
TRIED = 60


def json_texts(seed: Seed) -> Iterator[tuple[bytes, Callable[[bytes], Seed]]]:
    """Every JSON text of a model, be it a file, a member of an archive or a header, and how to put another in its place."""
    for name, data in seed.files.items():
        if data.lstrip()[:1] == b"{":
            yield data, partial(_as_file, seed, name)
        elif name.endswith(".safetensors"):
            yield data[8 : 8 + int.from_bytes(data[:8], "little")], partial(_as_header, seed, name)
        elif name.endswith((".keras", ".pt2")):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = {i.filename: archive.read(i) for i in archive.infolist()}
            for member, text in members.items():
                if text.lstrip()[:1] == b"{":
                    yield text, partial(_as_member, seed, name, members, member)


def _as_file(seed: Seed, name: str, text: bytes) -> Seed:
    return Seed({**seed.files, name: text}, seed.entry)


def _as_header(seed: Seed, name: str, text: bytes) -> Seed:
    data = seed.files[name]
    rest = data[8 + int.from_bytes(data[:8], "little") :]
    return _as_file(seed, name, len(text).to_bytes(8, "little") + text + rest)


def _as_member(seed: Seed, name: str, members: dict[str, bytes], member: str, text: bytes) -> Seed:
    return _as_file(seed, name, _zipped({**members, member: text}))


def _zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_every_value_of_a_json_text(name: str, tmp_path: Path) -> None:
    if name == "keras":
        require_module("h5py", "h5py", "pip install h5py")
    warm_up(name)
    texts = 0
    for seed in seeds(name):
        for text, put in json_texts(seed):
            texts += 1
            tree = json.loads(text)
            pairs = [(*place, value) for place in slots(tree) for value in HOSTILE if value is not GONE or isinstance(place[0], dict)]
            for k in range(0, len(pairs), max(1, len(pairs) // TRIED)):
                holder, key, value = pairs[k]
                before = holder[key]
                if value is GONE:
                    del holder[key]
                else:
                    holder[key] = value
                outcome = attempt(write(put(json.dumps(tree).encode()), tmp_path / f"{texts}-{k}"))
                holder[key] = before
                assert not isinstance(outcome, Failure), (key, value, outcome.detail)
    assert texts >= 1


def test_names_of_fields_that_are_no_utf8(tmp_path: Path) -> None:
    """Found by replacing every value: protobuf's reader of JSON breaks down over half of a UTF-16 pair."""
    path = tmp_path / "model.json"
    path.write_text('{"modelTopology": {"node": [{"name": "x", "op": "Placeholder", "\\ud800": 1}]}, "weightsManifest": []}')
    with pytest.raises(MalformedModelError, match="GraphDef"):
        converters.load(path)


@pytest.mark.parametrize("entry", ['"scale": 1', '"scale": [1], "min": 0', '"scale": 1e999, "min": null'])
def test_quantization_of_a_weight(entry: str, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    node = '{"name": "x", "op": "Const", "attr": {"dtype": {"type": "DT_FLOAT"}}}'
    weight = f'{{"name": "x", "shape": [1], "dtype": "float32", "quantization": {{"dtype": "uint8", {entry}}}}}'
    path.write_text(f'{{"modelTopology": {{"node": [{node}]}}, "weightsManifest": [{{"paths": ["w.bin"], "weights": [{weight}]}}]}}')
    (tmp_path / "w.bin").write_bytes(b"\0")
    with pytest.raises(MalformedModelError, match="weightsManifest"):
        converters.load(path)


def test_archives_with_entries_without_a_name(tmp_path: Path) -> None:
    """The standard library asks for the last letter of a name."""
    data = _zipped({"config.json": b"{}", "y": b"", "model.weights.h5": b""})
    at = data.index(b"y", data.index(b"PK\x01\x02"))  # in the directory
    broken = bytearray(data)
    directory = broken.rindex(b"PK\x01\x02", 0, at)
    broken[directory + 28 : directory + 30] = b"\0\0"  # the name's length
    broken[directory + 32 : directory + 34] = b"\1\0"  # the comment's length: the name is a comment now
    for name in ("m.keras", "m.pt2", "m.zip"):
        (tmp_path / name).write_bytes(broken)
        with pytest.raises(EdgekitError):
            converters.load(tmp_path / name)
    model = seeds("tflite")[0].files["m.tflite"]
    (tmp_path / "m.tflite").write_bytes(model + broken)
    assert not isinstance(attempt(tmp_path / "m.tflite"), Failure)


@pytest.mark.parametrize("shape", [[0, 1 << 62], [0] * 70, [-1, 0]], ids=str)
@pytest.mark.parametrize("name", ["tensorflow", "keras"])
def test_weights_of_impossible_dimensions(name: str, shape: list[int], tmp_path: Path) -> None:
    """An array without elements can be impossible, too."""
    if name == "keras":
        require_module("h5py", "h5py", "pip install h5py")
    seed = next(s for s in seeds(name) if any(b"weightsManifest" in d for d in s.files.values()))
    tree = json.loads(seed.files[seed.entry])
    tree["weightsManifest"][0]["weights"][0]["shape"] = shape
    assert attempt(write(Seed({**seed.files, seed.entry: json.dumps(tree).encode()}, seed.entry), tmp_path)) == "MalformedModelError"


@pytest.mark.parametrize("dimension", [1 << 62, 1 << 50])
def test_mxnet_arrays_of_impossible_dimensions(dimension: int, tmp_path: Path) -> None:
    from tests.converters.mxnet.models import params_bytes

    seed = seeds("mxnet")[0]
    data = params_bytes({"w": np.zeros((0, 7), np.float32)})
    at = data.index((7).to_bytes(8, "little"))
    data = data[:at] + dimension.to_bytes(8, "little") + data[at + 8 :]
    assert attempt(write(Seed({**seed.files, "net-0001.params": data}, seed.entry), tmp_path)) == "MalformedModelError"
