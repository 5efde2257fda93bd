"""Reads the options about a model's inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from edgekit.interface import Interface
from edgekit.interface.options import ALL
from edgekit.preprocessing import Preprocessing
from edgekit.types import DType

_DTYPES = {d.label: d for d in DType}
_SPEC = re.compile(r"(?:(.*?):)?((?:size|scale|mean|std|order|input)=.*)", re.DOTALL)


def parse_interface(
    input_layout: Sequence[str], output_layout: Sequence[str], input_dtype: Sequence[str], preprocess: Sequence[str], rename: Sequence[str]
) -> Interface | None:
    """The options as one object; None where none is given."""
    dtypes = {}
    for name, label in _pairs("--input-dtype", input_dtype).items():
        if label not in _DTYPES:
            raise click.BadParameter(f"--input-dtype {label!r} is none of {', '.join(sorted(_DTYPES))}")
        dtypes[name] = _DTYPES[label]
    prepared = {}
    for text in preprocess:
        found = _SPEC.fullmatch(text)
        if found is None:
            raise click.BadParameter(f"--preprocess {text!r}: write, for example, scale=1/255,mean=0.485:0.456:0.406,order=bgr")
        if (found[1] or ALL) in prepared:
            raise click.BadParameter(f"--preprocess {text!r}: once for each input, its parts with commas between")
        prepared[found[1] or ALL] = Preprocessing.parse(found[2])
    names = {}
    for text in rename:
        old, _, new = text.rpartition("=")
        if not old or not new:
            raise click.BadParameter(f"--rename {text!r}: write OLD=NEW")
        if old in names:
            raise click.BadParameter(f"--rename {old!r} is given twice")
        names[old] = new
    out = Interface(_pairs("--input-layout", input_layout), _pairs("--output-layout", output_layout), dtypes, prepared, names)
    return out or None


def _pairs(option: str, values: Sequence[str]) -> dict[str, str]:
    """``["x:nhwc", "nhwc"]`` as a dictionary."""
    out: dict[str, str] = {}
    for text in values:
        name, _, value = text.rpartition(":")
        if not value or name in out:
            raise click.BadParameter(f"{option} {text!r}: write NAME:VALUE or VALUE, each name once")
        out[name] = value
    return out
