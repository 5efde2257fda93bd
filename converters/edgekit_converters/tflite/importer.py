"""One subgraph on its way into a Graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.types import QuantParams, TensorType
from edgekit_converters.importing.attempt import attempt, name_result
from edgekit_converters.importing.outputs import own_value
from edgekit_converters.importing.problems import Poisoned, Unsupported, UnsupportedTypeError
from edgekit_converters.tflite import registry
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.flat import Record
from edgekit_converters.tflite.part import needed
from edgekit_converters.tflite.schema import OPERATOR_OPTIONS, TABLES
from edgekit_converters.tflite.session import ImportSession
from edgekit_converters.tflite.tensors import COMPLEX64, RESOURCE, TensorInfo, constant_data, tensor_info
from edgekit_converters.tflite.variables import Variable, tensor_key, zero_of

MAX_SUBGRAPH_DEPTH = 16
MAX_SUBGRAPH_IMPORTS = 1024
#: activations with a smaller scale are 0 for all purposes; quotients of scales would overflow
SMALLEST_SCALE = 2.0**-60


class SubgraphImporter:
    """Imports the operators of one subgraph.

    Attributes:
        session: what all subgraphs share.
        builder: of the graph under construction.
        reals: float32 forms of quantized values, by identity; integers: the same in units of their scales.
        handles: keys of resource variables, by tensor index.
        complexes: complex tensors as real ones [..., 2], by tensor index.
        public_names: what a signature calls inputs and outputs, by tensor index.
    """

    def __init__(self, session: ImportSession, builder: GraphBuilder, index: int, depth: int = 0) -> None:
        if not 0 <= index < len(session.model.subgraphs):
            raise MalformedModelError(f"subgraph {index} is named, the model has {len(session.model.subgraphs)}")
        if depth > MAX_SUBGRAPH_DEPTH:
            raise MalformedModelError(f"control flow is nested deeper than {MAX_SUBGRAPH_DEPTH}")
        session.subgraphs_imported += 1
        if session.subgraphs_imported > MAX_SUBGRAPH_IMPORTS:
            raise MalformedModelError(f"control flow runs subgraphs in more than {MAX_SUBGRAPH_IMPORTS} places")
        if depth:
            session.growth.add(len(session.model.subgraphs[index].operators))
        self.session = session
        self.builder = builder
        self.index = index
        self.depth = depth
        self.proto: Record = session.model.subgraphs[index]
        self.reals: dict[int, Value] = {}
        self.integers: dict[int, Value] = {}
        self.handles: dict[int, str] = {}
        self.complexes: dict[int, Value] = {}
        self.public_names: dict[int, str] = {}
        self._values: dict[int, Value | None] = {}
        self._infos: dict[int, TensorInfo] = {}

    # -- tensors --------------------------------------------------------------------------------------------------------

    def tensor(self, index: int) -> Record:
        """A tensor of the subgraph."""
        if not 0 <= index < len(self.proto.tensors):
            raise MalformedModelError(f"tensor {index} is named, subgraph {self.index} has {len(self.proto.tensors)}")
        found: Record = self.proto.tensors[index]
        return found

    def is_resource(self, index: int) -> bool:
        """Whether a tensor is a handle of a variable."""
        return bool(self.tensor(index).type == RESOURCE)

    def info(self, index: int) -> TensorInfo:
        """What the file says of a tensor."""
        if index not in self._infos:
            found = tensor_info(index, self.tensor(index))
            if found.quant is not None and found.quant.is_per_tensor and found.quant.scale[0] < SMALLEST_SCALE:
                found = self._widened(found)
            self._infos[index] = found
        return self._infos[index]

    def _widened(self, info: TensorInfo) -> TensorInfo:
        """An activation whose scale is next to nothing (it was always 0 in training) in a scale that arithmetic can work with."""
        if self.session.buffer(self.tensor(info.index).buffer) is not None or info.quant is None or info.source_quant is None:
            return info
        self.session.note(f"the scale of {info.name!r} ({info.quant.scale[0]:.3g}) is next to nothing; {SMALLEST_SCALE:.3g} is used")
        quant = QuantParams.per_tensor(SMALLEST_SCALE, info.quant.zero_point[0])
        return replace(info, quant=quant, source_quant=QuantParams.per_tensor(SMALLEST_SCALE, info.source_quant.zero_point[0]))

    def bind(self, index: int, value: Value | None) -> None:
        """Say what a tensor is; None poisons it."""
        self._values[index] = value

    def find(self, index: int) -> Value:
        """The value of a tensor.

        Raises:
            Poisoned: its operator did not convert.
            MalformedModelError: nothing computes it.
        """
        if index not in self._values:
            self._values[index] = self._constant(index)
        value = self._values[index]
        if value is None:
            raise Poisoned
        return value

    def is_poisoned(self, index: int) -> bool:
        """Whether the operator of a tensor did not convert, so that nothing stands for it."""
        return index in self._values and self._values[index] is None

    def variable(self, index: int) -> Variable:
        """The variable that a variable tensor is."""
        info = self.info(index)
        v = self.session.variable(tensor_key(self.index, index), info.name or f"state_{index}")
        v.initial = zero_of(info)
        return v

    def variable_value(self, index: int) -> Value:
        """The present value of a variable tensor."""
        info = self.info(index)
        return self.session.read(self.variable(index), TensorType(info.dtype, info.shape, info.quant), self.depth)

    def _constant(self, index: int) -> Value:
        t, info = self.tensor(index), self.info(index)
        raw = self.session.buffer(t.buffer)
        if raw is None:
            if info.is_variable:
                return self.variable_value(index)
            if int(np.prod(info.shape, dtype=np.int64)) == 0:
                raw = np.zeros(0, np.uint8)
            else:
                raise MalformedModelError(f"nothing computes tensor {index} ({info.name!r}), and it holds no data")
        array = constant_data(t, info, raw)
        return self.builder.constant(array, info.name or f"constant_{index}", None, info.quant)

    def store(self, index: int, value: Value) -> None:
        """A new value of a variable tensor."""
        self.variable(index).current = value
        self._values.pop(index, None)

    # -- operators ------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Import the operators that matter to the outputs or change something, in the file's order."""
        outside = self.session.location
        wanted, _ = needed(self.proto, [int(i) for i in self.proto.outputs], (), self.has_effects)
        for number, node in enumerate(self.proto.operators):
            if number in wanted:
                self._node(number, node)
        self.session.location = outside

    def has_effects(self, node: Record) -> bool:
        """Whether an operator does more than compute its outputs: it may assign a variable, here or in a subgraph."""
        return not any(int(o) >= 0 for o in node.outputs) or self.session.op_name(node.opcode_index) in EFFECTS

    def _node(self, number: int, node: Record) -> None:
        session = self.session
        session.location = f"subgraph {self.index}, operator {number}"
        op = session.op_name(node.opcode_index)
        outs = [int(i) for i in node.outputs]
        name = next((self.tensor(i).name for i in outs if i >= 0 and self.tensor(i).name), "") or f"{op.lower()}_{number}"
        convert = registry.find(op)
        if convert is None:
            session.block(op, name, "unsupported-op", "no converter for this operator.", _hint(op))
            return self._poison(outs)
        source = f"{op} '{name}' (TensorFlow Lite operator {number})"
        read: list[Value | None] = []  # filled as soon as the inputs are known, for the blocker
        if not attempt(session, self.builder, op, name, source, read, lambda: self._convert(op, name, node, convert, read)):
            self._poison(outs)

    def _convert(self, op: str, name: str, node: Record, convert: registry.ConvertFunction, read: list[Value | None]) -> bool:
        """Make the nodes of an operator and bind its outputs; True when done."""
        outs = [int(i) for i in node.outputs]
        ctx = self._context(op, name, node, outs)
        read += ctx.inputs
        first = len(self.builder.graph.nodes)
        result = convert(ctx)
        values = [result] if isinstance(result, Value) else list(result)
        given = [i for i in outs if i not in self.handles and i not in self.complexes]  # these are no values of the graph
        if len(values) < len([i for i in given if i >= 0]) and op not in SILENT:
            raise Unsupported(f"it has {len(outs)} outputs, {len(values)} are supported.")
        for i, value in zip(given, values, strict=False):
            if i >= 0:
                settled = ctx.settle(value, self.info(i))
                name_result(self.builder, settled, self.info(i).name, first)
                self.bind(i, settled)
        return True

    def _context(self, op: str, name: str, node: Record, outs: list[int]) -> NodeContext:
        indices = [int(i) for i in node.inputs]
        hidden = {RESOURCE, COMPLEX64} if op in COMPLEX_OPS else {RESOURCE}
        absent = [i < 0 or self.tensor(i).type in hidden for i in indices]
        inputs = [None if a else self.find(i) for i, a in zip(indices, absent, strict=True)]
        infos = [self.info(i) for i in outs if i >= 0 and self.tensor(i).type not in hidden]
        ctx = NodeContext(self, op, name, _options(op, node), inputs, infos)
        ctx.input_infos = [None if a else self.info(i) for i, a in zip(indices, absent, strict=True)]
        ctx.custom = bytes(node.custom_options)
        ctx.intermediates = [self.info(int(i)) if int(i) >= 0 else None for i in node.intermediates]
        ctx.input_indices, ctx.output_indices = indices, outs
        return ctx

    def _poison(self, outs: list[int]) -> None:
        """The outputs of an operator that did not convert: stand-ins of their declared types, so that the rest is checked too."""
        for i in outs:
            if i < 0:
                continue
            try:
                info = self.info(i)
            except UnsupportedTypeError:
                self.bind(i, None)
                continue
            self.bind(i, Value(self.builder.graph.unique_name(info.name), TensorType(info.dtype, info.shape, info.quant)))

    def import_body(self, index: int, types: list[TensorType]) -> SubgraphImporter:
        """Import another subgraph as a graph of its own whose inputs have the given types.

        Raises:
            MalformedModelError: it takes another number of inputs.
        """
        child = SubgraphImporter(self.session, GraphBuilder(Graph(f"subgraph_{index}"), fold=True), index, self.depth + 1)
        entries = [int(i) for i in child.proto.inputs]
        if len(entries) != len(types):
            raise MalformedModelError(f"subgraph {index} takes {len(entries)} inputs, {len(types)} are passed")
        for k, (i, t) in enumerate(zip(entries, types, strict=True)):
            child.bind(i, child.builder.graph.add_input(child.builder.graph.unique_name(child.info(i).name or f"input_{k}") + f"/{k}", t))
        child.run()
        return child

    def output(self, index: int, name: str) -> Value:
        """The value of a graph output; one that is also an input or a constant passes an Identity."""
        value = self.find(index)
        return value if value.producer is not None else own_value(self.builder, value, name)


#: operators that may change a variable although they have outputs
EFFECTS = ("CALL_ONCE", "CALL", "IF", "WHILE", "STABLEHLO_COMPOSITE")
#: operators that take or give complex numbers
COMPLEX_OPS = ("RFFT2D", "CAST", "REAL", "IMAG", "COMPLEX_ABS", "RESHAPE", "SQUEEZE", "EXPAND_DIMS")
#: operators that may give fewer values than they declare
SILENT = ("VAR_HANDLE", "ASSIGN_VARIABLE", "CALL_ONCE")


def _options(op: str, node: Record) -> Record:
    """The option table; every field at its default where the file leaves it out."""
    want = OPERATOR_OPTIONS.get(op)
    if want is None:
        return node.options or Record()
    defaults = Record(**{f: (np.zeros(0, np.int32) if k.startswith("[") else d) for f, k, d in TABLES[want]})
    if node.options is None:
        return defaults
    for field, _, _ in TABLES[want]:
        if hasattr(node.options, field):
            setattr(defaults, field, getattr(node.options, field))
    return defaults


def _hint(op: str) -> str:
    if op.startswith("CUSTOM:Flex"):
        return "It runs TensorFlow itself; convert the model again without SELECT_TF_OPS."
    if op.startswith("CUSTOM:"):
        return "It is an operator of its maker's own; split the model before it, or add a converter for it."
    return "Replace it in the model, or add a converter for it."
