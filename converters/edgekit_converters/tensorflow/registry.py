"""The table of operator converters.

A converter is a function of one source node: ``convert(ctx) -> Value | sequence of items``, one for each output. Modules of ``operators``
enter theirs with ``@converts("Conv2D")``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgekit_converters.importing.registry import Registry

Converter = Callable[[Any], Any]
"""Gives one item, or a sequence of items."""

REGISTRY: Registry[Converter] = Registry("edgekit_converters.tensorflow.operators")
converts = REGISTRY.converts
