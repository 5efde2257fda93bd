"""The one table of ATen converters, for exported programs and TorchScript alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgekit_converters.importing.registry import Registry

if TYPE_CHECKING:
    from edgekit_converters.pytorch.context import AtenContext

#: a value or number for one result; a tuple for several; a list for an operator that returns a list of tensors
Result = Any
ConvertFunction = Callable[["AtenContext"], Result]
#: from the node, its input before, and the new value of its (view) result, the input's new value; values may be complex
WriteFunction = Callable[["AtenContext", Any, Any], Any]

REGISTRY: Registry[ConvertFunction] = Registry("edgekit_converters.pytorch.operators")
converts = REGISTRY.converts

#: operators whose result shares memory with their first argument, and how a write to the result reaches the argument
VIEWS: dict[str, WriteFunction] = {}

#: converters of operators where complex numbers take part
COMPLEX: dict[str, ConvertFunction] = {}

#: operators that give back the very tensor they get where there is nothing to do
ALIASES = {
    "aten.contiguous", "aten.to", "aten.type_as", "aten.dropout", "aten.alias", "aten.detach", "aten.float", "aten.expand_as",
    "aten.feature_dropout", "aten.alpha_dropout", "aten.rrelu", "aten.requires_grad_", "aten.resolve_conj", "aten.resolve_neg",
}  # fmt: skip

#: operators in place that change a tensor's shape, not its elements
RESHAPES_IN_PLACE = {"aten.transpose_", "aten.t_", "aten.unsqueeze_", "aten.squeeze_", "aten.swapaxes_", "aten.swapdims_"}

#: operators whose result shares memory with their argument or not, by how its elements lie; and views that no write goes back through
DOUBTFUL = {
    "aten.reshape", "aten.flatten", "aten.contiguous", "aten.reshape_as", "aten.movedim", "aten.moveaxis", "aten.expand", "aten.expand_as",
    "aten.diagonal", "aten.unfold", "aten.as_strided", "aten.broadcast_to", "aten.ravel",
}  # fmt: skip
_TURNS = {"aten.permute", "aten.transpose", "aten.t", "aten.swapaxes", "aten.swapdims", "aten.numpy_T", "aten.mT"}
_CUTS = {
    "aten.select", "aten.slice", "aten.narrow", "aten.split", "aten.split_with_sizes", "aten.chunk", "aten.tensor_split", "aten.unbind",
}  # fmt: skip


def scrambles(target: str, args: Mapping[str, Any]) -> bool:
    """Whether the elements of a view may not lie one behind the other."""
    name = packet(target).removesuffix("_")
    return name in _TURNS or (name in _CUTS and (args.get("dim", 0) != 0 or args.get("step", 1) != 1))


def writes(*names: str) -> Callable[[WriteFunction], WriteFunction]:
    """Enter how a write to a view goes back to what it is a view of."""

    def enter(function: WriteFunction) -> WriteFunction:
        for name in names:
            VIEWS[name] = function
        return function

    return enter


def on_complex(*names: str) -> Callable[[ConvertFunction], ConvertFunction]:
    """Enter what converts operators where complex numbers take part: tensors, bare numbers, or an element type."""

    def enter(function: ConvertFunction) -> ConvertFunction:
        for name in names:
            if COMPLEX.setdefault(name, function) is not function:
                raise ValueError(f"{name} is entered twice for complex numbers")
        return function

    return enter


def find_complex(target: str) -> ConvertFunction | None:
    """The converter of a target where complex numbers take part."""
    return COMPLEX.get(target) or COMPLEX.get(packet(target))


def packet(target: str) -> str:
    """``aten.add`` of ``aten.add.Tensor``."""
    parts = target.split(".")
    return ".".join(parts[:2])


def find(target: str) -> ConvertFunction | None:
    """The converter of a target: of its overload, else of all overloads."""
    return REGISTRY.find(target) or REGISTRY.find(packet(target))


def find_write(target: str) -> WriteFunction | None:
    """How a write to the result of a view goes back, None for operators that make new tensors."""
    return VIEWS.get(target) or VIEWS.get(packet(target))


def functional(target: str) -> str | None:
    """``aten.add.Tensor`` for ``aten.add_.Tensor``; None for an operator that does not write in place."""
    parts = target.split(".")
    if len(parts) < 2 or not parts[1].endswith("_") or parts[1].endswith("__"):
        return None
    return ".".join([parts[0], parts[1][:-1], *parts[2:]])


def supported(targets: Sequence[str]) -> list[str]:
    """Those of the given targets that convert."""
    REGISTRY.load_all()
    return [t for t in targets if find(t) is not None]
