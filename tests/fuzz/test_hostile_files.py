"""What stands where a model's files should: nothing, folders, pipes, devices, files nobody may read, names of any kind."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.cli.app import run as run_command
from edgekit.errors import EdgekitError
from tests.fuzz.importers import Failure, attempt, warm_up, write
from tests.fuzz.seeds import OWN, Seed, seeds
from tests.require import require_module

NOBODY = 65534
#: file names that are legal on Linux and seldom thought of; ``os.fsdecode`` gives names that are no UTF-8 lone surrogates
NAMES = (
    "a b", "a\tb", "a\nb", "-o", "%s%n{0}", "*?[a]", "#1 & $(x) `y`", "'q\"", "æøå 模型 🙂", os.fsdecode(b"latin1-\xe6\xf8"), "\x1b[31mred",
    "." * 9, "x" * 200, "CON",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.importers.SECONDS_PER_INPUT", 4)


def each_file() -> Iterator[tuple[str, int, str]]:
    """Format, number of the seed, and one of the seed's files."""
    for name in OWN:
        if name != "keras" or importlib.util.find_spec("h5py"):
            for k, seed in enumerate(seeds(name)):
                yield from ((name, k, f) for f in sorted(seed.files))


def seed_of(name: str, number: int) -> Seed:
    """A seed by its number; what its format imports is imported."""
    if name == "keras":
        require_module("h5py", "h5py", "pip install h5py")
    warm_up(name)
    return seeds(name)[number]


def empty(path: Path) -> None:
    """An empty file."""
    path.write_bytes(b"")


def folder(path: Path) -> None:
    """A folder."""
    path.mkdir()


def full_folder(path: Path) -> None:
    """A folder with another of its name inside."""
    (path / path.name).mkdir(parents=True)


def pipe(path: Path) -> None:
    """A pipe that nobody writes to: whoever opens it waits for ever."""
    os.mkfifo(path)


def endless(path: Path) -> None:
    """A device that gives zeros without end."""
    path.symlink_to("/dev/zero")


def circle(path: Path) -> None:
    """A link to itself."""
    path.symlink_to(path.name)


def nowhere(path: Path) -> None:
    """A link to nothing."""
    path.symlink_to("nothing")


def sparse(path: Path) -> None:
    """A file that claims a terabyte and takes no room."""
    with path.open("wb") as f:
        f.truncate(1 << 40)


STANDINS: tuple[Callable[[Path], None], ...] = (empty, folder, full_folder, pipe, endless, circle, nowhere, sparse)


@pytest.mark.parametrize("stand_in", STANDINS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(("name", "number", "file"), list(each_file()))
def test_something_else_in_place_of_a_file(name: str, number: int, file: str, stand_in: Callable[[Path], None], tmp_path: Path) -> None:
    seed = seed_of(name, number)
    path = write(seed, tmp_path / "m")
    (tmp_path / "m" / file).unlink()
    stand_in(tmp_path / "m" / file)
    outcome = attempt(path)
    assert not isinstance(outcome, Failure), outcome.detail
    if file == seed.entry:
        assert outcome in ("MalformedModelError", "ConversionError")
        again = attempt(path, deep=True)
        assert not isinstance(again, Failure), again.detail


@contextmanager
def nobody() -> Iterator[None]:
    """As a user without rights, where the tests run as root, whom no file is closed to."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(("name", "number", "file"), list(each_file()))
def test_files_that_may_not_be_read(name: str, number: int, file: str, tmp_path: Path) -> None:
    seed = seed_of(name, number)
    path = write(seed, tmp_path / "m")
    for p in (tmp_path, *tmp_path.parents[:3], *tmp_path.rglob("*")):
        p.chmod(p.stat().st_mode | 0o055)
    edgekit_is_loaded(path)
    (tmp_path / "m" / file).chmod(0)
    with nobody():
        outcome = attempt(path)
    assert not isinstance(outcome, Failure), outcome.detail
    if file == seed.entry:
        assert outcome == "MalformedModelError"


def edgekit_is_loaded(path: Path) -> None:
    """Everything that is imported on the way is imported before rights are given up."""
    assert not isinstance(attempt(path), Failure)


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100], ids=["closed", "names-only", "no-names"])
@pytest.mark.parametrize("name", OWN)
def test_folders_that_may_not_be_entered(name: str, mode: int, tmp_path: Path) -> None:
    seed = seed_of(name, 0)
    path = write(seed, tmp_path / "m")
    edgekit_is_loaded(path)
    for p in (tmp_path, *tmp_path.parents[:3]):
        p.chmod(p.stat().st_mode | 0o055)
    (tmp_path / "m").chmod(mode)
    try:
        with nobody():
            outcome = attempt(path)
    finally:
        (tmp_path / "m").chmod(0o755)
    assert outcome == "MalformedModelError"


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("title", NAMES, ids=ascii)
def test_names_of_any_kind(name: str, title: str, tmp_path: Path) -> None:
    """Conversion succeeds whatever files and folders are called, and the command line can say so."""
    seed = seed_of(name, 0)
    renamed = Seed({_renamed(f, seed, title): data for f, data in seed.files.items()}, _renamed(seed.entry, seed, title))
    path = write(renamed, tmp_path / title)
    done = edgekit.convert(path, tmp_path / "out.ekm", options=edgekit.ConvertOptions(check=False))
    assert done.path.stat().st_size > 0
    assert run_command(["check", str(path)]) == 0


def _renamed(file: str, seed: Seed, title: str) -> str:
    """The entry's name, and that of its twin with another end, begin with ``title``; what a format fixes stays."""
    stem = seed.entry.partition("-")[0].rpartition(".")[0] or seed.entry.partition("-")[0]
    fixed = not seed.entry or (len(seed.files) > 1 and not all(f.startswith(stem) for f in seed.files))
    return file if fixed or not file.startswith(stem) else title + file.removeprefix(stem)


@pytest.mark.parametrize(
    "path", ["", ".", "x" * 5000, "a/" * 3000, "nul\0byte", "\ud800", "/dev/null", "/dev/zero", "/proc/self/mem", "/proc/self/fd"]
)
def test_paths_that_lead_to_no_model(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for source in (path, Path(path)):
        with pytest.raises(EdgekitError):
            converters.load(source)
        with pytest.raises(EdgekitError):
            edgekit.convert(source, tmp_path / "out.ekm")
    assert run_command(["check", "--", path]) != 0


def test_a_folder_with_an_unreadable_stranger(tmp_path: Path) -> None:
    """A folder's hash covers all of its files; one nobody may read is an error that names it."""
    warm_up("tensorflow", deep=True)
    path = write(seeds("tensorflow")[0], tmp_path / "m")
    (tmp_path / "m" / "notes.txt").write_text("x")
    for p in (tmp_path, *tmp_path.parents[:3], *tmp_path.rglob("*")):
        p.chmod(p.stat().st_mode | 0o055)
    edgekit_is_loaded(path)
    tmp_path.chmod(0o777)
    assert attempt(path, deep=True) == "loaded"  # with all that is imported on the way
    (tmp_path / "m" / "notes.txt").chmod(0)
    with nobody(), pytest.raises(EdgekitError, match=r"notes\.txt: cannot be read"):
        edgekit.convert(path, tmp_path / "out.ekm", options=edgekit.ConvertOptions(check=False))


def test_weights_of_no_size_at_all(tmp_path: Path) -> None:
    """Arrays without elements are arrays, in whatever format."""
    from tests.converters.mxnet.models import params_bytes

    for arrays in ({}, {"w": np.zeros((0,), np.float32)}, {"w": np.zeros((3, 0, 2), np.float32)}):
        (tmp_path / "net-symbol.json").write_text('{"nodes": [{"op": "null", "name": "x", "inputs": []}], "heads": [[0, 0, 0]]}')
        (tmp_path / "net-0001.params").write_bytes(params_bytes(arrays))
        assert not isinstance(attempt(tmp_path / "net-symbol.json"), Failure)


LOCATIONS = (
    "../w.bin",
    "/etc/hostname",
    "inside/../../w.bin",
    "outside.bin",
    "circle.bin",
    "nul\0byte",
    "x" * 300,
    "",
    ".",
    "..",
    "pipe.bin",
)


def _named(name: str, location: str, folder: Path) -> Path:
    """A model that says its weights lie in ``location``."""
    if name == "onnx":
        require_module("onnx", "onnx", "pip install onnx")
        from tests.converters.onnx.models import model, node

        proto = model([node("Add", ["x", "w"], ["y"])], {"x": (np.float32, [4])}, ["y"], {"w": np.arange(4, dtype=np.float32)})
        tensor = proto.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = 1
        tensor.external_data.add(key="location", value=location)
        (folder / "m.onnx").write_bytes(proto.SerializeToString())
        return folder / "m.onnx"
    if name == "huggingface":
        seed = next(s for s in seeds(name) if "model.safetensors.index.json" in s.files)
        index = json.dumps({"weight_map": {"bert.embeddings.word_embeddings.weight": location}})
        return write(Seed({"config.json": seed.files["config.json"], "model.safetensors.index.json": index.encode()}, ""), folder)
    seed = next(s for s in seeds(name) if any(f.endswith(".json") and b"weightsManifest" in d for f, d in s.files.items()))
    tree = json.loads(seed.files[seed.entry])
    tree["weightsManifest"][0]["paths"] = [location]
    return write(Seed({**seed.files, seed.entry: json.dumps(tree).encode()}, seed.entry), folder)


@pytest.mark.parametrize("location", LOCATIONS, ids=ascii)
@pytest.mark.parametrize("name", ["onnx", "tensorflow", "keras", "huggingface"])
def test_names_that_files_give_to_other_files(name: str, location: str, tmp_path: Path) -> None:
    """ONNX's external data, TensorFlow.js' shards, Hugging Face's parts: nothing outside of the folder is read, nothing waits."""
    if name == "keras":
        require_module("h5py", "h5py", "pip install h5py")
    folder = tmp_path / "m"
    warm_up(name)
    (folder / "inside").mkdir(parents=True)
    (tmp_path / "w.bin").write_bytes(bytes(1 << 16))
    (folder / "outside.bin").symlink_to("/dev/zero")
    circle(folder / "circle.bin")
    pipe(folder / "pipe.bin")
    outcome = attempt(_named(name, location, folder))
    assert outcome == "MalformedModelError", outcome


def test_shards_of_a_checkpoint_that_lie_elsewhere(tmp_path: Path) -> None:
    """A link out of the folder in place of a shard, or of the whole folder of variables."""
    seed = seeds("tensorflow")[0]
    assert any(f.startswith("variables/variables.data") for f in seed.files)
    write(seed, tmp_path / "other")
    path = write(seed, tmp_path / "m")
    for f in seed.files:
        if f.startswith("variables/variables"):
            (path / f).unlink()
            (path / f).symlink_to(tmp_path / "other" / f)
    assert attempt(path) == "MalformedModelError"
    shutil.rmtree(path / "variables")
    (path / "variables").symlink_to(tmp_path / "other" / "variables")
    assert attempt(path) == "MalformedModelError"


def test_archives_in_place_of_models(tmp_path: Path) -> None:
    """Links, traversal, bombs and devices inside archives, under every name by which a format would take them."""
    kinds = {"link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "device": tarfile.CHRTYPE, "pipe": tarfile.FIFOTYPE}
    for kind, code in kinds.items():
        with tarfile.open(tmp_path / f"{kind}.tar.gz", "w:gz") as tar:
            for member in ("m/saved_model.pb", "m/variables/variables.index"):
                info = tarfile.TarInfo(member)
                info.type, info.linkname = code, "/etc/passwd"
                tar.addfile(info)
    for kind, member in {"up": "../saved_model.pb", "root": "/saved_model.pb"}.items():
        with tarfile.open(tmp_path / f"{kind}.tar.gz", "w:gz") as tar:
            tar.addfile(tarfile.TarInfo(member))
    with gzip.open(tmp_path / "bomb.tar.gz", "wb", 9) as f, tarfile.open(fileobj=f, mode="w|") as tar:  # type: ignore[arg-type]
        info = tarfile.TarInfo("saved_model.pb")
        info.size = 1 << 28
        tar.addfile(info, Zeros())
    for name in ("bomb.keras", "bomb.pt2", "net.params"):
        inner = {"bomb.keras": "config.json", "bomb.pt2": "models/model.json", "net.params": "w.npy"}[name]
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(inner, "w") as member_file:
            for _ in range(256):
                member_file.write(bytes(1 << 20))
    for path in sorted(tmp_path.iterdir()):
        assert attempt(path) == "MalformedModelError", path


class Zeros:
    """A file of zeros."""

    def read(self, count: int = -1) -> bytes:
        return bytes(count)
