"""What a converter is, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from edgekit.ir import Graph, Part
from edgekit.types import Array

ShapeSpec = Sequence[int | str | tuple[int, int] | None]
"""A shape as users give it: sizes, names of symbols, inclusive ranges, or None to leave a dimension as the model has it."""


@dataclass(frozen=True)
class Example:
    """Example inputs of a model that shows its graph only while it runs (a module of PyTorch, TorchScript).

    Attributes:
        inputs: arrays or tensors: a tuple or list of positional inputs, a dictionary of named ones, or the only input itself.
        dynamic_shapes: which dimensions stay open, as ``torch.export.export`` takes it.
    """

    inputs: Any
    dynamic_shapes: Any = None


@dataclass(frozen=True)
class LoadOptions:
    """What may be settled about a model while it is imported.

    Attributes:
        shapes: shapes of graph inputs by name; a name binds every dimension of that symbol, in other inputs too.
        values: inputs to freeze to constants, by name; they are no longer inputs of the graph.
        default_leading: size for leading dimensions that neither the model nor ``shapes`` give; None leaves them symbolic.
        signature: which of a model's named entry points to import; None takes the format's usual one. Only converters whose class says
            ``has_signatures = True`` see anything but None here.
        example: example inputs, for sources that need them. Only converters whose class says ``takes_examples = True`` see any here.
        part: which part of the model to import. A converter may leave it alone: the graph is cut afterwards. One that leaves out what
            does not belong to it spares users the operators there that do not convert; tensors it does not find it leaves to the cut.
    """

    shapes: Mapping[str, ShapeSpec] = field(default_factory=dict)
    values: Mapping[str, Array] = field(default_factory=dict)
    default_leading: int | None = None
    signature: str | None = None
    example: Example | None = None
    part: Part = field(default_factory=Part)


@runtime_checkable
class Converter(Protocol):
    """Reads one source format. Implementations have a constructor without arguments and import no framework before ``load``.

    Attributes:
        name: of the format, as entry point and messages have it, e.g. ``"onnx"``.
        description: one line for ``edgekit formats``.
        suffixes: usual file names' ends, with the dot; a hint only, detection goes by content.

    A converter may also have, and every one of EdgeKit's own has:

    * ``needs: tuple[str, ...]``: the Python packages it reads with, each ``"package"``, or ``"package: what it is needed for"`` where most
      models do without;
    * ``coverage() -> Sequence[str]``: the source operators (or layers) it converts, by the names of the source;
    * ``functions(operator: str) -> Sequence[Callable]``: the code that imports one of them, from which the reference pages are written;
    * ``missing() -> Mapping[str, str]``: operators that users may look for in vain, with the reason, for the reference page.
    """

    name: str
    description: str
    suffixes: tuple[str, ...]

    def detects(self, source: Any, head: bytes) -> bool:
        """True when ``source`` is of this format.

        Args:
            source: a ``Path`` (file or folder) or an object in memory (a module of a framework).
            head: the first bytes of a file, empty otherwise.
        """

    def load(self, source: Any, options: LoadOptions) -> Graph:
        """Import the model.

        Raises:
            UnsupportedOpError: with every blocker.
            MalformedModelError: the source is broken.
        """
