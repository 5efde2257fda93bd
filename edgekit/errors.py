"""Every exception EdgeKit raises.

The tree::

    EdgekitError
    ├── ConversionError            a source model cannot become a Graph
    │   ├── UnsupportedOpError     operators (or variants) EdgeKit does not have; lists all of them
    │   ├── MalformedModelError    the source file is broken
    │   └── MissingDependencyError an optional package is needed and absent
    ├── GraphError                 a Graph breaks an invariant, or an edit would
    ├── PassError                  a pass failed or broke its contract
    ├── QuantizationError          calibration or quantization cannot go on
    ├── FormatError                a .ekm / .ektxt / profile file is broken
    └── RuntimeLibraryError        the C library is missing or returned an error status

Messages say what failed, where, why, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: characters of a node's name that a message shows
LONGEST_NAME = 100


class EdgekitError(Exception):
    """Base of every error EdgeKit raises on purpose."""


class ConversionError(EdgekitError):
    """A source model cannot be converted."""


@dataclass(frozen=True)
class Blocker:
    """One reason a model does not convert.

    Attributes:
        op: operator name in the source's own terms, e.g. ``"Celu"``.
        nodes: names of the source nodes it concerns.
        reason: a stable reason code, e.g. ``"unsupported-op"``, ``"unsupported-variant"``, ``"dynamic-shape"``.
        message: what is wrong, in one sentence.
        hint: what the user can do.
        locations: where the nodes stand in the source, one a node: ``"graph.node[17]"``, or file and line of the code that made it; empty
            where the importer does not say.
    """

    op: str
    nodes: tuple[str, ...]
    reason: str
    message: str
    hint: str = ""
    locations: tuple[str, ...] = ()


def short_name(name: str) -> str:
    """A name for people to read: the start and the end of a long one."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME // 3]}...{name[-(LONGEST_NAME - LONGEST_NAME // 3 - 3) :]}"


class UnsupportedOpError(ConversionError):
    """The model needs operators that EdgeKit lacks. All of them are listed at once in ``blockers``."""

    def __init__(self, summary: str, blockers: Sequence[Blocker] = ()) -> None:
        self.blockers = tuple(blockers)
        lines = [summary]
        for b in self.blockers:
            shown = ", ".join(repr(short_name(n)) for n in b.nodes[:3]) + (", ..." if len(b.nodes) > 3 else "")
            lines.append(f"  {b.op} x{len(b.nodes)} ({shown}): {b.message}" + (f" {b.hint}" if b.hint else ""))
        super().__init__("\n".join(lines))


class MalformedModelError(ConversionError):
    """The source file is broken."""


class MissingDependencyError(ConversionError):
    """An optional package is needed for this input and is not installed."""


class GraphError(EdgekitError):
    """A graph breaks an invariant."""


class PassError(EdgekitError):
    """A pass failed."""


class QuantizationError(EdgekitError):
    """Calibration or quantization cannot go on."""


class FormatError(EdgekitError):
    """A file of EdgeKit's own formats is broken."""


class RuntimeLibraryError(EdgekitError):
    """The C library is missing, too old, or returned an error.

    Attributes:
        status: the ``ek_status`` code, or None where the library could not be loaded.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
