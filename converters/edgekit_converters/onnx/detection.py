"""Tells an ONNX file by its bytes: the top-level fields of a ``ModelProto`` (onnx.proto of the ONNX repository)."""

from __future__ import annotations

from edgekit_converters.importing.wire import LENGTH, VARINT, read_varint

FIELDS = {
    1: VARINT,  # ir_version
    2: LENGTH,  # producer_name
    3: LENGTH,  # producer_version
    4: LENGTH,  # domain
    5: VARINT,  # model_version
    6: LENGTH,  # doc_string
    7: LENGTH,  # graph
    8: LENGTH,  # opset_import
    14: LENGTH,  # metadata_props
    20: LENGTH,  # training_info
    25: LENGTH,  # functions
    26: LENGTH,  # configuration
}
GRAPH, OPSET_IMPORT, IR_VERSION = 7, 8, 1
MAX_IR_VERSION = 1000


def looks_like_onnx(head: bytes) -> bool:
    """True when a file beginning with ``head`` is a ModelProto: known fields only, and a graph or an opset among them.

    A SavedModel also begins with a small integer, but has no field 7 or 8; a frozen GraphDef begins with a message.
    """
    at, seen = 0, set()
    while at < len(head):
        tag, at = read_varint(head, at, len(head))
        if tag is None:
            break
        number, kind = tag >> 3, tag & 7
        if FIELDS.get(number) != kind:
            return False
        value, at = read_varint(head, at, len(head))
        if value is None:
            break
        if number == IR_VERSION and not 1 <= value <= MAX_IR_VERSION:
            return False
        seen.add(number)
        if kind == LENGTH:
            at += value
    return bool(seen & {GRAPH, OPSET_IMPORT})
