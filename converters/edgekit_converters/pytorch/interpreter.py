"""Runs a TorchScript graph with tensors that are graph values: numbers, lists and branches are settled on the way."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, I64
from edgekit_converters.importing.attempt import attempt
from edgekit_converters.importing.complex_values import Complex, packed_array
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.bodies import branch, repeat
from edgekit_converters.pytorch.context import AtenContext, Sym
from edgekit_converters.pytorch.exported import numbers
from edgekit_converters.pytorch.importer import POISON, ProgramImporter
from edgekit_converters.pytorch.nodes import describe, label
from edgekit_converters.pytorch.program import PARTS, Opaque, SourceNode, TorchType
from edgekit_converters.pytorch.script_numbers import PLAIN, SYMBOLIC, SYMBOLIC_OTHERS
from edgekit_converters.pytorch.storage import Tensor

MAX_STEPS = 2_000_000
MAX_TRIPS = 20_000
PLACES = re.compile(r'^(?:[^\S\n]*File "([^"]+)", line (\d+)|(\S[^\n]*)\((\d+)\): )', re.MULTILINE)


class ScriptObject:
    """A module inside of a TorchScript model.

    Attributes:
        path: attribute names from the model.
        module: the ``torch._C.ScriptModule``.
    """

    def __init__(self, path: tuple[str, ...], module: Any) -> None:
        self.path = path
        self.module = module


class ScriptState:
    """What one import of a TorchScript model knows beside its graph.

    Attributes:
        torch: the package.
        attributes: items of the attributes that are left after freezing, by path.
        arrays: numbers of constants by name; kept from one import to the next.
        read: attributes as they were when they were first read.
        steps: nodes run so far.
    """

    def __init__(self, torch: Any, attributes: dict[tuple[str, ...], Any], arrays: dict[str, Any]) -> None:
        self.torch = torch
        self.attributes = attributes
        self.arrays = arrays
        self.read: dict[tuple[str, ...], Any] = {}
        self.steps = 0


class ScriptInterpreter:
    """Walks blocks of one graph.

    Args:
        importer: where nodes go.
        state: of the import.
        items: what names stand for.
    """

    def __init__(self, importer: ProgramImporter, state: ScriptState, items: dict[str, Any]) -> None:
        self.importer = importer
        self.state = state
        self.items = items

    def block(self, block: Any) -> list[Any]:
        """Run all nodes; returns the items of the outputs."""
        for node in block.nodes():
            self.state.steps += 1
            if self.state.steps > MAX_STEPS:
                raise MalformedModelError(f"the program takes more than {MAX_STEPS} steps: is a loop without end in it?")
            self.node(node)
        return [self.items[o.debugName()] for o in block.outputs()]

    def node(self, node: Any) -> None:
        """Run one node."""
        kind = node.kind()
        inputs = [self.items[i.debugName()] for i in node.inputs()]
        handler = _PRIM.get(kind)
        if handler is not None:
            results = handler(self, node, inputs)
        elif kind.startswith("prim::") and kind.removeprefix("prim::") in PLAIN and not any(map(is_dynamic, inputs)):
            results = [PLAIN[kind.removeprefix("prim::")](*inputs)]
        else:
            results = self._operator(node, kind, inputs)
        for o, item in zip(node.outputs(), results, strict=True):
            self.items[o.debugName()] = item

    # -- operators ------------------------------------------------------------------------------------------------------

    def _operator(self, node: Any, kind: str, inputs: list[Any]) -> list[Any]:
        short = kind.rsplit("::", 1)[-1]
        outputs = [o.debugName() for o in node.outputs()]
        if any(i is POISON for i in inputs):
            return [POISON] * len(outputs)
        if not any(map(is_dynamic, inputs)) and short in PLAIN and not _makes_tensors(node):
            try:
                return [PLAIN[short](*inputs)][: len(outputs)]
            except (ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError) as e:
                self._block(node, kind, f"{type(e).__name__}: {e}.")
                return [POISON] * len(outputs)
        if short in _ON_LISTS and isinstance(inputs[0], list | dict) and not isinstance(inputs[-1], Sym):
            return [PLAIN[short](*inputs)][: len(outputs)]
        symbolic = not any(map(has_tensor, inputs)) and not _makes_tensors(node)
        if symbolic and short in SYMBOLIC:
            target, args = f"_operator.{SYMBOLIC[short]}", {f"#{k}": v for k, v in enumerate(inputs[:2])}
        elif symbolic and short in SYMBOLIC_OTHERS:
            target, args = SYMBOLIC_OTHERS[short], {f"#{k}": v for k, v in enumerate(inputs)}
        else:
            target, args = self._by_schema(node, kind, inputs)
        several = len(outputs) > 1
        source = SourceNode(target, args, outputs if several else [outputs[0]] if outputs else [], outputs[0] if outputs else short,
                            scope(node), location(node))  # fmt: skip
        self.importer.node(source)
        return [self.importer.items[n] for n in outputs]

    def _by_schema(self, node: Any, kind: str, inputs: list[Any]) -> tuple[str, dict[str, Any]]:
        text = node.schema()
        if text in ("(no schema)", ""):
            return kind.replace("::", "."), {f"#{k}": v for k, v in enumerate(inputs)}
        schema = self.state.torch._C.parse_schema(text)
        names = [a.name for a in schema.arguments]
        args = {names[k] if k < len(names) else f"#{k}": v for k, v in enumerate(inputs)}
        return f"{schema.name.replace('::', '.')}.{schema.overload_name or 'default'}", args

    def _block(self, node: Any, op: str, message: str, hint: str = "") -> None:
        source = SourceNode(op, {}, [], next((o.debugName() for o in node.outputs()), op), scope(node), location(node))
        self.importer.problems.block(op, label(source), "unsupported-variant", message, hint)

    # -- control flow ---------------------------------------------------------------------------------------------------

    def if_(self, node: Any, inputs: list[Any]) -> list[Any]:
        """A condition known at conversion runs one branch; a branch that only raises is never taken."""
        condition = inputs[0]
        blocks = list(node.blocks())
        count = node.outputsSize()
        if condition is POISON:
            return [POISON] * count
        if isinstance(condition, Tensor):
            condition = Sym(real_value(self.importer, condition))
        if not isinstance(condition, Sym):
            return self.block(blocks[0 if condition else 1])
        for k, block in enumerate(blocks):
            if any(n.kind() == "prim::RaiseException" for n in block.nodes()):
                self.importer.problems.note(
                    f"a check of the model ({location(node) or 'unknown place'}) was left out: it depends on the data"
                )
                return self.block(blocks[1 - k])
        source = SourceNode("prim::If", {}, [], next((o.debugName() for o in node.outputs()), "If"), scope(node), location(node))

        def run(block: Any) -> Any:
            return lambda child, _: ScriptInterpreter(child, self.state, dict(self.items)).block(block)

        def make() -> list[Any]:
            ctx = AtenContext(self.importer, source, "prim::If", {})
            return branch(ctx, self.importer.local(condition.value), [run(b) for b in blocks])

        return self._attempted(source, make, count)

    def _attempted(self, source: SourceNode, make: Any, count: int) -> list[Any]:
        done = attempt(self.importer.problems, self.importer.builder, source.target, label(source), describe(source), [], make)
        return [POISON] * count if done is None else list(done)

    def loop(self, node: Any, inputs: list[Any]) -> list[Any]:
        """Loops of known length are unrolled; others become a While."""
        limit, go_on, *carried = inputs
        if limit is POISON or go_on is POISON:
            return [POISON] * node.outputsSize()
        (block,) = node.blocks()
        names = [i.debugName() for i in block.inputs()]
        trip = 0
        while not is_dynamic(go_on) and not is_dynamic(limit):
            if not go_on or trip >= limit:
                return carried
            if trip >= MAX_TRIPS:
                raise MalformedModelError(f"a loop takes more than {MAX_TRIPS} trips")
            self.items.update(zip(names, [trip, *carried], strict=True))
            go_on, *carried = self.block(block)
            trip += 1
        if trip:
            raise_dynamic = "its condition comes to depend on the data after some trips."
            self._block(node, "prim::Loop", raise_dynamic, "Give the loop a fixed number of trips.")
            return [POISON] * node.outputsSize()
        source = SourceNode("prim::Loop", {}, [], next((o.debugName() for o in node.outputs()), "Loop"), scope(node), location(node))

        def body(child: ProgramImporter, items: list[Any]) -> list[Any]:
            inner = ScriptInterpreter(child, self.state, {**self.items, **dict(zip(names, items, strict=True))})
            return inner.block(block)

        def make() -> list[Any]:
            ctx = AtenContext(self.importer, source, "prim::Loop", {})
            most = ctx.cast(ctx.operand(_number(self, limit), I64), I64)
            start = None if go_on is True else ctx.operand(_number(self, go_on), BOOL)
            return repeat(ctx, most, start, carried, body)

        return self._attempted(source, make, node.outputsSize())


def _number(run: ScriptInterpreter, item: Any) -> Any:
    if isinstance(item, Tensor):
        return real_value(run.importer, item)
    return Sym(run.importer.local(item.value)) if isinstance(item, Sym) else item


def real_value(importer: ProgramImporter, item: Tensor) -> Value:
    """The value of a tensor that must be real."""
    value = importer.localized(item.read())
    if isinstance(value, Complex):
        raise Unsupported("a condition or a number of trips is complex.")
    return value


_ON_LISTS = {
    "append", "extend", "insert", "__getitem__", "len", "_set_item", "pop", "reverse", "list", "slice", "add", "copy", "keys", "values",
    "__contains__",
}  # fmt: skip


def is_dynamic(item: Any) -> bool:
    """Whether an item is computed at run time, or holds what is."""
    if isinstance(item, list | tuple):
        return any(map(is_dynamic, item))
    return isinstance(item, Tensor | Sym) or item is POISON


def has_tensor(item: Any) -> bool:
    """Whether an item is a tensor, or holds one."""
    if isinstance(item, list | tuple):
        return any(map(has_tensor, item))
    return isinstance(item, Tensor)


def _makes_tensors(node: Any) -> bool:
    return any(o.type().kind() == "TensorType" or str(o.type()) == "Tensor[]" for o in node.outputs())


def scope(node: Any) -> str:
    """The module a node was traced in."""
    return str(node.scopeName()).rsplit("/", 1)[-1]


def location(node: Any) -> str:
    """File and line of a node's source: the first place outside of torch itself."""
    found = [(a or c, b or d) for a, b, c, d in PLACES.findall(node.sourceRange()[:20_000])]
    own = [p for p in found if "/torch/" not in p[0]] or found
    return f"{own[0][0].replace(chr(92), '/').rsplit('/', 1)[-1]}:{own[0][1]}" if own else ""


# -- prim:: -------------------------------------------------------------------------------------------------------------


def _constant(run: ScriptInterpreter, node: Any, inputs: list[Any]) -> list[Any]:
    out = node.output()
    return [converted(run, out.toIValue(), out.debugName())]


def converted(run: ScriptInterpreter, value: Any, name: str) -> Any:
    """A value of torch as an item: tensors become constants of the graph."""
    torch = run.state.torch
    if isinstance(value, torch.Tensor):
        array = run.state.arrays.setdefault(name, None)
        if array is None:
            array = run.state.arrays[name] = numbers(torch, value, name)
        if array.dtype.kind == "c":
            both = run.importer.own(run.importer.builder.constant(packed_array(array), name))
            return Tensor.new(Complex(packed=both), run.importer.builder.graph)
        return Tensor.new(run.importer.own(run.importer.builder.constant(array, name)), run.importer.builder.graph)
    if isinstance(value, list | tuple):
        return [converted(run, v, f"{name}.{k}") for k, v in enumerate(value)]
    if isinstance(value, dict):
        return {k: converted(run, v, f"{name}.{k}") for k, v in value.items()}
    if value is None or isinstance(value, bool | int | float | complex | str):
        return value
    return Opaque(str(value))


def _unpacked(run: ScriptInterpreter, node: Any, inputs: list[Any]) -> list[Any]:
    (packed,) = inputs
    if packed is POISON:
        return [POISON] * node.outputsSize()
    if not isinstance(packed, list | tuple) or len(packed) != node.outputsSize():
        raise MalformedModelError(f"{node.kind()} takes {node.outputsSize()} items out of something else")
    return list(packed)


def _get_attribute(run: ScriptInterpreter, node: Any, inputs: list[Any]) -> list[Any]:
    (owner,) = inputs
    if not isinstance(owner, ScriptObject):
        raise MalformedModelError("an attribute of something else than a module is read")
    name = node.s("name")
    path = (*owner.path, name)
    if path in run.state.attributes:
        return [run.state.attributes[path]]
    value = owner.module.getattr(name)
    if isinstance(value, run.state.torch._C.ScriptModule):
        return [ScriptObject(path, value)]
    item = run.state.attributes[path] = run.state.read[path] = converted(run, value, ".".join(path))
    return [item]


def _set_attribute(run: ScriptInterpreter, node: Any, inputs: list[Any]) -> list[Any]:
    owner, item = inputs
    if not isinstance(owner, ScriptObject):
        raise MalformedModelError("an attribute of something else than a module is set")
    if run.importer.parent is not None:
        raise Unsupported("a branch that depends on the data changes an attribute of the module.", "Give the state as input and output.")
    run.state.attributes[(*owner.path, node.s("name"))] = item
    return []


def _raise(run: ScriptInterpreter, node: Any, inputs: list[Any]) -> list[Any]:
    run._block(node, "prim::RaiseException", f"the model refuses its inputs: {str(inputs[0])[:300]}.", "Give other shapes or values.")
    return []


def _to_tensor(run: ScriptInterpreter, node: Any, inputs: list[Any]) -> list[Any]:
    (value,) = inputs
    if isinstance(value, Sym):
        return [Tensor.new(run.importer.local(value.value), run.importer.builder.graph)]
    if isinstance(value, bool | int | float):
        array = np.asarray(value, np.float32 if isinstance(value, float) else None)
        return [Tensor.new(run.importer.own(run.importer.builder.constant(array, node.output().debugName())), run.importer.builder.graph)]
    return [value]


def _dtype(run: ScriptInterpreter, node: Any, inputs: list[Any]) -> list[Any]:
    (x,) = inputs
    if not isinstance(x, Tensor):
        return [POISON]
    value = x.read()
    label_ = value.dtype.label
    return [TorchType(label_ if isinstance(value, Value) else next(c for c, part in PARTS.items() if part == label_))]


def _items(run: ScriptInterpreter, node: Any, inputs: list[Any]) -> list[Any]:
    return [list(inputs)]


_PRIM: dict[str, Any] = {
    "prim::Constant": _constant,
    "prim::ListConstruct": _items,
    "prim::TupleConstruct": _items,
    "prim::DictConstruct": lambda r, n, i: [dict(zip(i[::2], i[1::2], strict=True))],
    "prim::ListUnpack": _unpacked,
    "prim::TupleUnpack": _unpacked,
    "prim::TupleIndex": lambda r, n, i: [POISON if i[0] is POISON else i[0][i[1]]],
    "prim::If": lambda r, n, i: r.if_(n, i),
    "prim::Loop": lambda r, n, i: r.loop(n, i),
    "prim::GetAttr": _get_attribute,
    "prim::SetAttr": _set_attribute,
    "prim::RaiseException": _raise,
    "prim::NumToTensor": _to_tensor,
    "prim::Uninitialized": lambda r, n, i: [POISON],
    "prim::unchecked_cast": lambda r, n, i: [i[0]],
    "prim::device": lambda r, n, i: [Opaque("cpu")],
    "prim::layout": lambda r, n, i: [Opaque("strided")],
    "prim::is_cuda": lambda r, n, i: [False],
    "prim::dtype": _dtype,
    "prim::data": lambda r, n, i: [i[0]],
    "prim::requires_grad": lambda r, n, i: [False],
    "prim::Print": lambda r, n, i: [],
    "aten::warn": lambda r, n, i: [],
}
