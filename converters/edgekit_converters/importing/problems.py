"""What an import finds wrong: blockers, collected so that one error names them all, and notes."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.errors import Blocker, MalformedModelError, UnsupportedOpError
from edgekit.types import Dim

EXAMPLE_SIZE = 224


class Unsupported(Exception):
    """A variant of an operator that does not convert.

    Attributes:
        reason: the blocker's reason code.
        message: what is wrong.
        hint: what to do.
    """

    def __init__(self, message: str, hint: str = "", reason: str = "unsupported-variant") -> None:
        super().__init__(message)
        self.message, self.hint, self.reason = message, hint, reason


class UnsupportedTypeError(Unsupported):
    """An element type EdgeKit does not have."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="unsupported-type")
        self.message = f"{message}."


class Poisoned(Exception):
    """A value behind a node that did not convert."""


class Problems:
    """Blockers and notes of one import.

    Attributes:
        notes: facts the user should know, each once.
        inputs: shapes of the model's inputs by name, for hints; ``inputs.bind_inputs`` sets it.
        location: where the node that is being imported stands in the source; blockers take it along.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._noted: set[str] = set()
        self.inputs: dict[str, Sequence[Dim]] = {}
        self.location = ""
        self._blockers: dict[tuple[str, str, str, str], list[tuple[str, str]]] = {}

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self._noted:
            self._noted.add(text)
            self.notes.append(text)

    def block(self, op: str, node: str, reason: str, message: str, hint: str = "") -> None:
        """Add a blocker: see ``edgekit.errors.Blocker``."""
        self._blockers.setdefault((op, reason, message, hint), []).append((node, self.location))

    @property
    def blockers(self) -> list[Blocker]:
        """All blockers, equal ones merged."""
        found = []
        for (op, reason, message, hint), places in self._blockers.items():
            locations = tuple(location for _, location in places)
            found.append(Blocker(op, tuple(node for node, _ in places), reason, message, hint, locations if any(locations) else ()))
        return found

    def shape_hint(self) -> str:
        """How to give the open dimensions of the model's inputs; empty when none is open."""
        parts = []
        for name, shape in self.inputs.items():
            if any(not isinstance(d, int) for d in shape):
                sizes = [str(d) if isinstance(d, int) else "1" if i == 0 else str(EXAMPLE_SIZE) for i, d in enumerate(shape)]
                parts.append(f"--shape {name}:{','.join(sizes)}")
        return f"Pass {' '.join(parts)}" if parts else ""

    def raise_blockers(self) -> None:
        """Raise what was found.

        Raises:
            MalformedModelError: every blocker is a node that cannot be read: the model is broken rather than unsupported.
            UnsupportedOpError: anything else.
        """
        blockers = self.blockers
        if not blockers:
            return
        if all(b.reason == "invalid-node" for b in blockers):
            raise MalformedModelError("; ".join(f"{b.op} {', '.join(repr(n) for n in b.nodes[:3])}: {b.message}" for b in blockers))
        raise UnsupportedOpError("the model does not convert", blockers)
