"""Reads the options that may be repeated: shapes, frozen inputs and input files."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from edgekit.arrays import read_arrays
from edgekit.errors import EdgekitError

#: a size of more digits is none of any tensor
MOST_DIGITS = 18

ShapeEntry = int | str | tuple[int, int] | None


def parse_shapes(values: Sequence[str]) -> dict[str, tuple[ShapeEntry, ...]] | None:
    """``["x:1,3,1..224,?"]`` as a dictionary: numbers, inclusive ranges, names, or ``?`` to leave a dimension as it is."""
    out: dict[str, tuple[ShapeEntry, ...]] = {}
    for text in values:
        name, colon, dims = text.rpartition(":")
        if not colon or not name:
            raise click.BadParameter(f"--shape {text!r}: write NAME:DIM,DIM,..., for example x:1,3,224,224")
        parts = [p.strip() for p in dims.split(",")] if dims else []
        _once("--shape", name, out)
        out[name] = tuple(_dimension(p, text) for p in parts)
    return out or None


def parse_names(values: Sequence[str]) -> tuple[str, ...]:
    """``["a,b", "c"]`` as names. A name that holds a comma is given alone, with a comma behind it: ``a,b,``."""
    out: list[str] = []
    for text in values:
        if text.endswith(",") and text.count(",") > 1:
            out.append(text[:-1])
        else:
            out += [name.strip() for name in text.split(",") if name.strip()]
    return tuple(out)


def parse_freeze(values: Sequence[str]) -> dict[str, Any]:
    """``["rate=16000", "mask=mask.npy"]`` as a dictionary of arrays: one number has no dimensions, several are a list."""
    out: dict[str, Any] = {}
    for text in values:
        name, equals, value = text.rpartition("=")
        if not equals or not name:
            raise click.BadParameter(f"--freeze {text!r}: write NAME=NUMBER or NAME=FILE.npy")
        _once("--freeze", name, out)
        try:
            if value.endswith(".npy"):
                out[name] = read_arrays(Path(value))
                if isinstance(out[name], dict):
                    raise ValueError("several arrays")
            else:
                numbers = [_number(v.strip()) for v in value.split(",")]
                out[name] = np.asarray(numbers if len(numbers) > 1 else numbers[0])
        except OSError as e:
            raise click.BadParameter(f"--freeze {text!r}: {value} cannot be read: {e.strerror or e}") from e
        except ValueError as e:
            if value.endswith(".npy"):
                raise click.BadParameter(f"--freeze {text!r}: {value}: {e}") from e
            what = "neither a number, numbers with commas between, nor a .npy file"
            raise click.BadParameter(f"--freeze {text!r}: {value!r} is {what}") from e
    return out


def _once(option: str, name: str, known: Container[str]) -> None:
    if name in known:
        raise click.BadParameter(f"{option} {name!r} is given twice")


def _number(text: str) -> bool | int | float:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return int(text)
    except ValueError:
        return float(text)


def _is_size(text: str) -> bool:
    return text.isdecimal() and len(text) <= MOST_DIGITS


def _dimension(part: str, text: str) -> ShapeEntry:
    if part == "?":
        return None
    low, dots, high = part.partition("..")
    if any(n.isdecimal() and len(n) > MOST_DIGITS for n in (low, high)):
        raise click.BadParameter(f"--shape {text!r}: no tensor is as large as {part}; is a digit too many in the shape?")
    if dots and _is_size(low) and _is_size(high) and int(low) <= int(high):
        return int(low), int(high)
    if _is_size(part) and int(part) == 0:
        raise click.BadParameter(f"--shape {text!r}: a dimension of 0 holds nothing; ? leaves one as it is")
    if _is_size(part):
        return int(part)
    if part.isidentifier():
        return part
    raise click.BadParameter(f"--shape {text!r}: {part!r} is neither a number, a range such as 1..8, a name, nor ?")


def parse_inputs(values: Sequence[str], names: Sequence[str]) -> dict[str, Path]:
    """``["x=a.npy"]`` as a dictionary of existing files; a model with one input needs no name.

    Args:
        values: what the user wrote.
        names: of the model's inputs.
    """
    out: dict[str, Path] = {}
    for text in values:
        known = next((n for n in names if text.startswith(f"{n}=")), None)
        name, equals, path = (known, "=", text[len(known) + 1 :]) if known is not None else text.partition("=")
        if not equals and len(names) == 1:
            name, path = names[0], text
        elif not equals or not name:
            raise click.BadParameter(f"--input {text!r}: write NAME=FILE, for example {names[0] if names else 'x'}=input.npy")
        _once("--input", name, out)
        if not Path(path).is_file():
            raise EdgekitError(f"--input {text}: there is no file {path!r}")
        out[name] = Path(path)
    return out
