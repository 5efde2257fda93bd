"""int8 post-training quantization: rewrites a float graph so that the chosen nodes compute on int8."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.errors import QuantizationError
from edgekit.ir import Graph, Node, Value, verify
from edgekit.ops import quant_math
from edgekit.ops.traits import Accumulate, LookupTable, SameScale
from edgekit.quantize.parameters import activation_params, quantize_weights, weight_params
from edgekit.quantize.recipe import Recipe
from edgekit.quantize.selection import float_inputs, group_scales, select_nodes
from edgekit.types import F32, I8, Array, QuantParams, TensorType

Ranges = Mapping[str, tuple[float, float]]


def quantize_int8(graph: Graph, ranges: Ranges, recipe: Recipe) -> Graph:
    """A new graph in which every node with an integer form runs on int8.

    Args:
        graph: the optimized float graph.
        ranges: (low, high) of every float value, by name.
        recipe: options.

    Raises:
        QuantizationError: nothing in the graph can be quantized, or a range is missing.
    """
    chosen = select_nodes(graph, recipe)
    if not chosen:
        raise QuantizationError(f"graph {graph.name!r} has no operator with an int8 form; use float16 or int8-weight-only instead")
    out = _Rewriter(graph, chosen, _activation_params(graph, chosen, ranges), recipe).rewrite()
    verify(out)
    return out


def _activation_params(graph: Graph, chosen: set[int], ranges: Ranges) -> dict[str, QuantParams]:
    groups, fixed = group_scales(graph, chosen)
    for n in graph.nodes:
        if id(n) in chosen:
            for v in (*(n.input(i) for i in float_inputs(n)), *n.outputs):
                if v.dtype is F32 and not v.is_constant:
                    groups.find(v.name)
    params: dict[str, QuantParams] = {}
    for root, names in groups.members().items():
        if root in fixed:
            q = QuantParams.per_tensor(fixed[root].scale, fixed[root].zero_point)
        else:
            missing = [n for n in names if n not in ranges]
            if missing:
                raise QuantizationError(f"no calibrated range for {missing[:3]}")
            q = activation_params(min(ranges[n][0] for n in names), max(ranges[n][1] for n in names))
        params.update(dict.fromkeys(names, q))
    return params


class _Rewriter:
    def __init__(self, graph: Graph, chosen: set[int], params: dict[str, QuantParams], recipe: Recipe) -> None:
        self.old = graph
        self.chosen = chosen
        self.params = params
        self.recipe = recipe
        self.new = Graph(graph.name)
        self.new.metadata = dict(graph.metadata)
        self.floats: dict[str, Value] = {}
        self.integers: dict[str, Value] = {}
        self.constants: dict[str, Value] = {}
        self.requantized: dict[tuple[str, QuantParams], Value] = {}

    def rewrite(self) -> Graph:
        for v in self.old.user_inputs:
            if self.recipe.io_int8 and v.name in self.params:
                self.integers[v.name] = self.new.add_input(v.name, TensorType(I8, v.shape, self.params[v.name]))
            else:
                self.floats[v.name] = self.new.add_input(v.name, v.type)
        for s in self.old.states:  # they stay in float: one number may pass through thousands of runs, and would be rounded in each
            self.floats[s.name] = self.new.add_input(s.name, s.input.type)
        for n in self.old.nodes:
            if id(n) not in self.chosen:
                self.keep(n)
            elif isinstance(n.definition.quant, LookupTable):
                self.lookup(n)
            else:
                self.integer(n)
        for v, name in zip(self.old.user_outputs, self.old.user_output_names, strict=True):
            as_int8 = self.recipe.io_int8 and v.name in self.integers
            self.new.add_output(self.integers[v.name] if as_int8 else self.as_float(v), name)
        for s in self.old.states:
            self.new.add_state(self.floats[s.name], self.as_float(s.output), s.initial)
        return self.new

    # -- values ---------------------------------------------------------------------------------------------------------

    def emit(self, op: str, inputs: list[Value | None], name: str, type: TensorType, like: Node | None = None, **attrs: object) -> Value:
        out = self.new.new_value(name, type)
        self.new.append(Node(op, inputs, [out], attrs, like.name if like else name, like.source if like else ""))
        return out

    def constant(self, v: Value) -> Value:
        assert v.const is not None
        if v.name not in self.constants:
            self.constants[v.name] = self.new.add_constant(v.const, v.name, v.quant)
        return self.constants[v.name]

    def as_float(self, v: Value) -> Value:
        """The value as the float graph has it."""
        if v.is_constant:
            return self.constant(v)
        if v.name not in self.floats:
            self.floats[v.name] = self.emit("Dequantize", [self.integers[v.name]], f"{v.name}.float", v.type)
        return self.floats[v.name]

    def as_int8(self, v: Value, wanted: QuantParams | None = None) -> Value:
        """The value in int8, with its own parameters or those ``wanted``."""
        if v.const is not None:
            q = wanted or activation_params(float(v.const.min(initial=0)), float(v.const.max(initial=0)))
            return self.new.add_constant(quant_math.quantize(v.const, q), f"{v.name}.int8", q)
        own = self.params[v.name]
        if v.name not in self.integers:
            made = TensorType(I8, v.shape, own)
            self.integers[v.name] = self.emit("Quantize", [self.floats[v.name]], f"{v.name}.int8", made, dtype=I8)
        got = self.integers[v.name]
        if wanted is None or wanted == own:
            return got
        key = (v.name, wanted)
        if key not in self.requantized:
            self.requantized[key] = self.emit("Requantize", [got], f"{v.name}.requantized", TensorType(I8, v.shape, wanted))
        return self.requantized[key]

    # -- nodes ----------------------------------------------------------------------------------------------------------

    def keep(self, n: Node) -> None:
        ins = [None if v is None else self.as_float(v) for v in n.inputs]
        outs = [self.new.new_value(v.name, v.type) for v in n.outputs]
        attrs = {k: a.clone() if isinstance(a, Graph) else a for k, a in n.attrs.items()}
        self.new.append(Node(n.op, ins, outs, attrs, n.name, n.source))
        self.floats.update({v.name: o for v, o in zip(n.outputs, outs, strict=True)})

    def integer(self, n: Node) -> None:
        trait = n.definition.quant
        floats = set(float_inputs(n))
        wanted = self.params[n.outputs[0].name] if isinstance(trait, SameScale) else None
        ins: list[Value | None] = []
        for i, v in enumerate(n.inputs):
            if v is None:
                ins.append(None)
            elif isinstance(trait, Accumulate) and trait.channel_axis is not None and i != 0:
                ins.append(None)  # weights and bias follow below
            else:
                ins.append(self.as_int8(v, wanted) if i in floats else self.as_float(v))
        if isinstance(trait, Accumulate):
            self.accumulate(n, trait, ins)
        outs = []
        for v in n.outputs:
            t = TensorType(I8, v.shape, self.params[v.name]) if v.dtype is F32 else v.type
            outs.append(self.new.new_value(v.name, t))
            (self.integers if v.dtype is F32 else self.floats)[v.name] = outs[-1]
        self.new.append(Node(n.op, ins, outs, n.attrs, n.name, n.source))

    def accumulate(self, n: Node, trait: Accumulate, ins: list[Value | None]) -> None:
        """Weights to symmetric int8 and the bias to int32 in units of input scale x weight scale."""
        w = n.input(trait.weight)
        if trait.channel_axis is None:
            if w.const is not None:
                q = weight_params(w.const, None)
                ins[trait.weight] = self.new.add_constant(quantize_weights(w.const, q), w.name, q)
            return
        assert w.const is not None
        bias = n.input(trait.bias) if trait.bias is not None and n.has_input(trait.bias) else None
        channels = w.const.shape[trait.channel_axis]
        scales = np.asarray(weight_params(w.const, trait.channel_axis if self.recipe.per_channel else None).scale, np.float64)
        scales = np.broadcast_to(scales, (channels,)).copy()
        x = ins[0]
        assert x is not None and x.quant is not None
        sx = x.quant.scale[0]
        if bias is not None and bias.const is not None:
            # a bias far larger than the weights would leave int32: widen the scale of that channel instead
            scales = np.maximum(scales, np.abs(bias.const.astype(np.float64)) / (sx * 2.0**30))
        q = QuantParams.per_channel(scales, trait.channel_axis)
        ins[trait.weight] = self.new.add_constant(quantize_weights(w.const, q), w.name, q)
        if bias is not None and bias.const is not None and trait.bias is not None:
            sb = np.float64(sx) * q.scale_array().astype(np.float64)
            ib = np.clip(np.rint(bias.const.astype(np.float64) / sb), -(2**31), 2**31 - 1).astype(np.int32)
            ins[trait.bias] = self.new.add_constant(ib, bias.name, QuantParams.per_channel(sb, 0))

    def lookup(self, n: Node) -> None:
        """A function of one element becomes a table over the 256 int8 values."""
        x, y = n.input(0), n.output
        table = lookup_table(n, self.params[x.name], self.params[y.name])
        constant = self.new.add_constant(table, f"{n.name}.table")
        made = TensorType(I8, y.shape, self.params[y.name])
        self.integers[y.name] = self.emit("Lookup", [self.as_int8(x), constant], y.name, made, like=n)


def lookup_table(n: Node, qx: QuantParams, qy: QuantParams) -> Array:
    """What node ``n`` gives for each int8 input from -128 to 127: dequantize, the float reference, quantize."""
    real = quant_math.dequantize(np.arange(-128, 128, dtype=np.int8), qx)
    rest = [v.const for v in n.inputs[1:] if v is not None]
    with np.errstate(all="ignore"):
        y = n.definition.reference(real, *rest, **n.attrs)
    return quant_math.quantize(np.asarray(y, np.float32), qy)
