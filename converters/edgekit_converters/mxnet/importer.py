"""From a symbol and its parameters to a Graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.converters import LoadOptions
from edgekit.errors import MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit.types import F16, F32, F64, Array, DType
from edgekit_converters.importing.attempt import attempt, name_result
from edgekit_converters.importing.inputs import SourceInput, bind_inputs
from edgekit_converters.importing.problems import Poisoned, Problems
from edgekit_converters.mxnet import attributes
from edgekit_converters.mxnet.context import REGISTRY, MxnetContext
from edgekit_converters.mxnet.symbol import LABELS, VARIABLE, Symbol, SymbolNode

#: inputs that hold learned arrays: a variable that feeds one of them and has no array is missing, not an input
WEIGHT_INPUTS = {
    "Convolution": (1, 2), "Deconvolution": (1, 2), "FullyConnected": (1, 2), "BatchNorm": (1, 2, 3, 4), "BatchNorm_v1": (1, 2, 3, 4),
    "LayerNorm": (1, 2), "InstanceNorm": (1, 2), "GroupNorm": (1, 2), "LeakyReLU": (1,), "Embedding": (1,), "RNN": (1,),
    "Convolution_v1": (1, 2), "_contrib_SyncBatchNorm": (1, 2, 3, 4), "CuDNNBatchNorm": (1, 2, 3, 4),
}  # fmt: skip
#: operators whose data and weights have one element type
SAME_TYPE = ("Convolution", "Deconvolution", "FullyConnected")
#: names of the outputs of operators that name them (FListOutputNames); others count from ``output0`` where they have several
OUTPUT_NAMES = {
    "BatchNorm": ("output", "mean", "var"), "BatchNorm_v1": ("output", "mean", "var"), "Dropout": ("output", "mask"),
    "LRN": ("output", "tmp_norm"), "LayerNorm": ("output", "mean", "std"), "InstanceNorm": ("output", "mean", "var"),
    "GroupNorm": ("output", "mean", "std"), "L2Normalization": ("output", "norm"), "LeakyReLU": ("output", "mask"),
    "Pooling": ("output", "workspace"), "ROIPooling": ("output", "maxidx"), "RNN": ("output", "state", "state_cell"),
    "CTCLoss": ("output", "grad"),
}  # fmt: skip
#: operators that count their outputs though only the first is seen
COUNTED = ("_contrib_box_nms", "_contrib_box_non_maximum_suppression")


class SymbolImporter:
    """Imports the nodes of one symbol.

    Args:
        symbol: the graph.
        params: its arrays by name.
        builder: of the graph under construction.
        problems: of the import.
    """

    def __init__(self, symbol: Symbol, params: Mapping[str, Array], builder: GraphBuilder, problems: Problems) -> None:
        self.symbol = symbol
        self.params = params
        self.builder = builder
        self.problems = problems
        self._values: dict[tuple[int, int], Value | None] = {}
        self._counts: dict[int, int] = {}

    def run(self, options: LoadOptions) -> list[tuple[str, Value]]:
        """Import everything the heads need.

        Returns:
            the outputs with their names; empty where blockers were found.

        Raises:
            MalformedModelError: the model is broken.
        """
        REGISTRY.load_all()
        self._bind_variables(options)
        for i, node in enumerate(self.symbol.nodes):
            if node.op != VARIABLE and i in self.symbol.used:
                self._node(i, node)
        if self.problems.blockers:
            return []
        return [(self._output_name(i, k), self._find(i, k)) for i, k in self.symbol.heads]

    # -- variables ------------------------------------------------------------------------------------------------------

    def _bind_variables(self, options: LoadOptions) -> None:
        """Variables with an array become constants, the others inputs."""
        users = self._users()
        inputs: dict[int, SourceInput] = {}
        missing = []
        for i, node in enumerate(self.symbol.nodes):
            if node.op != VARIABLE or i not in self.symbol.used:
                continue
            given = node.name in options.shapes or node.name in options.values
            if node.name in self.params and node.name not in options.values:
                self._values[i, 0] = self.builder.constant(self.params[node.name], node.name)
            elif not given and any(k in WEIGHT_INPUTS.get(u.op, ()) for u, k in users.get(i, ())):
                missing.append(node.name)
            else:
                inputs[i] = SourceInput(node.name, self._dtype(node, users.get(i, ())), self._shape(node, users.get(i, ()), options))
        if missing:
            raise MalformedModelError(
                f"the parameters hold no array {missing[0]!r}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
                + self._why_missing()
            )  # fmt: skip
        bound = bind_inputs(self.builder, list(inputs.values()), options, self.problems)
        for i, source in inputs.items():
            self._values[i, 0] = bound[source.name]

    def _why_missing(self) -> str:
        if not self.params:
            return ": no .params file lies beside the symbol"
        if any("." in n for n in self.params):
            return f"; it has {next(iter(self.params))!r}: save the model with HybridBlock.export instead of save_parameters"
        return ""

    def _users(self) -> dict[int, list[tuple[SymbolNode, int]]]:
        """Who reads each variable, as which input."""
        users: dict[int, list[tuple[SymbolNode, int]]] = {}
        for i, node in enumerate(self.symbol.nodes):
            if i in self.symbol.used:
                for k, (j, _) in enumerate(node.inputs):
                    if LABELS.get(node.op) != k:
                        users.setdefault(j, []).append((node, k))
        return users

    def _dtype(self, node: SymbolNode, users: Sequence[tuple[SymbolNode, int]]) -> DType:
        """What the file says, else the type of the weights it meets, else float32 as MXNet has it."""
        if "__dtype__" in node.attrs and node.attrs["__dtype__"] not in ("-1", "None"):
            return attributes.parse_dtype("__dtype__", node.attrs["__dtype__"])
        for user, k in users:
            weights = self._weights(user) if k == 0 and user.op in SAME_TYPE else None
            if weights is not None and DType.from_numpy(weights.dtype) in (F16, F32, F64):
                return DType.from_numpy(weights.dtype)
        return F32

    def _weights(self, node: SymbolNode) -> Array | None:
        return self.params.get(self.symbol.nodes[node.inputs[1][0]].name) if len(node.inputs) > 1 else None

    def _shape(self, node: SymbolNode, users: Sequence[tuple[SymbolNode, int]], options: LoadOptions) -> list[int | None] | None:
        """What the file says, or what the first reader's weights tell; the caller may give other sizes, as ``bind`` may in MXNet."""
        shape: list[int | None] | None = None
        if "__shape__" in node.attrs and attributes.parse_list("__shape__", node.attrs["__shape__"]):
            shape = attributes.known_dims(attributes.parse_ints("__shape__", node.attrs["__shape__"]))
        else:
            for user, k in users:
                weights = self._weights(user) if k == 0 and user.op == "Convolution" else None
                if weights is not None and weights.ndim >= 3 and not user.attrs.get("layout", "N").endswith("C"):
                    groups = attributes.parse_int("num_group", user.attrs.get("num_group", "1"))
                    shape = [None, weights.shape[1] * groups, *[None] * (weights.ndim - 2)]
                    break
        spec = options.shapes.get(node.name)
        if shape is not None and spec is not None and len(spec) == len(shape):
            shape = [d if given is None else None for d, given in zip(shape, spec, strict=True)]
        return shape

    # -- nodes ----------------------------------------------------------------------------------------------------------

    def _find(self, node: int, output: int) -> Value:
        if node not in self._counts and self.symbol.nodes[node].op == VARIABLE:
            self._counts[node] = 1
        if (node, output) not in self._values:
            raise MalformedModelError(f"output {output} of node {node} ({self.symbol.nodes[node].name!r}) is read, which it does not have")
        value = self._values[node, output]
        if value is None:
            raise Poisoned
        return value

    def _node(self, index: int, node: SymbolNode) -> None:
        name = node.name or f"{node.op.lower()}{index}"
        convert = REGISTRY.find(node.op)
        try:
            inputs = [None if LABELS.get(node.op) == k else self._find(*e) for k, e in enumerate(node.inputs)]
        except Poisoned:
            inputs = None
        if convert is None:
            self.problems.block(
                node.op, name, "unsupported-op", "no converter for this operator.", "Replace it in the model, or add a converter for it."
            )
        if convert is None or inputs is None:
            return self._poison(index)
        first = len(self.builder.graph.nodes)
        ctx = MxnetContext(self.problems, self.builder, node, name, inputs)
        run = convert
        result = attempt(self.problems, self.builder, node.op, name, f"{node.op} '{name}' (MXNet)", inputs, lambda: run(ctx))
        if result is None:
            return self._poison(index)
        outs = [result] if isinstance(result, Value) else list(result)
        self._counts[index] = len(outs)
        for k, value in enumerate(outs):
            name_result(self.builder, value, name if len(outs) == 1 else self._output_name(index, k), first)
            self._values[index, k] = value

    def _poison(self, index: int) -> None:
        for i, node in enumerate(self.symbol.nodes):
            if i > index:
                for j, k in node.inputs:
                    if j == index:
                        self._values[j, k] = None
        for j, k in self.symbol.heads:
            if j == index:
                self._values[j, k] = None

    def _output_name(self, index: int, output: int) -> str:
        """The name Symbol.list_outputs gives."""
        node = self.symbol.nodes[index]
        if node.op == VARIABLE:
            return node.name
        names = OUTPUT_NAMES.get(node.op)
        if names is not None and output < len(names):
            own = names[output]
        else:
            own = "output" if self._counts.get(index, 1) == 1 and node.op not in COUNTED else f"output{output}"
        return f"{node.name}_{own}" if node.name else own
