"""SavedModel folders: one of the signatures of the graph for serving, and the checkpoint beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edgekit.errors import ConversionError, MalformedModelError
from edgekit_converters.importing.protobuf import MAX_BYTES, parse, parse_text
from edgekit_converters.tensorflow.bundle import Bundle
from edgekit_converters.tensorflow.detection import BINARY, TEXT
from edgekit_converters.tensorflow.folder import Folder
from edgekit_converters.tensorflow.model import Model, ModelInput
from edgekit_converters.tensorflow.nodes import Body, Library, parse_ref, read_nodes
from edgekit_converters.tensorflow.objects import read_function
from edgekit_converters.tensorflow.protos import messages
from edgekit_converters.tensorflow.variables import VariableStore, trace_restore

CHECKPOINT = "variables/variables"
SERVE, TRAIN = "serve", "train"
DEFAULT_SIGNATURE = "serving_default"
#: signatures taken where none is named; the second is that of TF1's Hub modules
USUAL = (DEFAULT_SIGNATURE, "default")
#: signatures that initialize, not compute
INTERNAL = ("__saved_model_init_op", "__saved_model_train_op")


def read_saved_model(folder: Folder, signature: str | None) -> Model:
    """A SavedModel as a model: inputs and outputs are the signature's, sorted by name.

    Args:
        folder: where it lies.
        signature: which one; None takes ``serving_default``, or the only one there is.

    Raises:
        MalformedModelError: it is broken.
        ConversionError: there is no such signature.
    """
    name = BINARY if BINARY in folder else TEXT
    data = folder.read(name, MAX_BYTES)
    where = f"{folder.where}/{name}"
    proto_class = messages()["SavedModel"]
    proto = parse(proto_class, data, where) if name == BINARY else parse_text(proto_class, data, where)
    if not proto.meta_graphs:
        raise MalformedModelError(f"{where}: it holds no graph")
    meta = _for_serving(proto.meta_graphs)
    library = Library(meta.graph_def.library.function)
    body = Body("main", read_nodes(meta.graph_def.node, where))
    bundle = Bundle(folder, CHECKPOINT) if f"{CHECKPOINT}.index" in folder else None
    facts = {
        "source.format": "tensorflow",
        "source.kind": "SavedModel",
        "source.producer": f"TensorFlow {meta.meta_info_def.tensorflow_version}".strip(),
        "source.signatures": ", ".join(_names(meta.signature_def)),
    }
    if not _names(meta.signature_def):
        key, model = read_function(meta, body, library, bundle, signature)
        return replace(model, facts={**facts, "source.signature": key})
    key, chosen = choose_signature(meta.signature_def, signature)
    facts["source.signature"] = key
    restores = trace_restore(body, library, meta.saver_def.restore_op_name) if bundle is not None else {}
    inputs = [_input(k, chosen.inputs[k], where) for k in sorted(chosen.inputs)]
    outputs = [(k, parse_ref(_tensor_name(k, chosen.outputs[k], where))) for k in sorted(chosen.outputs)]
    return Model(body, library, inputs, outputs, VariableStore(bundle, restores), facts)


def _for_serving(graphs: Any) -> Any:
    """The graph tagged for serving; else one that is not for training (modules of TF1's Hub have no tags), else the first."""
    serving = [m for m in graphs if SERVE in m.meta_info_def.tags] or [m for m in graphs if TRAIN not in m.meta_info_def.tags]
    return (serving or graphs)[0]


def _names(signatures: Any) -> list[str]:
    return sorted(k for k in signatures if k not in INTERNAL and signatures[k].outputs)


def choose_signature(signatures: Any, wanted: str | None) -> tuple[str, Any]:
    """A signature by name; the usual one for None.

    Raises:
        ConversionError: there is none of that name, or none is the usual one.
    """
    names = _names(signatures)
    if wanted is None:
        wanted = next((s for s in USUAL if s in names), names[0] if len(names) == 1 else None)
        if wanted is None:
            raise ConversionError(f"the SavedModel has several signatures and no {DEFAULT_SIGNATURE!r}; choose one of {names}")
    if wanted not in names:
        raise ConversionError(f"the SavedModel has no signature {wanted!r}; it has {names}")
    return wanted, signatures[wanted]


def _input(name: str, info: Any, where: str) -> ModelInput:
    ref = parse_ref(_tensor_name(name, info, where))
    return ModelInput(name, ref.node, info.dtype, info.tensor_shape if info.HasField("tensor_shape") else None)


def _tensor_name(name: str, info: Any, where: str) -> str:
    if info.WhichOneof("encoding") != "name":
        raise MalformedModelError(f"{where}: {name!r} of the signature is a composite (sparse or ragged) tensor")
    return str(info.name)
