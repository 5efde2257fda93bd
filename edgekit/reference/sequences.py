"""Sequences of samples: where the state of a model begins anew."""

from __future__ import annotations

from edgekit.types import Array


class SequenceStart(dict[str, Array]):
    """Feeds of the first run of a sequence: whoever runs them sets every state to its first value before.

    Plain feeds go on from the run before. Graphs without states need not care.
    """
