"""Recurrent layers: LSTM, GRU, SimpleRNN, RNN over cells, ConvLSTM, Bidirectional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.importing.windows import same_pads
from edgekit_converters.keras.cells import cell_variables, family, lstm_gates, output_size, state_sizes, step
from edgekit_converters.keras.config import Layer
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.layers.convolution import spatial, window_pads
from edgekit_converters.keras.recurrence import Recurrence, operator_activations, run_loop, run_operator, zero_state
from edgekit_converters.keras.registry import Variable, layer
from edgekit_converters.keras.tensors import Call, Tensor, flatten


def recurrent_inputs(ctx: LayerContext) -> tuple[Value, Value | None, list[Value] | None]:
    """Sequence, mask and first states of a call; the states come behind the sequence or as ``initial_state``."""
    given = ctx.argument(1, "initial_state")
    states = [t for t in flatten(given) if isinstance(t, Tensor)] if given is not None else list(ctx.tensors[1:])
    values = [ctx.real(t.value) for t in states if t.value is not None]
    if ctx.layer.class_name != "Bidirectional" and values and not all(v.dtype.is_float for v in values):
        raise MalformedModelError("the first states are no floats")
    return ctx.real(ctx.x), ctx.mask, values or None


def finish(ctx: LayerContext, config: Mapping[str, Any], found: Recurrence, mask: Value | None) -> list[Value]:
    """The outputs as the settings ask for them; a layer that goes backwards gives them in the order it ran."""
    if config.get("return_sequences"):
        y = ctx.flip(found.sequence, 1) if config.get("go_backwards") else found.sequence
    else:
        y = found.last
    ctx.masks_out = [mask if config.get("return_sequences") else None] + [None] * len(found.states)
    return [y, *found.states] if config.get("return_state") else [y]


def run(ctx: LayerContext, layer_: Layer, x: Value, mask: Value | None, states: list[Value] | None, zero_masked: bool) -> Recurrence:
    """Any recurrent layer over a sequence, from states of zeros where none are given and none are kept."""
    backwards = bool(layer_.config.get("go_backwards"))
    keep = bool(layer_.config.get("stateful"))
    cell = layer_.children.get("cell")
    sizes = state_sizes(cell if isinstance(cell, Layer) else layer_)
    entries: list[Value] = []
    if keep and states is None:
        entries = [_state(ctx, layer_, x, n, k) for k, n in enumerate(sizes)]
        states = [ctx.cast(e, x.dtype) for e in entries]
    if states is not None and len(states) != len(sizes):
        raise MalformedModelError(f"{len(states)} first states are passed, {len(sizes)} are needed")
    if family(layer_.class_name) is not None and operator_activations(layer_) is not None:
        found = run_operator(ctx, layer_, x, mask, states, backwards, zero_masked)
    else:
        what = cell if isinstance(cell, Layer) else layer_
        if backwards:
            x, mask = ctx.flip(x, 1), None if mask is None else ctx.flip(mask, 1)
        starts = states if states is not None else [zero_state(ctx, x, [n]) for n in sizes]
        found = run_loop(ctx, x, mask, starts, lambda c, x_t, s: step(c, what, x_t, s), [output_size(what)], zero_masked)
        if backwards:
            found = replace(found, sequence=ctx.flip(found.sequence, 1))
    for entry, following in zip(entries, found.states, strict=False):
        ctx.builder.set_state(entry, ctx.cast(following, entry.dtype))
    return found


def _state(ctx: LayerContext, layer_: Layer, x: Value, size: int, number: int) -> Value:
    batch = ctx.static(x.shape[0], "stateful=True needs a batch which")
    if ctx.builder is not ctx.importer.main:
        raise Unsupported("stateful=True inside another recurrent layer is not supported.")
    return ctx.builder.state(f"{ctx.name}/state_{number}", x.dtype, (batch, size))


@layer("LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU", variables=cell_variables, store="cell")
def recurrent(ctx: LayerContext) -> list[Value]:
    x, mask, states = recurrent_inputs(ctx)
    return finish(ctx, ctx.config, run(ctx, ctx.layer, x, mask, states, ctx.flag("zero_output_for_mask")), mask)


def _cell(layer_: Layer) -> Mapping[str, Any]:
    found = layer_.config["cell"]
    if isinstance(found, list):
        return {"cell": {"class_name": "StackedRNNCells", "config": {"cells": found}}}
    return {"cell": found}


@layer("RNN", children=_cell)
def rnn(ctx: LayerContext) -> list[Value]:
    x, mask, states = recurrent_inputs(ctx)
    return finish(ctx, ctx.config, run(ctx, ctx.layer, x, mask, states, ctx.flag("zero_output_for_mask")), mask)


@layer("LSTMCell", "GRUCell", "SimpleRNNCell", variables=cell_variables)
def cell_call(ctx: LayerContext) -> list[Value]:
    """A cell called by itself on one step and its states."""
    return _one_step(ctx)


def _cells(layer_: Layer) -> Mapping[str, Any]:
    return {"cells": list(layer_.config["cells"])}


@layer("StackedRNNCells", children=_cells)
def stacked_cells(ctx: LayerContext) -> list[Value]:
    return _one_step(ctx)


def _one_step(ctx: LayerContext) -> list[Value]:
    given = ctx.argument(1, "states")
    states = [ctx.real(t.value) for t in flatten(given) if isinstance(t, Tensor) and t.value is not None]
    if len(states) != len(state_sizes(ctx.layer)):
        raise MalformedModelError(f"{len(states)} states are passed, {len(state_sizes(ctx.layer))} are needed")
    y, following = step(ctx, ctx.layer, ctx.real(ctx.x), states)
    return [y, *following]


# -- ConvLSTM ---------------------------------------------------------------------------------------------------------------


def _conv_lstm(layer_: Layer) -> Sequence[Variable]:
    kernels = [Variable("kernel"), Variable("recurrent_kernel")]
    return [*kernels, Variable("bias")] if layer_.config.get("use_bias", True) else kernels


@layer("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", variables=_conv_lstm, store="cell")
def conv_lstm(ctx: LayerContext) -> list[Value]:
    """An LSTM whose products are convolutions (arXiv 1506.04214), as a loop over the steps."""
    x, mask, states = recurrent_inputs(ctx)
    rank = len(x.shape) - 3
    if f"{rank}D" not in ctx.op or ctx.layer.version == 1:
        raise Unsupported(f"an input of rank {len(x.shape)}, or a file of Keras 1, is not supported.")
    if ctx.flag("stateful"):
        raise Unsupported("stateful=True is not supported.", "Pass the states as initial_state and read them with return_state.")
    kernel, recurrent_kernel, layout = ctx.weight("kernel"), ctx.weight("recurrent_kernel"), ctx.layout
    filters = ctx.integer("filters")
    strides, dilations = ctx.integers(rank, "strides", default=1), ctx.integers(rank, "dilation_rate", default=1)
    if kernel.ndim != rank + 2 or recurrent_kernel.ndim != rank + 2 or kernel.shape[-1] != 4 * filters:
        raise MalformedModelError(f"kernels of the shapes {list(kernel.shape)} and {list(recurrent_kernel.shape)} do not fit")

    def body(c: LayerContext, x_t: Value, now: Sequence[Value]) -> tuple[Value, list[Value]]:
        pads = window_pads(c, x_t, layout, kernel.shape[:rank], strides, dilations)
        w = c.parameter(np.moveaxis(kernel, -1, 0), "kernel")
        a = c.call("Conv", x_t, w, c.bias(), strides=tuple(strides), pads=tuple(pads), dilations=tuple(dilations), groups=1, layout=layout)
        ones = [1] * rank
        own = same_pads(c, "padding='same'", spatial(now[0], layout), recurrent_kernel.shape[:rank], ones, ones)
        u = c.parameter(np.moveaxis(recurrent_kernel, -1, 0), "recurrent_kernel")
        b = c.call("Conv", now[0], u, strides=tuple(ones), pads=tuple(own), dilations=tuple(ones), groups=1, layout=layout)
        return lstm_gates(c, c.call("Add", a, b), now[1], 1 if layout == "NCHW" else -1)

    first = ctx.call("Gather", x, ctx.const(np.zeros((), np.int64)), axis=1)
    pads = window_pads(ctx, first, layout, kernel.shape[:rank], strides, dilations)
    sizes = []
    for i, d in enumerate(spatial(first, layout)):
        extent = (kernel.shape[i] - 1) * dilations[i] + 1
        sizes.append((ctx.static(d, "ConvLSTM needs a size which") + pads[i] + pads[i + rank] - extent) // strides[i] + 1)
    shape = [filters, *sizes] if layout == "NCHW" else [*sizes, filters]
    backwards = ctx.flag("go_backwards")
    if backwards:
        x, mask_run = ctx.flip(x, 1), None if mask is None else ctx.flip(mask, 1)
    else:
        mask_run = mask
    starts = states if states is not None else [zero_state(ctx, x, shape)] * 2
    found = run_loop(ctx, x, mask_run, starts, body, shape, False)
    if backwards:
        found = replace(found, sequence=ctx.flip(found.sequence, 1))
    return finish(ctx, ctx.config, found, mask)


# -- Bidirectional ----------------------------------------------------------------------------------------------------------


def _directions(layer_: Layer) -> Mapping[str, Any]:
    forward = dict(layer_.config["layer"])
    config = dict(forward["config"])
    name = str(config.get("name", "rnn"))
    backward = layer_.config.get("backward_layer") or {
        **forward,
        "config": {**config, "name": f"backward_{name.removeprefix('forward_')}", "go_backwards": not config.get("go_backwards", False)},
    }
    return {
        "forward_layer": {**forward, "config": {**config, "name": f"forward_{name.removeprefix('forward_')}"}},
        "backward_layer": backward,
    }


@layer("Bidirectional", children=_directions)
def bidirectional(ctx: LayerContext) -> list[Value]:
    """Two recurrent layers over a sequence, one from its end; their outputs joined step by step."""
    x, mask, states = recurrent_inputs(ctx)
    forward, backward = ctx.layer.child("forward_layer"), ctx.layer.child("backward_layer")
    sequences = bool(forward.config.get("return_sequences"))
    half = len(states) // 2 if states else 0
    results = []
    for k, inner in enumerate((forward, backward)):
        own = LayerContext(ctx.importer, inner, Call([Tensor(x)], {}), f"{ctx.name}/{inner.name}")
        starts = states[k * half : (k + 1) * half] if states else None
        if inner.class_name not in ("LSTM", "GRU", "SimpleRNN", "RNN", "CuDNNLSTM", "CuDNNGRU"):
            raise Unsupported(f"{inner.class_name} inside is not supported; LSTM, GRU, SimpleRNN and RNN are.")
        results.append(run(own, inner, own.real(x), mask, starts, sequences))
    # each of the two as Keras has it, the second turned back into the order of time
    a, b = (r.sequence if sequences else r.last for r in results)
    if sequences and forward.config.get("go_backwards"):
        a, b = ctx.flip(a, 1), ctx.flip(b, 1)
    mode = ctx.get("merge_mode", default="concat")
    out_mask = mask if sequences else None
    if mode is None:
        joined, masks = [a, b], [out_mask, out_mask]
    else:
        masks = [out_mask]
        if mode == "concat":
            joined = [ctx.call("Concat", a, b, axis=len(a.shape) - 1)]
        elif mode in ("sum", "ave"):
            total = ctx.call("Add", a, b)
            joined = [ctx.scaled(total, 0.5) if mode == "ave" else total]
        elif mode == "mul":
            joined = [ctx.call("Mul", a, b)]
        else:
            raise MalformedModelError(f"merge_mode={mode!r} is not known")
    finals = [s for r in results for s in r.states] if forward.config.get("return_state") else []
    ctx.masks_out = [*masks, *([None] * len(finals))]
    return [*joined, *finals]


# -- TimeDistributed --------------------------------------------------------------------------------------------------------


def _inner(layer_: Layer) -> Mapping[str, Any]:
    return {"layer": layer_.config["layer"]}


@layer("TimeDistributed", children=_inner, keeps_mask=True)
def time_distributed(ctx: LayerContext) -> list[Value]:
    """A layer at every step: steps are put into the batch, unless the layer works on any rank alike."""
    child, x = ctx.layer.child("layer"), ctx.x
    mask = ctx.mask
    if child.kind is not None and child.kind.pointwise and len(x.shape) > 2:
        found = ctx.inner(child, x)
        values = [t.value for t in found if t.value is not None]
    else:
        rank = len(x.shape)
        if rank < 3:
            raise MalformedModelError(f"an input of rank 3 or more is needed, got rank {rank}")
        flat = ctx.regroup(x, [[0, 1], *([i] for i in range(2, rank))])
        found = ctx.inner(child, flat)
        values = [_unmerged(ctx, t.value, x) for t in found if t.value is not None]
    if len(values) != len(found):
        raise Unsupported(f"the inner layer {child.class_name} does not convert.", reason="inner-layer")
    ctx.masks_out = [mask] + [None] * len(values)
    return values


def _unmerged(ctx: LayerContext, y: Value, x: Value) -> Value:
    """Split the batch of ``y`` into batch and steps of ``x``."""
    rest = list(y.shape[1:])
    lead = list(x.shape[:2])
    if sum(not isinstance(d, int) for d in lead + rest) <= 1:
        return ctx.to_shape(y, [*lead, *rest])
    shape = ctx.call("Concat", ctx.shape_values(x, 0, 2), ctx.shape_values(y, 1), axis=0)
    return ctx.call("Reshape", y, shape, allow_zero=True)
