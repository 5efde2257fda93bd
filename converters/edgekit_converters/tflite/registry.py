"""The table of operator converters, by TensorFlow Lite's name; custom operators stand as ``CUSTOM:name``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from edgekit.ir import Value
from edgekit_converters.importing.registry import Registry

if TYPE_CHECKING:
    from edgekit_converters.tflite.context import NodeContext

Result = Value | Sequence[Value]
ConvertFunction = Callable[["NodeContext"], Result]

REGISTRY: Registry[ConvertFunction] = Registry("edgekit_converters.tflite.operators")
converts, find, supported, load_all = REGISTRY.converts, REGISTRY.find, REGISTRY.supported, REGISTRY.load_all
