"""Tells TensorFlow's files from others by their first bytes."""

from __future__ import annotations

import re
from pathlib import Path

from edgekit_converters.importing.wire import LENGTH, read_varint

#: the main file of a SavedModel, in protobuf's binary or text form
BINARY, TEXT = "saved_model.pb", "saved_model.pbtxt"
NAME = re.compile(rb"[A-Za-z0-9_.][A-Za-z0-9_.\\/>\-]*")
OPERATOR = re.compile(rb"[A-Za-z_>][A-Za-z0-9_>]*")
#: a GraphDef, or a SavedModel, in protobuf's text form
GRAPH_TEXT = re.compile(rb"(\s|#[^\n]*\n)*(node|library|versions)\s*:?\s*\{")
NODE_TEXT = re.compile(rb"\bop\s*:\s*[\"']|\bproducer\s*:")
MODEL_TEXT = re.compile(rb"(\s|#[^\n]*\n)*(saved_model_schema_version\s*:|meta_graphs\s*:?\s*\{)")
GRAPH_MODEL = re.compile(rb'"format"\s*:\s*"graph-model"|"modelTopology"\s*:\s*\{\s*"(node|library|versions)"\s*:')


def is_saved_model(folder: Path) -> bool:
    """True for a folder with a SavedModel's main file."""
    return any((folder / name).is_file() for name in (BINARY, TEXT))


def looks_like_graph(head: bytes) -> bool:
    """True when a file begins with a GraphDef: a node, in it a name and then an operator."""
    size, at = _field(head, 0, 1)
    if size is None:
        return False
    end = at + size
    name_size, at = _field(head, at, 1)
    if name_size is None or at + name_size > end or not NAME.fullmatch(head[at : at + name_size]):
        return False
    at += name_size
    op_size, at = _field(head, at, 2)
    return op_size is not None and at + op_size <= end and OPERATOR.fullmatch(head[at : at + op_size]) is not None


def looks_like_saved_model(head: bytes) -> bool:
    """True when a file begins with a SavedModel: schema version 1, a meta graph, and in it its info."""
    if head[:2] != b"\x08\x01":
        return False
    size, at = _field(head, 2, 2)
    if size is None:
        return False
    inner, _ = _field(head, at, 1)
    return inner is not None and inner <= size


def looks_like_graph_text(head: bytes) -> bool:
    """True when a file begins with a GraphDef in text form."""
    return GRAPH_TEXT.match(head) is not None and NODE_TEXT.search(head) is not None


def looks_like_saved_model_text(head: bytes) -> bool:
    """True when a file begins with a SavedModel in text form."""
    return MODEL_TEXT.match(head) is not None


def looks_like_graph_model(head: bytes) -> bool:
    """True when a file begins like a graph model of TensorFlow.js."""
    return head.lstrip()[:1] == b"{" and GRAPH_MODEL.search(head) is not None


def _field(data: bytes, at: int, number: int) -> tuple[int | None, int]:
    """The length of the field ``number`` that begins at ``at``, and where its content begins."""
    if at >= len(data) or data[at] != number << 3 | LENGTH:
        return None, at
    return read_varint(data, at + 1, len(data))
