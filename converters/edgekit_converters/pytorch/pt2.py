"""Reads ``.pt2`` files (``torch.export.save``) with no torch: a zip archive with JSON and weights.

Two layouts exist. Up to torch 2.7: ``serialized_exported_program.json`` beside ``serialized_state_dict.pt`` and
``serialized_constants.pt``, which are torch archives. Since 2.8: ``models/NAME.json`` beside ``data/weights`` and ``data/constants`` with
raw numbers and a JSON index (torch/export/pt2_archive/constants.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.importing.archives import Archive, ArchiveLimits, open_archive, open_archive_bytes
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.decoding import field, parse_json, tensor_meta, text, want
from edgekit_converters.pytorch.detection import OLD_PROGRAM, inner_name
from edgekit_converters.pytorch.pickles import PickledTensor, read_pickle, view_bytes
from edgekit_converters.pytorch.program import Program, TensorMeta
from edgekit_converters.pytorch.signature import read_program

MAX_JSON_BYTES = 1 << 29
OLD_TENSORS = ("serialized_state_dict.pt", "serialized_constants.pt")
#: major versions of the program schema this reader knows (torch 2.5 to 2.13 write 7 and 8)
SCHEMA_MAJORS = (5, 6, 7, 8)


@contextmanager
def opened_pt2(path: Path, model: str | None = None) -> Iterator[Program]:
    """The program in a file; its weights are read while the file is open.

    Args:
        path: of the file.
        model: which model of the archive; None for the only one, or the one called ``model``.

    Raises:
        MalformedModelError: the file is broken.
        Unsupported: it holds no program that can be read, a compiled library for instance.
    """
    with open_archive(path) as archive:
        entries = {inner_name(n): n for n in archive}
        yield _read_old(archive, entries) if OLD_PROGRAM in entries else _read_new(archive, entries, model)


def _read_new(archive: Archive, entries: Mapping[str, str], model: str | None) -> Program:
    models = sorted(n.removeprefix("models/").removesuffix(".json") for n in entries if n.startswith("models/") and n.endswith(".json"))
    if not models:
        raise MalformedModelError("the archive holds no models/*.json")
    name = model or ("model" if "model" in models else models[0])
    if name not in models:
        raise MalformedModelError(f"there is no model {name!r}; the archive holds {models}")
    if "byteorder" in entries and archive.read(entries["byteorder"], 64).strip() not in (b"little", b""):
        raise Unsupported("weights in big-endian byte order are not supported", "Save the program on a little-endian machine.")
    document = parse_json(archive.read(entries[f"models/{name}.json"], MAX_JSON_BYTES), f"models/{name}.json")
    check_version(document)
    index: dict[str, tuple[str, TensorMeta]] = {}
    pickled: dict[str, str] = {}
    for folder, suffix in (("data/weights", "weights"), ("data/constants", "constants")):
        config = f"{folder}/{name}_{suffix}_config.json"
        if config not in entries:
            continue
        payloads = field(parse_json(archive.read(entries[config], MAX_JSON_BYTES), config), "config", dict, config)
        for target, payload in payloads.items():
            what = f"{config} {target!r}"
            entry = f"{folder}/{text(payload, 'path_name', what)}"
            if payload.get("use_pickle") or payload.get("tensor_meta") is None:
                pickled[target] = entry
                continue
            index[target] = (entry, tensor_meta(payload["tensor_meta"], what))
    done: dict[str, Array] = {}

    def tensor(target: str) -> Array:
        if target in done:
            return done[target]
        if target in pickled:
            found = _pickled_tensor(archive, entries, pickled[target], target)
        elif target in index:
            entry, meta = index[target]
            if entry not in entries:
                raise MalformedModelError(f"the weight {target!r} lies in {entry!r}, which the archive does not hold")
            if not all(isinstance(s, int) for s in meta.sizes):
                raise MalformedModelError(f"the weight {target!r} has a symbolic shape")
            sizes = tuple(s for s in meta.sizes if isinstance(s, int))
            found = view_bytes(archive.array(entries[entry]), meta.type, sizes, meta.strides, meta.offset, f"the weight {target!r}")
        else:
            raise MalformedModelError(f"the archive holds no weight {target!r}")
        return done.setdefault(target, found)

    return read_program(document, tensor)


def _pickled_tensor(archive: Archive, entries: Mapping[str, str], entry: str, target: str) -> Array:
    if entry not in entries:
        raise MalformedModelError(f"the weight {target!r} lies in {entry!r}, which the archive does not hold")
    value = read_torch_archive(archive.read(entries[entry]), f"{archive.path}: {entry}")
    if not isinstance(value, np.ndarray):
        raise Unsupported(f"the weight {target!r} is an object of a class, not a plain tensor", reason="unsupported-type")
    return value


def _read_old(archive: Archive, entries: Mapping[str, str]) -> Program:
    document = parse_json(archive.read(entries[OLD_PROGRAM], MAX_JSON_BYTES), OLD_PROGRAM)
    check_version(document)
    tensors: dict[str, Any] = {}
    for name in OLD_TENSORS:
        if name in entries and archive.entry(entries[name]).size:
            tensors.update(want(read_torch_archive(archive.read(entries[name]), f"{archive.path}: {name}"), dict, name))

    def tensor(target: str) -> Array:
        found = tensors.get(target)
        if not isinstance(found, np.ndarray):
            raise MalformedModelError(f"the archive holds no weight {target!r}")
        return found

    return read_program(document, tensor)


def check_version(document: Any) -> None:
    """Refuse schemas of unknown major versions.

    Raises:
        Unsupported: the major version is not known.
    """
    version = field(document, "schema_version", dict, "the program")
    major = field(version, "major", int, "schema_version")
    if major not in SCHEMA_MAJORS:
        known = f"{SCHEMA_MAJORS[0]} to {SCHEMA_MAJORS[-1]}"
        raise Unsupported(f"schema version {major} of exported programs is not known (known: {known})", "Export with torch 2.5 to 2.13.")


def read_torch_archive(data: bytes, what: str) -> Any:
    """The plain data of a file written by ``torch.save``: tensors as arrays, dictionaries, lists.

    Raises:
        MalformedModelError: it is damaged.
    """
    with open_archive_bytes(data, what, ArchiveLimits(total_bytes=max(1 << 20, 2 * len(data)))) as archive:
        pickle = next((n for n in archive if n.rsplit("/", 1)[-1] == "data.pkl"), None)
        if pickle is None:
            raise MalformedModelError(f"{what}: no torch archive, data.pkl is missing")
        folder = pickle.removesuffix("data.pkl")
        value = read_pickle(archive.read(pickle))
        return _with_numbers(value, archive, folder, 0)


def _with_numbers(value: Any, archive: Archive, folder: str, depth: int) -> Any:
    if depth > 16:
        raise MalformedModelError(f"{archive.path}: the data are nested too deeply")
    if isinstance(value, PickledTensor):
        raw = archive.array(f"{folder}data/{value.storage.key}")
        found = view_bytes(raw, value.storage.type, value.sizes, value.strides, value.offset, f"storage {value.storage.key}")
        found = found.conj() if value.conjugated and found.dtype.kind == "c" else found
        return -found if value.negated and found.dtype.kind in "fc" else found
    if isinstance(value, dict):
        return {k: _with_numbers(v, archive, folder, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_with_numbers(v, archive, folder, depth + 1) for v in value]
    return value
