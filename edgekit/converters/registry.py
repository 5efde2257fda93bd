"""Which converters there are, and which one a source is for."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgekit import foreign
from edgekit.converters.protocol import Converter
from edgekit.errors import ConversionError, MalformedModelError

ENTRY_POINT_GROUP = "edgekit.converters"
BUILT_IN_PACKAGE = "edgekit_converters"
HEAD_BYTES = 4096


def converters() -> list[Converter]:
    """Every converter there is, by name."""
    found = {c.name: c for c in (*_plugged_in(), *_built_in())}
    return [found[n] for n in sorted(found)]


def _built_in() -> Iterator[Converter]:
    """Converters of the packages below ``edgekit_converters``: each names its class in ``CONVERTER``."""
    try:
        package = importlib.import_module(BUILT_IN_PACKAGE)
    except ModuleNotFoundError:
        return
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg:
            loaded = importlib.import_module(f"{BUILT_IN_PACKAGE}.{module.name}")
            if hasattr(loaded, "CONVERTER"):
                yield loaded.CONVERTER()


def _plugged_in() -> Iterator[Converter]:
    """Converters of other distributions, by entry points; looking for those takes a while."""
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINT_GROUP):
        converter = point.load()()
        if not isinstance(converter, Converter):
            raise ConversionError(f"{point.value} is not a converter: it needs name, description, suffixes, detects and load")
        yield converter


def find_converter(source: Any) -> Converter:
    """The converter for a source, by content; by file name where the content says nothing.

    Raises:
        MalformedModelError: the file cannot be read or no format fits.
    """
    with file_errors(source):
        return _found(source)


@contextmanager
def file_errors(source: Any) -> Iterator[None]:
    """What the file system says, of the model's file or of others beside it, as an error of the model's."""
    try:
        yield
    except OSError as e:
        if not isinstance(source, str | Path):
            raise
        raise MalformedModelError(f"{e.filename or source}: cannot be read: {e.strerror or e}") from e


def _found(source: Any) -> Converter:
    path = Path(source) if isinstance(source, str | Path) else None
    head = b"" if path is None else _head(path)
    if path is not None and (what := foreign.recognize(path, head)):
        raise MalformedModelError(f"{path} is {what}")
    known = []
    for c in itertools.chain(_built_in(), _plugged_in()):
        if c.detects(source if path is None else path, head):
            return c
        known.append(c)
    if path is not None:
        if what := foreign.explain(path, head, [s for c in known for s in c.suffixes]):
            raise MalformedModelError(f"{path} is {what}")
        for c in known:
            if path.name.lower().endswith(tuple(c.suffixes)):
                return c
        raise MalformedModelError(
            f"{path}: the content is of none of the known formats ({', '.join(c.name for c in known) or 'none installed'}); it begins with "
            f"{head[:16]!r}"
        )
    raise MalformedModelError(
        f"an object of type {type(source).__name__} is no model of a known format ({', '.join(c.name for c in known)})"
    )


def _head(path: Path) -> bytes:
    if not path.exists():
        raise MalformedModelError(f"{path}: {foreign.missing(path)}")
    if path.is_dir():
        return b""
    if not path.is_file():
        raise MalformedModelError(f"{path}: cannot be read: it is a pipe, socket or device, not a file")
    with path.open("rb") as f:
        return f.read(HEAD_BYTES)
