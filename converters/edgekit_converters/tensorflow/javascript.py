"""Graph models of TensorFlow.js: model.json with a GraphDef in JSON form, and files of weights beside it.

The form is that of the tfjs-converter (github.com/tensorflow/tfjs, tfjs-converter/python/tensorflowjs/write_weights.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.importing.dimensions import possible
from edgekit_converters.tensorflow.folder import Folder
from edgekit_converters.tensorflow.graph_def import find_inputs, find_outputs
from edgekit_converters.tensorflow.model import Model, ModelInput
from edgekit_converters.tensorflow.nodes import Body, Library, parse_ref, read_nodes
from edgekit_converters.tensorflow.protos import messages
from edgekit_converters.tensorflow.tensors import DTYPES, NAMES

MAX_JSON_BYTES = 1 << 29
MAX_DEPTH = 60
MAX_FILES = 100_000
#: types of weights, and the types they may be stored in
STORED = {
    "float32": np.float32, "int32": np.int32, "bool": np.bool_, "uint8": np.uint8, "uint16": np.uint16, "float16": np.float16,
    "int8": np.int8, "int16": np.int16,
}  # fmt: skip
#: the names that JSON has for DataType codes
DATA_TYPES = {
    **{f"DT_{name}": code for code, name in ((1, "FLOAT"), (2, "DOUBLE"), (14, "BFLOAT16"), (19, "HALF"))},
    **{f"DT_{t.label.upper()}": code for code, t in DTYPES.items() if not t.is_float},
    **{f"DT_{name.upper()}": code for code, name in NAMES.items()},
    "DT_INVALID": 0,
}


#: element types TensorFlow.js does not have: their weights are stored, and computed with, as these
HELD_AS = {"DT_DOUBLE": "DT_FLOAT", "DT_INT64": "DT_INT32"}


def read_graph_model(folder: Folder, name: str) -> Model:
    """A graph model.

    Args:
        folder: where its files lie.
        name: of the JSON file.

    Raises:
        MalformedModelError: it is broken, or a layers model.
    """
    data = folder.read(name, MAX_JSON_BYTES)
    try:
        text = json.loads(data)
    except (ValueError, RecursionError) as e:
        raise MalformedModelError(f"{name}: it is no JSON: {e}") from e
    if not isinstance(text, dict) or not isinstance(text.get("modelTopology"), dict):
        raise MalformedModelError(f"{name}: it has no modelTopology")
    topology = text["modelTopology"]
    if "node" not in topology:
        raise MalformedModelError(f"{name}: it is no graph model of TensorFlow.js; a layers model is a Keras model, load that")
    proto = _message("GraphDef", topology, name)
    body = Body("main", read_nodes(proto.node, name))
    constants = read_weights(folder, text.get("weightsManifest"))
    facts = {
        "source.format": "tensorflow",
        "source.kind": "TensorFlow.js graph model",
        "source.producer": str(text.get("generatedBy") or ""),
    }
    signature = text.get("signature") or text.get("userDefinedMetadata", {}).get("signature") or {}
    outputs = [(k, parse_ref(i.name)) for k, i in _infos(signature, "outputs", name)] or find_outputs(body)
    if not outputs:
        raise MalformedModelError(f"{name}: the graph has no outputs")
    inputs = [ModelInput(k, parse_ref(i.name).node, i.dtype, i.tensor_shape) for k, i in _infos(signature, "inputs", name)]
    return Model(body, Library(proto.library.function), inputs or find_inputs(body, outputs), outputs, facts=facts, constants=constants)


def _infos(signature: Any, kind: str, where: str) -> list[tuple[str, Any]]:
    """The TensorInfo messages of a signature that have names, in the file's order."""
    entries = signature.get(kind) if isinstance(signature, dict) else None
    if not isinstance(entries, dict):
        return []
    found = [(k, _message("TensorInfo", v, where)) for k, v in entries.items()]
    return [(k, info) for k, info in found if info.name]


def _message(kind: str, tree: Any, where: str) -> Any:
    """A message from its JSON form."""
    from google.protobuf import json_format

    try:
        return json_format.ParseDict(_with_codes(tree, 0), messages()[kind](), ignore_unknown_fields=True)
    except (json_format.ParseError, RecursionError, ValueError, TypeError, AttributeError, KeyError, OverflowError, SystemError) as e:
        raise MalformedModelError(f"{where}: it holds no {kind}: {e}") from e  # SystemError: a name that is no UTF-8


def _with_codes(tree: Any, depth: int) -> Any:
    """The JSON with the names of element types as numbers."""
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(tree, dict):
        return {k: _with_codes(v, depth + 1) for k, v in tree.items()}
    if isinstance(tree, list):
        return [_with_codes(v, depth + 1) for v in tree]
    if isinstance(tree, str) and tree.startswith("DT_"):
        return DATA_TYPES.get(HELD_AS.get(tree, tree), tree)
    return tree


def read_weights(folder: Folder, manifest: Any) -> dict[str, Callable[[], Array]]:
    """What reads each weight, by its name.

    Raises:
        MalformedModelError: the manifest makes no sense. Files are looked at when a weight is read.
    """
    found: dict[str, Callable[[], Array]] = {}
    if manifest is None:
        return found
    try:
        for group in manifest:
            files = _Shards(folder, [str(p) for p in group["paths"]])
            offset = 0
            for entry in group["weights"]:
                weight = _Weight(entry, files, offset)
                offset += weight.nbytes
                found[weight.name] = weight.read
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as e:
        raise MalformedModelError(f"{folder.where}: the weightsManifest is broken: {type(e).__name__}: {e}") from e
    return found


class _Shards:
    """The files of a group, one behind the other."""

    def __init__(self, folder: Folder, paths: list[str]) -> None:
        if len(paths) > MAX_FILES:
            raise ValueError(f"{len(paths)} files")
        self.folder = folder
        self.paths = paths
        self._whole: Array | None = None

    def part(self, offset: int, size: int, name: str) -> Array:
        """Bytes of the group as uint8."""
        if self._whole is None:
            parts = [np.frombuffer(self.folder.read(p, 1 << 31), np.uint8) for p in self.paths]
            self._whole = parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.zeros(0, np.uint8)
        if offset + size > len(self._whole):
            end = len(self._whole)
            raise MalformedModelError(f"{self.folder.where}: the weight {name!r} lies at bytes {offset} to {offset + size} of {end}")
        return self._whole[offset : offset + size]


class _Weight:
    """One entry of the manifest."""

    def __init__(self, entry: Any, files: _Shards, offset: int) -> None:
        self.name = str(entry["name"])
        self.shape = tuple(int(d) for d in entry["shape"])
        self.dtype = str(entry["dtype"])
        self.files, self.offset = files, offset
        quantization = entry.get("quantization")
        stored = self.dtype if quantization is None else str(quantization["dtype"])
        if stored not in STORED or self.dtype not in STORED or not possible(self.shape):
            raise ValueError(f"weight {self.name!r} of type {self.dtype}, stored as {stored}, with the shape {list(self.shape)}")
        self.stored = np.dtype(STORED[stored])
        self.affine: tuple[float, float] | None = None
        if quantization is not None and self.stored.kind == "u":
            self.affine = float(quantization["scale"]), float(quantization["min"])
        self.nbytes = math.prod(self.shape) * self.stored.itemsize

    def read(self) -> Array:
        """The weight, without its quantization."""
        raw = self.files.part(self.offset, self.nbytes, self.name)
        flat = (raw if raw.ctypes.data % self.stored.alignment == 0 else raw.copy()).view(self.stored)
        dtype = STORED[self.dtype]
        if self.affine is not None:
            with np.errstate(all="ignore"):  # numbers may be anything
                real = flat.astype(np.float64) * self.affine[0] + self.affine[1]
                flat = (np.rint(real) if np.dtype(dtype).kind in "iu" else real).astype(dtype)
        return flat.astype(dtype, copy=False).reshape(self.shape)
