"""The table of layer converters, by Keras' class names, and the hook for layers of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from edgekit.ir import Value
from edgekit_converters.importing.registry import Registry

if TYPE_CHECKING:
    from edgekit_converters.keras.config import Layer
    from edgekit_converters.keras.context import LayerContext

Result = Value | Sequence[Value]
Convert = Callable[["LayerContext"], Result]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Variable:
    """One array a layer keeps.

    Attributes:
        role: what converters ask for it by.
        trainable: HDF5 models list the trainable ones first.
    """

    role: str
    trainable: bool = True


Variables = Callable[["Layer"], Sequence[Variable]]
Children = Callable[["Layer"], Mapping[str, Any]]


def nothing(layer: Layer) -> Sequence[Variable]:
    """The variables of a layer that has none."""
    return ()


def no_children(layer: Layer) -> Mapping[str, Any]:
    """The inner layers of a layer that has none."""
    return {}


@dataclass(frozen=True)
class LayerKind:
    """What the importer knows of one class of layers.

    Attributes:
        convert: makes its nodes.
        variables: its own arrays, in Keras' order of creation.
        children: inner layers' configurations by attribute name; a list stands for a list of layers.
        store: where a .keras archive keeps the own arrays, below the layer.
        keeps_mask: hands the mask of its first input on (``supports_masking``), unless the converter says otherwise.
        pointwise: works on any rank alike, so that ``TimeDistributed`` needs no reshape around it.
        counted: whether its own arrays are known at all.
    """

    convert: Convert
    variables: Variables = nothing
    children: Children = no_children
    store: str = ""
    keeps_mask: bool = False
    pointwise: bool = False
    counted: bool = True


LAYERS: Registry[Convert] = Registry("edgekit_converters.keras.layers")
KINDS: dict[str, LayerKind] = {}
CUSTOM: dict[str, LayerKind] = {}
OPERATIONS: Registry[Convert] = Registry("edgekit_converters.keras.operations")


def layer(*names: str, **facts: Any) -> Callable[[F], F]:
    """Enter a function that imports layers of the named classes; ``facts`` are attributes of ``LayerKind``."""

    def enter(function: F) -> F:
        LAYERS.converts(*names)(function)
        for name in names:
            KINDS[name] = LayerKind(function, **facts)
        return function

    return enter


def register(name: str, variables: Sequence[str] | None = None, keeps_mask: bool = False) -> Callable[[F], F]:
    """Enter a converter for a layer class of your own; it wins over a built-in one of that name.

    The function takes a ``LayerContext`` and returns the output, or a list of them::

        @edgekit_converters.keras.register("Scale", variables=("factor",))
        def scale(ctx):
            return ctx.call("Mul", ctx.x, ctx.const(ctx.weight("factor")))

    Args:
        name: the class name, or ``package>Name`` as ``keras.saving.register_keras_serializable`` gives it.
        variables: names for the layer's arrays, trainable ones first, in order of creation. Left out, ``ctx.arrays`` lists them all
            as the file has them; inside a nested model of an HDF5 file the number must be known.
        keeps_mask: the layer hands the mask of its input on.
    """

    def enter(function: F) -> F:
        found = tuple(Variable(v) for v in variables or ())
        CUSTOM[name] = LayerKind(function, lambda _: found, keeps_mask=keeps_mask, counted=variables is not None)
        return function

    return enter


def find(class_name: str, registered: str | None) -> LayerKind | None:
    """The kind of a layer class; None where it is not known.

    A name with a package in front (``research>Attention``) is not Keras' own layer of that name.
    """
    for name in (registered, class_name, class_name.rpartition(">")[2]):
        if name and name in CUSTOM:
            return CUSTOM[name]
    if any(name and ">" in name and name.partition(">")[0] not in ("keras", "builtins") for name in (registered, class_name)):
        return None
    return KINDS.get(class_name.rpartition(">")[2])


def load_all() -> None:
    """Import every module that enters converters."""
    LAYERS.load_all()
    OPERATIONS.load_all()
