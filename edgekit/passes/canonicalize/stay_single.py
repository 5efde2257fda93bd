"""What follows a float32 result in float64 is computed in float32, too.

Operators that have no float64 form (convolutions, pools, norms, recurrent layers) compute float64 models in float32, between two casts.
Their results hold no more than float32, and what is computed from them alone, with constants, need not be float64: casts that meet
vanish, memory halves, and the fusions see what they know. What is computed from float64 inputs of the model stays float64.
"""

from __future__ import annotations

import numpy as np

from edgekit.ir import Graph, Node, Value
from edgekit.passes.base import Pass, PassResult
from edgekit.types import F32, F64


def _is_result(v: Value) -> bool:
    """Whether a float32 value comes from an operator that has no float64 form."""
    p = v.producer
    if v.dtype is not F32 or p is None:
        return False
    ports = p.definition.outputs
    return p.op == "Resize" or F64 not in p.definition.allowed(ports[min(p.outputs.index(v), len(ports) - 1)])


class _Pass:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.single: dict[int, Value] = {}
        self.kept: list[Value] = []  # so that no id is used twice while it is a key
        self.names: list[str] = []

    def run(self) -> list[str]:
        for n in list(self.graph.nodes):
            if n.op == "Cast":
                self.cast(n)
            elif not n.definition.subgraph_attrs:
                self.node(n)
        return self.names

    def cast(self, n: Node) -> None:
        x, y = n.input(0), n.output
        if y.dtype is F64 and _is_result(x):
            self.remember(y, x)
        elif y.dtype is F32 and id(x) in self.single and y.uses:
            for user, i in y.uses:
                user.set_input(i, self.single[id(x)])
            self.names.append(n.name)

    def node(self, n: Node) -> None:
        doubles = [i for i, v in enumerate(n.inputs) if v is not None and v.dtype is F64]
        computed = [i for i in doubles if not n.input(i).is_constant]
        if not computed or any(id(n.input(i)) not in self.single for i in computed):
            return
        if any(F32 not in n.definition.allowed(n.port(i)) for i in doubles):
            return
        for i in doubles:
            v = n.input(i)
            n.set_input(i, self.graph.add_constant(v.const.astype(np.float32), v.name) if v.const is not None else self.single[id(v)])
        for y in n.outputs:
            if y.dtype is F64:
                self.widen(n, y)
        self.names.append(n.name)

    def widen(self, n: Node, y: Value) -> None:
        """Let ``y`` be float32, and those that read it read a Cast of it until they are asked themselves."""
        name = y.name
        wide = self.graph.new_value(f"{name}/float64", y.type)
        self.graph.replace_all_uses(y, wide)
        y.type = y.type.with_dtype(F32)
        self.graph.insert_after(n, [Node("Cast", [y], [wide], {"to": F64}, wide.name)])
        if self.graph.is_output(wide):
            self.graph.rename(y, f"{name}/float32")
            self.graph.rename(wide, name)
        self.remember(wide, y)

    def remember(self, wide: Value, single: Value) -> None:
        self.single[id(wide)] = single
        self.kept.append(wide)


def _run(graph: Graph) -> PassResult:
    if not any(n.op == "Cast" and n.output.dtype is F64 for n in graph.nodes):
        return PassResult(False)
    return PassResult.of(_Pass(graph).run(), "computed in float32 what follows float32 results")


STAY_SINGLE = Pass("stay-single", "Compute in float32 what float64 models compute from float32 results.", _run)
