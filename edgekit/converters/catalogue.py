"""The list of formats: what each is read with, which operators of it convert."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.converters.protocol import Converter
from edgekit.converters.registry import converters


@dataclass(frozen=True)
class Need:
    """A Python package that a format is read with.

    Attributes:
        package: its name at the package index.
        purpose: what part of the format needs it; empty where every model does.
        installed: the version that is installed, None where none is.
    """

    package: str
    purpose: str
    installed: str | None


@dataclass(frozen=True)
class FormatInfo:
    """One known source format.

    Attributes:
        name, description, suffixes: as the converter has them.
        needs: the packages it is read with.
        coverage: the source operators that convert, sorted; None where the converter does not say.
    """

    name: str
    description: str
    suffixes: tuple[str, ...]
    needs: tuple[Need, ...] = ()
    coverage: tuple[str, ...] | None = None


def formats() -> list[FormatInfo]:
    """The source formats this installation reads."""
    return [FormatInfo(c.name, c.description, tuple(c.suffixes), needs(c), coverage(c)) for c in converters()]


def needs(converter: Converter) -> tuple[Need, ...]:
    """The packages a converter names, and whether they are there. Nothing is imported."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for text in getattr(converter, "needs", ()):
        package, _, purpose = text.partition(":")
        try:
            installed = version(package)
        except PackageNotFoundError:
            installed = None
        found.append(Need(package, purpose.strip(), installed))
    return tuple(found)


def coverage(converter: Converter) -> tuple[str, ...] | None:
    """The source operators a converter knows, sorted; None where it does not say."""
    tell = getattr(converter, "coverage", None)
    return None if tell is None else tuple(sorted(tell()))
