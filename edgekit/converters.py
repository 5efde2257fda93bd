"""The facade of the importers: what a converter is, how one is found, and ``load``.

EdgeKit's own converters are the packages below ``edgekit_converters``; they are asked first. Any distribution can bring more: classes named
by entry points of the group ``edgekit.converters``.
"""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from edgekit import foreign
from edgekit.errors import Blocker, ConversionError, MalformedModelError, UnsupportedOpError
from edgekit.ir import Graph, Part, take_part
from edgekit.ir.part import check_part
from edgekit.types import Array, format_shape

ENTRY_POINT_GROUP = "edgekit.converters"
BUILT_IN_PACKAGE = "edgekit_converters"
HEAD_BYTES = 4096

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


def find_converter(source: Any) -> Converter:
    """The converter for a source, by content; by file name where the content says nothing.

    Raises:
        MalformedModelError: the file cannot be read or no format fits.
    """
    with _file_errors(source):
        return _found(source)


@contextmanager
def _file_errors(source: Any) -> Iterator[None]:
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
        raise MalformedModelError(f"{path}: there is no such file or folder")
    if path.is_dir():
        return b""
    if not path.is_file():
        raise MalformedModelError(f"{path}: cannot be read: it is a pipe, socket or device, not a file")
    with path.open("rb") as f:
        return f.read(HEAD_BYTES)


def load(
    source: Any,
    shapes: Mapping[str, ShapeSpec] | None = None,
    values: Mapping[str, Array] | None = None,
    default_leading: int | None = None,
    signature: str | None = None,
    example: Example | None = None,
    part: Part | None = None,
) -> Graph:
    """Import a model of any known format.

    Args:
        source: path of a file or folder, or a model in memory.
        shapes: shapes of graph inputs by name, e.g. ``{"x": (1, 3, 224, 224)}``; an entry may be a range ``(1, 8)`` or a symbol's name.
        values: inputs to freeze to constants.
        default_leading: size for leading dimensions nobody gives (``convert`` passes 1); None keeps them symbolic.
        signature: which of the model's named entry points to import (TensorFlow Lite, SavedModel); None takes the usual one.
        example: example inputs (PyTorch modules, TorchScript).
        part: other outputs and inputs than the model's own; what is not between them is left out.

    Returns:
        the graph, with the source's own input and output names, order and layout.

    Raises:
        UnsupportedOpError: with every blocker at once.
        MalformedModelError: the source is broken or of no known format.
        ConversionError: a signature or example inputs for a format that takes none; a tensor of ``part`` that the model does not have.
    """
    found = find_converter(source)
    if signature is not None and not getattr(found, "has_signatures", False):
        raise ConversionError(f"models of the format {found.name} have no signatures; leave signature= (--signature) out")
    if example is not None and not getattr(found, "takes_examples", False):
        raise ConversionError(f"models of the format {found.name} hold their graph; leave the example inputs out")
    options = LoadOptions(shapes or {}, values or {}, default_leading, signature, example, part or Part())
    return _load(found, _path(source), options)


def _load(converter: Converter, source: Any, options: LoadOptions) -> Graph:
    check_part(options.part)
    with _file_errors(source):
        graph = converter.load(source, options)
    if options.part:
        take_part(graph, options.part)
    return graph


def _path(source: Any) -> Any:
    return Path(source) if isinstance(source, str) else source


def check(
    source: Any,
    shapes: Mapping[str, ShapeSpec] | None = None,
    default_leading: int | None = 1,
    signature: str | None = None,
    values: Mapping[str, Array] | None = None,
    part: Part | None = None,
) -> list[Blocker]:
    """Everything that keeps a model from converting; empty when nothing does. The arguments are those of :func:`load`.

    Raises:
        MalformedModelError: the source is broken.
    """
    try:
        return unbounded_inputs(load(source, shapes, values, default_leading, signature, part=part))
    except UnsupportedOpError as e:
        return list(e.blockers)


def unbounded_inputs(graph: Graph) -> list[Blocker]:
    """Inputs without an upper bound for every dimension: memory is planned for the largest shapes."""
    found = []
    for v in graph.inputs:
        most = [d if isinstance(d, int) else d.limits()[1] for d in v.shape]
        if None in most:
            dims = ",".join(
                str(d) if isinstance(d, int) else f"1..{'SIZE' if k is None else k}" for d, k in zip(v.shape, most, strict=True)
            )
            message = f"{v.dtype.label}{format_shape(v.shape)} has a dimension without an upper bound, for which memory cannot be planned."
            found.append(Blocker("graph input", (v.name,), "dynamic-shape", message, f"Pass --shape {v.name}:{dims}, or fixed sizes."))
    return found
