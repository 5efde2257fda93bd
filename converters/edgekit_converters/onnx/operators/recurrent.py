"""LSTM, GRU and RNN: the table has ONNX's own weight layout and gate order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.ops.recurrent import ACTIVATION_DEFAULTS, ACTIVATIONS, activation_code
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.registry import converts

DEFAULT_ACTIVATIONS = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
TAKES_ALPHA = set(ACTIVATION_DEFAULTS)
TAKES_BETA = {"Affine", "ScaledTanh", "HardSigmoid"}


def _common(ctx: NodeContext) -> dict[str, Any]:
    direction = ctx.get_string("direction", "forward")
    attrs: dict[str, Any] = {
        "hidden_size": ctx.get_int("hidden_size") if ctx.has("hidden_size") else ctx.static(ctx.input(2).shape[-1], "hidden_size"),
        "direction": direction,
        "clip": ctx.get_float("clip", 0.0),
        "batch_first": bool(ctx.get_int("layout", 0)),
    }
    if ctx.has("activations"):
        attrs.update(_activations(ctx, ctx.get_strings("activations")))
    elif ctx.has("activation_alpha") or ctx.has("activation_beta"):
        times = 2 if direction == "bidirectional" else 1
        attrs.update(_activations(ctx, list(DEFAULT_ACTIVATIONS[ctx.op]) * times))
    return attrs


def _activations(ctx: NodeContext, names: Sequence[str]) -> dict[str, Any]:
    """Codes and parameters; the node lists parameters only for the functions that take one."""
    try:
        codes = [activation_code(n) for n in names]
    except ValueError as e:
        raise Unsupported(str(e)) from e
    alphas, betas = ctx.get_floats("activation_alpha", []), ctx.get_floats("activation_beta", [])
    full: tuple[list[float], list[float]] = ([], [])
    given = (iter(alphas), iter(betas))
    whole = (len(alphas) == len(codes), len(betas) == len(codes))
    for c in codes:
        name = ACTIVATIONS[c]
        for k, takes in enumerate((TAKES_ALPHA, TAKES_BETA)):
            default = ACTIVATION_DEFAULTS.get(name, (0.0, 0.0))[k]
            full[k].append(next(given[k], default) if whole[k] or name in takes else default)
    return {"activations": tuple(codes), "activation_alpha": tuple(full[0]), "activation_beta": tuple(full[1])}


def _outputs(ctx: NodeContext, outs: Sequence[Value]) -> Sequence[Value]:
    return outs[: max(1, len(ctx.proto.output))]


@converts("LSTM")
def lstm(ctx: NodeContext) -> Sequence[Value | None]:
    attrs = _common(ctx) | {"input_forget": bool(ctx.get_int("input_forget", 0))}
    return _outputs(ctx, ctx.call_multi("LSTM", *(ctx.optional(i) for i in range(8)), **attrs))


@converts("GRU")
def gru(ctx: NodeContext) -> Sequence[Value | None]:
    attrs = _common(ctx) | {"linear_before_reset": bool(ctx.get_int("linear_before_reset", 0))}
    return _outputs(ctx, ctx.call_multi("GRU", *(ctx.optional(i) for i in range(6)), **attrs))


@converts("RNN")
def rnn(ctx: NodeContext) -> Sequence[Value | None]:
    if len(ctx.inputs) < 3:
        raise MalformedModelError("input, weights and recurrent weights are needed")
    return _outputs(ctx, ctx.call_multi("RNN", *(ctx.optional(i) for i in range(6)), **_common(ctx)))
