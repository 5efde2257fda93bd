"""Recurrent operators in their variants, beside LiteRT over several runs and a reset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgekit.errors import ConversionError
from tests.converters.tflite.models import Op, Subgraph, Tensor, model
from tests.converters.tflite.test_states import beside_litert, floats

STEPS, ROWS, SIZE, HIDDEN = 3, 2, 5, 4
VARIABLE = {"is_variable": True}


class Cell:
    """The tensors of one LSTM by position, under names that begin with ``prefix``."""

    def __init__(self, prefix: str, variant: str, size: int = SIZE) -> None:
        self.outputs = 3 if "projection" in variant else HIDDEN
        coupled = "coupled" in variant
        self.tensors: list[Tensor] = []

        def add(name: str, *shape: int, there: bool = True, scale: float = 0.5) -> str:
            if not there:
                return ""
            self.tensors.append(Tensor(f"{prefix}{name}", shape, data=floats(*shape) * scale))
            return f"{prefix}{name}"

        gates = "ifco"
        self.weights = [add(f"w{g}", HIDDEN, size, there=g != "i" or not coupled) for g in gates]
        self.recurrent = [add(f"r{g}", HIDDEN, self.outputs, there=g != "i" or not coupled) for g in gates]
        peephole = "peephole" in variant
        self.peepholes = [add(f"p{g}", HIDDEN, there=peephole and (g != "i" or not coupled)) for g in "ifo"]
        self.biases = [add(f"b{g}", HIDDEN, there=g != "i" or not coupled) for g in gates]
        projects = "projection" in variant
        self.projection = [add("proj", self.outputs, HIDDEN, there=projects), add("proj_bias", self.outputs, there="bias" in variant)]
        self.norms = [add(f"n{g}", HIDDEN, there="norm" in variant and (g != "i" or not coupled), scale=1.0) for g in gates]
        self.states = [f"{prefix}h", f"{prefix}c"]
        for name, width in zip(self.states, (self.outputs, HIDDEN), strict=True):
            self.tensors.append(Tensor(name, (ROWS, width), extra=VARIABLE))

    @property
    def inner(self) -> list[str]:
        return [*self.weights, *self.recurrent, *self.peepholes, *self.biases, *self.projection]


VARIANTS = ("plain", "coupled", "peephole", "coupled peephole", "projection", "projection bias", "norm", "coupled norm peephole",
            "projection bias norm peephole")  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("op", "clip"), [("UNIDIRECTIONAL_SEQUENCE_LSTM", 0.0), ("UNIDIRECTIONAL_SEQUENCE_LSTM", 0.4), ("LSTM", 0.0)])
def test_lstm_variants(op: str, clip: float, variant: str, tmp_path: Path) -> None:
    cell, one = Cell("", variant), op == "LSTM"
    options: dict[str, Any] = {"activation": 4, "cell_clip": clip, "projection_clip": clip}
    options |= {} if one else {"time_major": True}
    shape = (ROWS, SIZE) if one else (STEPS, ROWS, SIZE)
    graph = Subgraph(
        [Tensor("x", shape), *cell.tensors, Tensor("y", (*shape[:-1], cell.outputs))],
        [Op(op, ["x", *cell.inner, *cell.states, *cell.norms], ["y"], options)],
        ["x"],
        ["y"],
    )
    beside_litert(model(graph), [[floats(*shape)] for _ in range(3)], tmp_path)


@pytest.mark.parametrize("variant", ["plain", "coupled peephole", "projection"])
@pytest.mark.parametrize(("merge", "time_major"), [(True, True), (False, True), (False, False)])
def test_bidirectional_lstm(merge: bool, time_major: bool, variant: str, tmp_path: Path) -> None:
    """Merged outputs with the batch first are left out: LiteRT 2.3 leaves part of them unwritten."""
    there, back = Cell("f", variant), Cell("b", variant)
    shape = (STEPS, ROWS, SIZE) if time_major else (ROWS, STEPS, SIZE)
    widths = [there.outputs * 2] if merge else [there.outputs] * 2
    outputs = [Tensor(f"y{k}", (*shape[:2], w)) for k, w in enumerate(widths)]
    inputs = ["x", *there.inner, *back.inner, *there.states, *back.states, *[""] * 9]
    options = {"activation": 4, "merge": merge, "time_major": time_major}
    names = [o.name for o in outputs]
    graph = Subgraph(
        [Tensor("x", shape), *there.tensors, *back.tensors, *outputs],
        [Op("BIDIRECTIONAL_SEQUENCE_LSTM", inputs, names, options)],
        ["x"],
        names,
    )
    beside_litert(model(graph), [[floats(*shape)] for _ in range(3)], tmp_path)


def test_basic_lstm(tmp_path: Path) -> None:
    graph = Subgraph(
        [
            Tensor("x", (ROWS, SIZE)),
            Tensor("h", (ROWS, HIDDEN), extra=VARIABLE),
            Tensor("w", (4 * HIDDEN, SIZE + HIDDEN), data=floats(4 * HIDDEN, SIZE + HIDDEN) * 0.5),
            Tensor("b", (4 * HIDDEN,), data=floats(4 * HIDDEN)),
            Tensor("c", (ROWS, HIDDEN), extra=VARIABLE),
            Tensor("y", (ROWS, HIDDEN)),
            Tensor("s", (ROWS, HIDDEN)),
            Tensor("t", (ROWS, SIZE + HIDDEN)),
            Tensor("u", (ROWS, 4 * HIDDEN)),
        ],
        [Op("LSTM", ["x", "h", "w", "b", "c"], ["y", "s", "t", "u"], {"activation": 4, "kernel_type": 1})],
        ["x"],
        ["y", "s"],
    )
    beside_litert(model(graph), [[floats(ROWS, SIZE)] for _ in range(4)], tmp_path)


def layer(prefix: str, size: int = SIZE) -> list[Tensor]:
    return [
        Tensor(f"{prefix}w", (HIDDEN, size), data=floats(HIDDEN, size) * 0.5),
        Tensor(f"{prefix}r", (HIDDEN, HIDDEN), data=floats(HIDDEN, HIDDEN) * 0.5),
        Tensor(f"{prefix}b", (HIDDEN,), data=floats(HIDDEN)),
        Tensor(f"{prefix}h", (ROWS, HIDDEN), extra=VARIABLE),
    ]


@pytest.mark.parametrize("activation", [0, 1, 4])
@pytest.mark.parametrize("op", ["RNN", "UNIDIRECTIONAL_SEQUENCE_RNN"])
def test_simple_layers(op: str, activation: int, tmp_path: Path) -> None:
    shape = (ROWS, SIZE) if op == "RNN" else (ROWS, STEPS, SIZE)
    tensors = layer("")
    graph = Subgraph(
        [Tensor("x", shape), *tensors, Tensor("y", (*shape[:-1], HIDDEN))],
        [Op(op, ["x", *(t.name for t in tensors)], ["y"], {"activation": activation})],
        ["x"],
        ["y"],
    )
    beside_litert(model(graph), [[floats(*shape) * 0.3] for _ in range(4)], tmp_path)


@pytest.mark.parametrize(("merge", "time_major"), [(True, True), (False, False)])
def test_bidirectional_simple_layers(merge: bool, time_major: bool, tmp_path: Path) -> None:
    shape = (STEPS, ROWS, SIZE) if time_major else (ROWS, STEPS, SIZE)
    there, back = layer("f"), layer("g")
    outputs = [Tensor(f"y{k}", (*shape[:2], w)) for k, w in enumerate([2 * HIDDEN] if merge else [HIDDEN] * 2)]
    names = [o.name for o in outputs]
    graph = Subgraph(
        [Tensor("x", shape), *there, *back, *outputs],
        [
            Op(
                "BIDIRECTIONAL_SEQUENCE_RNN",
                ["x", *(t.name for t in (*there, *back)), "", "", ""],
                names,
                {"activation": 4, "merge": merge, "time_major": time_major},
            )
        ],
        ["x"],
        names,
    )
    beside_litert(model(graph), [[floats(*shape)] for _ in range(3)], tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"wf": None}, "not all there"), ({"rc": (HIDDEN, HIDDEN + 1)}, "different shapes"), ({"bo": (HIDDEN + 2,)}, "different shapes"),
     ({"wi": (HIDDEN, SIZE + 1), "wf": (HIDDEN, SIZE + 1), "wc": (HIDDEN, SIZE + 1), "wo": (HIDDEN, SIZE + 1)}, "weights for 6 features")],
)  # fmt: skip
def test_weights_that_do_not_fit_are_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    from edgekit import converters

    cell = Cell("", "plain")
    tensors = {t.name: t for t in cell.tensors}
    inputs = ["x", *cell.inner, *cell.states, "", "", "", ""]
    for name, shape in change.items():
        if shape is None:
            inputs[inputs.index(name)] = ""
        else:
            tensors[name] = Tensor(name, shape, data=floats(*shape))
    graph = Subgraph(
        [Tensor("x", (STEPS, ROWS, SIZE)), *tensors.values(), Tensor("y", (STEPS, ROWS, HIDDEN))],
        [Op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, ["y"], {"activation": 4, "time_major": True})],
        ["x"],
        ["y"],
    )
    (tmp_path / "m.tflite").write_bytes(model(graph))
    with pytest.raises(ConversionError, match=message):
        converters.load(tmp_path / "m.tflite")
