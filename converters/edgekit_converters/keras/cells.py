"""Recurrent cells: their arrays in Keras 2's form, and one step of each composed of plain operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import Array
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.config import Layer
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.functions import activate
from edgekit_converters.keras.registry import Variable
from edgekit_converters.keras.tensors import Call

#: gates of a cell in Keras' order
GATES = {"LSTM": "ifco", "GRU": "zrh", "SimpleRNN": "h"}
#: the order in which Keras 1 lists the gates' arrays
KERAS1_GATES = {"LSTM": "icfo", "GRU": "zrh"}


def family(class_name: str) -> str | None:
    """``LSTM``, ``GRU`` or ``SimpleRNN`` for the layers and cells of that kind."""
    plain = class_name.removesuffix("Cell").removeprefix("CuDNN")
    return plain if plain in GATES else None


def cell_variables(layer: Layer) -> Sequence[Variable]:
    """Arrays of a recurrent layer or cell."""
    found = family(layer.class_name)
    if layer.version == 1 and found in KERAS1_GATES and layer.config.get("consume_less") != "gpu":
        return [Variable(f"{part}_{gate}") for gate in KERAS1_GATES[found] for part in ("W", "U", "b")]
    bias = layer.config.get("use_bias", True) or layer.class_name.startswith("CuDNN")
    return [Variable(r) for r in ("kernel", "recurrent_kernel", *(("bias",) if bias else ()))]


@dataclass(frozen=True)
class CellArrays:
    """Arrays of a cell: kernel [I, G * H], recurrent [H, G * H], biases [2, G * H] (of the input, of the state)."""

    kernel: Array
    recurrent: Array
    bias: Array
    units: int


def cell_arrays(layer: Layer, gates: int) -> CellArrays:
    """The arrays of a recurrent layer or cell, whatever version and device it was saved by.

    Raises:
        MalformedModelError: one is missing or of another shape.
    """
    arrays = layer.arrays
    found = family(layer.class_name) or "SimpleRNN"
    units = int(layer.config.get("units", 0))
    try:
        if "W_" + GATES[found][0] in arrays:
            kernel, recurrent, bias = (np.concatenate([arrays[f"{p}_{g}"] for g in GATES[found]], axis=-1) for p in ("W", "U", "b"))
        else:
            kernel, recurrent = arrays["kernel"], arrays["recurrent_kernel"]
            bias = arrays.get("bias", np.zeros(gates * units, kernel.dtype))
    except (KeyError, ValueError, OverflowError) as e:
        raise MalformedModelError(f"the array {e} is missing, or does not fit the others") from e
    if layer.class_name.startswith("CuDNN"):
        kernel, recurrent = _from_cudnn(kernel, recurrent, gates, units)
        bias = bias.reshape(2, -1)
    full = np.zeros((2, gates * units), np.float32)
    if bias.ndim == 1 and bias.size == gates * units:
        full[0] = bias
    elif bias.shape == full.shape:
        full[:] = bias
    else:
        raise MalformedModelError(f"the bias has the shape {list(bias.shape)}, [{gates * units}] is needed")
    if kernel.ndim != 2 or kernel.shape[1] != gates * units or recurrent.shape != (units, gates * units):
        raise MalformedModelError(
            f"kernels of the shapes {list(kernel.shape)} and {list(recurrent.shape)} do not fit {gates} gates of {units} units"
        )
    return CellArrays(kernel, recurrent, full, units)


def _from_cudnn(kernel: Array, recurrent: Array, gates: int, units: int) -> tuple[Array, Array]:
    """Kernels as cuDNN keeps them, each gate's rows and columns exchanged (keras/saving/hdf5_format.py of Keras 2)."""
    if kernel.ndim != 2 or kernel.shape[1] != gates * units or recurrent.shape != (units, gates * units):
        raise MalformedModelError("the kernels do not fit the number of units")
    parts = [k.T.reshape(k.shape, order="F") for k in np.hsplit(kernel, gates)]
    return np.hstack(parts), np.hstack([k.T for k in np.hsplit(recurrent, gates)])


def state_sizes(cell: Layer) -> list[int]:
    """Sizes of a cell's states, those of stacked cells one after the other."""
    if cell.class_name == "StackedRNNCells":
        cells = _stack(cell)
        order = reversed(cells) if cell.config.get("reverse_state_order") else cells
        return [n for c in order for n in state_sizes(c)]
    found = family(cell.class_name)
    if found is None:
        raise Unsupported(
            f"the cell {cell.registered or cell.class_name!r} is none of Keras' own.",
            "Build the recurrence of Keras' cells.",
            "custom-layer",
        )
    units = int(cell.config.get("units", 0))
    return [units, units] if found == "LSTM" else [units]


def output_size(cell: Layer) -> int:
    """Size of what a cell gives."""
    return output_size(_stack(cell)[-1]) if cell.class_name == "StackedRNNCells" else int(cell.config.get("units", 0))


def _stack(cell: Layer) -> list[Layer]:
    cells = cell.children.get("cells", [])
    if not cells:
        raise MalformedModelError(f"{cell.path}: there are no cells")
    return list(cells)


def step(ctx: LayerContext, cell: Layer, x: Value, states: Sequence[Value]) -> tuple[Value, list[Value]]:
    """One step of a cell.

    Args:
        ctx: of the layer that runs it, with the builder of the place where the step goes.
        cell: a cell, or the layer that is one.
        x: [B, I].
        states: [B, H] each.

    Returns:
        the output, and the states that follow.
    """
    if cell.class_name == "StackedRNNCells":
        return _stacked_step(ctx, cell, x, states)
    own = LayerContext(ctx.importer, cell, Call([], {}), f"{ctx.name}/{cell.name}")
    own.builder = ctx.builder
    found = family(cell.class_name)
    if found == "LSTM":
        return lstm_step(own, cell, x, states)
    if found == "GRU":
        return gru_step(own, cell, x, states)
    a = cell_arrays(cell, 1)
    total = own.call(
        "Add", _product(own, x, a.kernel, a.bias[0], "kernel"), _product(own, states[0], a.recurrent, None, "recurrent_kernel")
    )
    h = activate(own, total, own.get("activation", default="tanh"))
    return h, [h]


def _product(ctx: LayerContext, x: Value, kernel: Array, bias: Array | None, name: str) -> Value:
    b = None if bias is None else ctx.parameter(bias, f"{name}_bias")
    return ctx.call("FullyConnected", x, ctx.parameter(kernel.T, name), b)


def lstm_step(ctx: LayerContext, cell: Layer, x: Value, states: Sequence[Value]) -> tuple[Value, list[Value]]:
    a = cell_arrays(cell, 4)
    h, c = states
    total = ctx.call(
        "Add", _product(ctx, x, a.kernel, a.bias.sum(axis=0), "kernel"), _product(ctx, h, a.recurrent, None, "recurrent_kernel")
    )
    return lstm_gates(ctx, total, c, -1)


def lstm_gates(ctx: LayerContext, total: Value, c: Value, axis: int) -> tuple[Value, list[Value]]:
    """Output and states of an LSTM from the sums of its four gates along ``axis``."""
    axis %= len(total.shape)
    size = ctx.static(total.shape[axis], "the number of units") // 4
    gates = ctx.call_multi("Split", total, axis=axis, sizes=(size,) * 4)
    inner, outer = ctx.get("recurrent_activation", default="hard_sigmoid"), ctx.get("activation", default="tanh")
    i, f, o = (activate(ctx, gates[k], inner) for k in (0, 1, 3))
    new_c = ctx.call("Add", ctx.call("Mul", f, c), ctx.call("Mul", i, activate(ctx, gates[2], outer)))
    new_h = ctx.call("Mul", o, activate(ctx, new_c, outer))
    return new_h, [new_h, new_c]


def gru_step(ctx: LayerContext, cell: Layer, x: Value, states: Sequence[Value]) -> tuple[Value, list[Value]]:
    a = cell_arrays(cell, 3)
    (h,) = states
    n = a.units
    inner, outer = ctx.get("recurrent_activation", default="hard_sigmoid"), ctx.get("activation", default="tanh")
    xz, xr, xh = ctx.call_multi("Split", _product(ctx, x, a.kernel, a.bias[0], "kernel"), axis=1, sizes=(n,) * 3)
    if resets_after(cell):
        hz, hr, hh = ctx.call_multi("Split", _product(ctx, h, a.recurrent, a.bias[1], "recurrent_kernel"), axis=1, sizes=(n,) * 3)
    else:
        hz, hr = ctx.call_multi("Split", _product(ctx, h, a.recurrent[:, : 2 * n], None, "recurrent_kernel"), axis=1, sizes=(n,) * 2)
    z = activate(ctx, ctx.call("Add", xz, hz), inner)
    r = activate(ctx, ctx.call("Add", xr, hr), inner)
    if resets_after(cell):
        extra = ctx.call("Mul", r, hh)
    else:
        extra = _product(ctx, ctx.call("Mul", r, h), a.recurrent[:, 2 * n :], None, "recurrent_candidate")
    candidate = activate(ctx, ctx.call("Add", xh, extra), outer)
    new = ctx.call("Add", ctx.call("Mul", z, h), ctx.call("Mul", ctx.scaled(z, -1.0, 1.0), candidate))
    return new, [new]


def resets_after(cell: Layer) -> bool:
    """Whether a GRU applies its reset gate behind the recurrent product, as cuDNN does."""
    return bool(cell.config.get("reset_after", cell.version >= 3)) or cell.class_name.startswith("CuDNN")


def _stacked_step(ctx: LayerContext, cell: Layer, x: Value, states: Sequence[Value]) -> tuple[Value, list[Value]]:
    cells = _stack(cell)
    backwards = bool(cell.config.get("reverse_state_order"))
    given = list(states)
    parts: list[list[Value]] = []
    for c in reversed(cells) if backwards else cells:
        count = len(state_sizes(c))
        parts.append(given[:count])
        given = given[count:]
    if backwards:
        parts.reverse()
    following = []
    for c, own in zip(cells, parts, strict=True):
        x, new = step(ctx, c, x, own)
        following.append(new)
    if backwards:
        following.reverse()
    return x, [s for new in following for s in new]
