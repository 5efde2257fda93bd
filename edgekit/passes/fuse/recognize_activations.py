"""Recognises activation functions that exporters write out: silu, mish, softplus, hard sigmoid, hard swish, leaky relu, gelu.

Gelu (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016): ``x/2 * (1 + erf(x / sqrt 2))``, or with
``tanh(sqrt(2/pi) * (x + 0.044715 x^3))`` in place of erf.
"""

from __future__ import annotations

import math

from edgekit.ir import Graph, Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Any_, Const, Either, Match, Op, only_reader
from edgekit.passes.base import Rule, rule_pass
from edgekit.passes.canonicalize.facts import close, constant, has_clamp, plain_node, same_dims, scalar


def _whole(m: Match, *values: Value) -> bool:
    """Everything matched is plain floating point without clamps, and nothing was broadcast."""
    y = m.root.outputs[0]
    return (
        all(plain_node(n) and not has_clamp(n) for n in m.nodes.values())
        and plain_node(m.root)
        and all(same_dims(v.shape, y.shape) for v in values)
    )


def _simple(op: str) -> Rule:
    x = Any_("x")
    pattern = {
        "Silu": Op("Mul", [x, Op("Sigmoid", [x])], name="root"),
        "Mish": Op("Mul", [x, Op("Tanh", [Op("Softplus", [x])])], name="root"),
        "Softplus": Op("Log", [Op("Add", [Op("Exp", [x]), Const(scalar=1.0)])], name="root"),
    }[op]

    def rewrite(m: Match, e: Editor) -> Value | None:
        return e.call(op, m["x"]) if _whole(m, m["x"]) else None

    return Rule(pattern, rewrite)


def _hard_sigmoid(m: Match, e: Editor) -> Value | None:
    """clip(x + a, 0, c) / c and clip(x * alpha + beta, 0, 1)."""
    clip = m.node("clip")
    top = clip.attrs["max"]
    if clip.attrs["min"] != 0.0 or not _whole(m, m["x"]) or not math.isfinite(top) or top <= 0:
        return None
    alpha = scalar(m["alpha"]) if "alpha" in m.values else 1.0
    beta = scalar(m["beta"])
    divisor = scalar(m["divisor"]) if "divisor" in m.values else 1.0
    if alpha is None or beta is None or divisor is None:
        return None
    if m.root.op == "Mul":
        divisor = 1.0 / divisor if divisor else 0.0
    if not close(divisor, top):
        return None
    return e.call("HardSigmoid", m["x"], alpha=alpha / divisor, beta=beta / divisor)


def _is_sixth(node_attrs: dict[str, float]) -> bool:
    return close(node_attrs["alpha"], 1 / 6) and close(node_attrs["beta"], 0.5)


def _hard_swish(m: Match, e: Editor) -> Value | None:
    if not _whole(m, m["x"]):
        return None
    if "gate" in m.nodes:
        return e.call("HardSwish", m["x"]) if _is_sixth(m.node("gate").attrs) else None
    clip = m.node("clip")
    divisor = scalar(m["divisor"])
    if divisor and m.root.op == "Mul":
        divisor = 1.0 / divisor
    if clip.attrs["min"] == 0.0 and clip.attrs["max"] == 6.0 and close(scalar(m["beta"]), 3.0) and close(divisor, 6.0):
        return e.call("HardSwish", m["x"])
    return None


def _leaky_relu(m: Match, e: Editor) -> Value | None:
    slope = scalar(m["slope"])
    if slope is None or not 0 <= slope < 1 or not _whole(m, m["x"]):
        return None
    return e.call("LeakyRelu", m["x"], alpha=slope)


def _factors(graph: Graph, v: Value, root: bool = False) -> tuple[float, list[Value]]:
    """``v`` as a number times a product of values, looking through Mul, Div by a number, and x^3 that nobody else reads."""
    node = v.producer
    number = scalar(v)
    if number is not None:
        return number, []
    if node is None or not (root or only_reader(graph, v)) or not plain_node(node) or has_clamp(node):
        return 1.0, [v]
    if node.op == "Mul":
        a, xs = _factors(graph, node.input(0))
        if node.input(0) is node.input(1):
            return 1.0, [node.input(0), node.input(0)]
        b, ys = _factors(graph, node.input(1))
        return a * b, xs + ys
    if node.op == "Div" and scalar(node.input(1)):
        a, xs = _factors(graph, node.input(0))
        return a / (scalar(node.input(1)) or 1.0), xs
    exponent = constant(node, 1) if node.op == "Pow" else None
    if exponent is not None and exponent.size == 1 and float(exponent.reshape(-1)[0]) in (2.0, 3.0):
        return 1.0, [node.input(0)] * int(exponent.reshape(-1)[0])
    return 1.0, [v]


def _one_plus(graph: Graph, v: Value) -> Value | None:
    """``u`` where ``v`` is ``1 + u``."""
    node = v.producer
    if node is None or node.op != "Add" or has_clamp(node) or not only_reader(graph, v):
        return None
    for i in (0, 1):
        if scalar(node.input(i)) == 1.0:
            return node.input(1 - i)
    return None


def _is_cube_sum(graph: Graph, c: float, terms: list[Value], x: Value) -> bool:
    """sqrt(2/pi) * (x + 0.044715 x^3), in either of its usual forms."""
    if not close(c, math.sqrt(2 / math.pi)):
        return False
    if len(terms) == 2 and any(t is x for t in terms):  # x * (1 + 0.044715 x^2)
        rest = terms[1] if terms[0] is x else terms[0]
        u = _one_plus(graph, rest)
        if u is None:
            return False
        k, square = _factors(graph, u)
        return close(k, 0.044715) and len(square) == 2 and all(s is x for s in square)
    if len(terms) != 1:
        return False
    node = terms[0].producer
    if node is None or node.op != "Add" or has_clamp(node) or not only_reader(graph, terms[0]):
        return False
    for i in (0, 1):
        if node.input(i) is x:
            k, cube = _factors(graph, node.input(1 - i))
            cube = [w for t in cube for w in (_factors(graph, t)[1] if t is not x else [t])]
            if close(k, 0.044715) and len(cube) == 3 and all(w is x for w in cube):
                return True
    return False


def _gelu(m: Match, e: Editor) -> Value | None:
    y = m.root.outputs[0]
    if not plain_node(m.root) or has_clamp(m.root):
        return None
    c, values = _factors(e.graph, y, root=True)
    if not close(c, 0.5) or len(values) != 2:
        return None
    for x, gate in (values, values[::-1]):
        u = _one_plus(e.graph, gate)
        if u is None or u.producer is None or not only_reader(e.graph, u) or not same_dims(x.shape, y.shape):
            continue
        k, inner = _factors(e.graph, u.producer.input(0)) if u.producer.op in ("Erf", "Tanh") else (0.0, [])
        if u.producer.op == "Erf" and close(k, math.sqrt(0.5)) and len(inner) == 1 and inner[0] is x:
            return e.call("Gelu", x, approximate="none")
        if u.producer.op == "Tanh" and _is_cube_sum(e.graph, k, inner, x):
            return e.call("Gelu", x, approximate="tanh")
    return None


_X = Any_("x")
_SHIFTED = Op("Add", [Op("Mul", [_X, Const("alpha")]), Const("beta")])
_CLIPPED = Op("Clip", [Op("Add", [_X, Const("beta")])], name="clip")

RECOGNIZE_ACTIVATIONS = rule_pass(
    "recognize-activations",
    "Recognise silu, mish, softplus, hard sigmoid, hard swish, leaky relu and gelu.",
    "recognised activations",
    _simple("Silu"),
    _simple("Softplus"),
    _simple("Mish"),
    Rule(
        Either([Op("Mul|Div", [Op("Mul", [_X, _CLIPPED]), Const("divisor")]), Op("Mul", [_X, Op("HardSigmoid", [_X], name="gate")])]),
        _hard_swish,
    ),
    Rule(Either([Op("Mul|Div", [_CLIPPED, Const("divisor")]), Op("Clip", [_SHIFTED], name="clip")]), _hard_sigmoid),
    Rule(Op("Max", [_X, Op("Mul", [_X, Const("slope")])], name="root"), _leaky_relu),
    Rule(Op("Mul|Div"), _gelu),
)
