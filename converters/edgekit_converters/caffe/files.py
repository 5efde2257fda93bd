"""Finds the two files of a model, the prototxt and the weights, whichever of them (or their folder) is named."""

from __future__ import annotations

import re
from pathlib import Path

from edgekit.errors import MalformedModelError
from edgekit_converters.caffe.weights import looks_like_weights
from edgekit_converters.importing.files import read_head

ITERATION = re.compile(r"[_-]iter[_-](\d{1,12})\Z")
TEXT_ENDS = (".prototxt", ".prototext", ".pbtxt")
WEIGHTS_END = ".caffemodel"
#: prototxts that describe training
TRAINING = re.compile(r"solver|train", re.IGNORECASE)
#: a prototxt: some field of a NetParameter, then layers or inputs
LOOKS_LIKE = re.compile(rb"^\s*(?:layers?\s*\{|input\s*:\s*[\"']|input_dim\s*:)", re.MULTILINE)
#: TensorFlow's graphs in text form have inputs, too
OTHERS = re.compile(rb"(?:\s|#[^\n]*\n)*(?:node|library|versions|saved_model_schema_version|meta_graphs)\b")
NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def is_prototxt(head: bytes) -> bool:
    """Whether a file begins as a network's description."""
    return bool(LOOKS_LIKE.search(head)) and not NOT_TEXT.search(head) and not OTHERS.match(head)


def find_files(source: Path) -> tuple[Path, Path]:
    """The prototxt and the weights of a model.

    Raises:
        MalformedModelError: one of them is missing, or several could be meant.
    """
    if source.is_dir():
        weights = sorted(source.glob("*" + WEIGHTS_END))
        if len(weights) != 1:
            names = ", ".join(w.name for w in weights) or "none"
            raise MalformedModelError(f"{source}: one file *{WEIGHTS_END} is needed, the folder has {names}; name the file itself")
        return _text_beside(weights[0]), weights[0]
    head = read_head(source, 4096)
    binary = looks_like_weights(head) or (source.name.endswith(WEIGHTS_END) and not is_prototxt(head))
    return (_text_beside(source), source) if binary else (source, _weights_beside(source))


def _plain(stem: str) -> str:
    """A name without the words that tell the two files apart."""
    return re.sub(r"[_-]?(deploy|test|inference|iter[_-]\d+)[_-]?", "", stem, flags=re.IGNORECASE).lower()


def _text_beside(weights: Path) -> Path:
    texts = sorted(p for p in weights.parent.iterdir() if p.suffix in TEXT_ENDS and p.is_file())
    stem = weights.name.removesuffix(WEIGHTS_END)
    for wanted in (stem, ITERATION.sub("", stem)):
        for p in texts:
            if p.stem in (wanted, f"{wanted}_deploy", f"{wanted}-deploy", f"{wanted}.deploy", f"deploy_{wanted}"):
                return p
    deployed = [p for p in texts if not TRAINING.search(p.stem)]
    same = [p for p in deployed if _plain(p.stem) == _plain(stem)]
    for group in (same, deployed, texts):
        if len(group) == 1:
            return group[0]
    listed = ", ".join(p.name for p in texts) or "none"
    raise MalformedModelError(
        f"{weights}: holds weights alone; put the network's description beside it as {stem}.prototxt (the folder has {listed})"
    )


def _weights_beside(text: Path) -> Path:
    """Weights of the same name; of several iterations the last."""
    all_weights = sorted(p for p in text.parent.glob("*" + WEIGHTS_END) if p.is_file())
    for p in all_weights:
        if p.name.removesuffix(WEIGHTS_END) == text.stem:
            return p
    same = [p for p in all_weights if _plain(p.name.removesuffix(WEIGHTS_END)) == _plain(text.stem)]
    if same:
        return max(same, key=_iteration)
    if len(all_weights) == 1:
        return all_weights[0]
    listed = ", ".join(p.name for p in all_weights) or "none"
    raise MalformedModelError(
        f"{text}: describes a network; put its weights beside it as {text.stem}{WEIGHTS_END} (the folder has {listed}), or name the weights"
    )


def _iteration(path: Path) -> int:
    found = ITERATION.search(path.name.removesuffix(WEIGHTS_END))
    return int(found.group(1)) if found else 1 << 62
