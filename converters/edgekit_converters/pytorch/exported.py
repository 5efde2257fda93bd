"""Reads ``ExportedProgram`` objects, and exports live modules. Needs torch, which is imported only here and only when called."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from edgekit.converters import Example
from edgekit.errors import ConversionError, MalformedModelError, MissingDependencyError
from edgekit.types import Array
from edgekit_converters.importing.problems import Unsupported, UnsupportedTypeError
from edgekit_converters.pytorch.decoding import module_name, source_line
from edgekit_converters.pytorch.program import (
    Opaque,
    Program,
    ProgramInput,
    ProgramOutput,
    Ref,
    SourceGraph,
    SourceNode,
    TensorMeta,
    TorchType,
)
from edgekit_converters.pytorch.signature import UNBOUNDED, names_of, tree_paths

MAX_MESSAGE = 2000
INPUT_KINDS = {"USER_INPUT": "user", "PARAMETER": "weight", "BUFFER": "buffer", "CONSTANT_TENSOR": "weight"}
OUTPUT_KINDS = {"USER_OUTPUT": "user", "BUFFER_MUTATION": "buffer", "USER_INPUT_MUTATION": "input"}


def torch_module(purpose: str) -> Any:
    """The package torch.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import torch
    except ImportError as e:
        raise MissingDependencyError(f"{purpose} needs the package torch: pip install torch ({e})") from e
    return torch


def arguments(example: Example, purpose: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and named inputs as torch tensors: a dictionary is named, a tuple or list positional, anything else the one input."""
    torch = torch_module(purpose)

    def tensor(v: Any, depth: int = 0) -> Any:
        if depth > 16:
            raise MalformedModelError("the example inputs are nested too deeply")
        if isinstance(v, torch.Tensor | bool | int | float | str) or v is None:
            return v
        if isinstance(v, dict):
            return {k: tensor(w, depth + 1) for k, w in v.items()}
        if isinstance(v, list | tuple):
            return type(v)(tensor(w, depth + 1) for w in v)
        return torch.as_tensor(v)

    given = example.inputs
    if isinstance(given, Mapping):
        return (), {str(k): tensor(v) for k, v in given.items()}
    return tuple(tensor(v) for v in given) if isinstance(given, list | tuple) else (tensor(given),), {}


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings torch gives of its own future, which say nothing of the model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """The module in evaluation mode for the time being."""
    training = [m for m in module.modules() if m.training]
    for m in training:  # module.eval() is refused by modules that torch.export made
        m.training = False
    try:
        yield
    finally:
        for m in training:
            m.training = True


def export_module(module: Any, example: Example) -> Any:
    """``torch.export`` of a module in evaluation mode; without strict tracing first, with it where that fails.

    Raises:
        ConversionError: torch cannot export the module.
    """
    torch = torch_module("a torch.nn.Module")
    args, kwargs = arguments(example, "a torch.nn.Module")
    failures = []
    with quiet(), evaluating(module), torch.no_grad():
        for strict in (False, True):
            try:
                return torch.export.export(module, args, kwargs, dynamic_shapes=example.dynamic_shapes, strict=strict)
            except Exception as e:  # torch.export raises whatever the module raises, and kinds of its own
                failures.append(f"{type(e).__name__}: {str(e).strip()[:MAX_MESSAGE]}")
    raise ConversionError(
        f"torch.export cannot capture the module {type(module).__name__}: {failures[0]}\n"
        "Change the module so that torch.export.export(module, inputs) works, or trace it and convert the TorchScript file."
    )


def read_exported(program: Any) -> Program:
    """The program of an ``ExportedProgram``.

    Raises:
        MalformedModelError: the program holds what no export makes.
    """
    torch = torch_module("an ExportedProgram")
    reader = _GraphReader(torch)
    graph = reader.graph(program.graph_module)
    inputs = [_input(s) for s in program.graph_signature.input_specs]
    outputs = [_output(s) for s in program.graph_signature.output_specs]
    users = sum(o.kind == "user" for o in outputs)

    def tensor(target: str) -> Array:
        held = program.state_dict.get(target)
        if held is None:
            held = program.constants.get(target)
        if not isinstance(held, torch.Tensor):
            raise MalformedModelError(f"the program holds no tensor {target!r}")
        return numbers(torch, held, target)

    facts = {"source.producer": f"torch {torch.__version__}"}
    names = _output_names(torch, program, users)
    return Program(graph, inputs, outputs, names, reader.metas, _ranges(program.range_constraints), tensor, facts)


def numbers(torch: Any, tensor: Any, name: str) -> Array:
    """The array of a tensor.

    Raises:
        Unsupported: it is sparse, quantized, or of an element type EdgeKit does not have.
    """
    t = tensor.detach()
    if t.layout is not torch.strided or t.is_quantized or type(t) not in (torch.Tensor, torch.nn.Parameter):
        raise Unsupported(
            f"the weight {name!r} is no plain dense tensor.", "Convert it to a dense tensor before exporting.", "unsupported-type"
        )
    if t.dtype is torch.bfloat16:
        t = t.float()
    try:
        a: Array = t.cpu().resolve_conj().resolve_neg().contiguous().numpy()
    except (TypeError, RuntimeError) as e:
        raise UnsupportedTypeError(f"the weight {name!r} is {t.dtype}, which has no EdgeKit equivalent") from e
    return a


def _input(spec: Any) -> ProgramInput:
    arg = spec.arg
    if hasattr(arg, "value"):
        return ProgramInput(getattr(arg, "name", "") or "", "constant", value=arg.value)
    return ProgramInput(str(arg.name), INPUT_KINDS.get(spec.kind.name, "other"), spec.target or "")


def _output(spec: Any) -> ProgramOutput:
    arg = spec.arg
    value = arg.value if hasattr(arg, "value") else Ref(str(arg.name))
    return ProgramOutput(OUTPUT_KINDS.get(spec.kind.name, "other"), value, spec.target or "")


def _ranges(constraints: Any) -> dict[str, tuple[int, int | None]]:
    found: dict[str, tuple[int, int | None]] = {}
    for symbol, limits in constraints.items():
        try:
            low = max(0, int(limits.lower))
        except (TypeError, ValueError, OverflowError, AttributeError):
            low = 0
        try:
            high: int | None = int(limits.upper)
        except (TypeError, ValueError, OverflowError, AttributeError):
            high = None
        found[str(symbol)] = (low, None if high is None or high >= UNBOUNDED else high)
    return found


def _output_names(torch: Any, program: Any, count: int) -> list[str]:
    try:
        spec = json.loads(torch.utils._pytree.treespec_dumps(program.call_spec.out_spec))[1]
        return names_of(tree_paths(spec, {}), count)
    except Exception:  # a structure of the user's own that torch cannot write down: numbers will do
        return names_of([], count)


class _GraphReader:
    """Turns fx graphs into source graphs."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.metas: dict[str, TensorMeta] = {}

    def graph(self, module: Any) -> SourceGraph:
        inputs: list[str] = []
        nodes: list[SourceNode] = []
        outputs: list[Any] = []
        taken_apart: set[str] = set()
        for node in module.graph.nodes:
            if node.op == "placeholder":
                inputs.append(node.name)
                self._remember(node.name, node.meta.get("val"))
            elif node.op == "output":
                given = node.args[0]
                outputs = self.argument(list(given) if isinstance(given, list | tuple) else [given], module)
            elif node.op == "call_function":
                if node.target.__name__ == "getitem" and getattr(node.args[0], "name", "") in taken_apart:
                    continue
                nodes.append(self.node(node, module, taken_apart))
            elif node.op != "get_attr":  # submodules of control flow, read where they are passed
                raise MalformedModelError(f"the program has a node {node.name!r} of kind {node.op}")
            elif not isinstance(_attribute(module, node.target), self.torch.nn.Module):
                nodes.append(SourceNode("edgekit.constant.default", {"value": _attribute(module, node.target)}, [node.name], node.name))
        return SourceGraph(inputs, nodes, outputs)

    def node(self, node: Any, module: Any, taken_apart: set[str]) -> SourceNode:
        target = node.target
        schema = getattr(target, "_schema", None)
        args: dict[str, Any] = {}
        names = [a.name for a in schema.arguments] if schema is not None else []
        for k, a in enumerate(node.args):
            args[names[k] if k < len(names) else f"#{k}"] = self.argument(a, module)
        for name, a in node.kwargs.items():
            args[name] = self.argument(a, module)
        value = node.meta.get("val")
        outputs: list[Any]
        if isinstance(value, list | tuple):
            taken_apart.add(node.name)
            parts: list[str | None] = [None] * len(value)
            for user in node.users:
                if user.op == "call_function" and user.target.__name__ == "getitem" and isinstance(user.args[1], int):
                    if parts[user.args[1]] is not None:
                        raise MalformedModelError(f"{node.name!r} is taken apart twice")
                    parts[user.args[1]] = user.name
            for name_, v in zip(parts, value, strict=True):
                if name_ is not None:
                    self._remember(name_, v)
            several = schema is not None and len(schema.returns) > 1
            outputs = list(parts) if several or schema is None else [parts]
        else:
            self._remember(node.name, value)
            outputs = [node.name]
        return SourceNode(
            _target_name(target),
            args,
            outputs,
            node.name,
            _module(node.meta.get("nn_module_stack")),
            source_line(node.meta.get("stack_trace") or ""),
        )

    def _remember(self, name: str, value: Any) -> None:
        if not isinstance(value, self.torch.Tensor):
            return
        sizes = tuple(d if isinstance(d, int) else str(d.node.expr) for d in value.shape)
        self.metas[name] = TensorMeta(TorchType(str(value.dtype).removeprefix("torch.")), sizes)

    def argument(self, a: Any, module: Any) -> Any:
        """An argument: fx nodes become names, element types theirs."""
        torch = self.torch
        if isinstance(a, torch.fx.Node):
            if a.op == "get_attr":
                held = _attribute(module, a.target)
                return self.graph(held) if isinstance(held, torch.nn.Module) else Ref(a.name)
            return Ref(a.name)
        if isinstance(a, list | tuple):
            return [self.argument(v, module) for v in a]
        if isinstance(a, torch.dtype):
            return TorchType(str(a).removeprefix("torch."))
        if a is None or isinstance(a, bool | int | float | complex | str):
            return a
        if isinstance(a, torch.device | torch.layout | torch.memory_format):
            return Opaque(str(a))
        return Opaque(type(a).__name__)


def _attribute(module: Any, path: str) -> Any:
    for part in path.split("."):
        module = getattr(module, part)
    return module


def _target_name(target: Any) -> str:
    if hasattr(target, "_schema"):
        return str(target)
    if hasattr(target, "namespace") or type(target).__module__.startswith("torch._higher_order_ops"):
        return f"higher_order.{target.__name__}"
    return f"{target.__module__}.{target.__name__}"


def _module(stack: Any) -> str:
    """The innermost module of an ``nn_module_stack``."""
    if not isinstance(stack, dict) or not stack:
        return ""
    path, kind = list(stack.values())[-1][:2]
    return module_name(str(path), kind if isinstance(kind, str) else getattr(kind, "__qualname__", str(kind)))
