"""LSTMs on integers beside LiteRT: every variant to the last bit, over several runs and a reset."""

from __future__ import annotations

from math import exp, tanh
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.errors import ConversionError
from edgekit.ops.fixed_functions import fixed_sigmoid, fixed_tanh
from edgekit.types import Array
from tests.converters.tflite.models import Op, Subgraph, Tensor, model
from tests.converters.tflite.test_states import beside_litert

STEPS, ROWS, SIZE, HIDDEN = 5, 2, 6, 8
VARIANTS = (
    "plain", "coupled", "peephole", "coupled peephole", "projection", "projection bias", "norm", "coupled norm peephole",
    "projection bias norm",
)  # fmt: skip
R = np.random.default_rng(5)


def codes(*shape: int, dtype: Any = np.int8) -> Array:
    """Integers over the whole range of their type, the lowest left out as in weights."""
    top = np.iinfo(dtype).max
    return R.integers(-top, top + 1, shape).astype(dtype)


class Layer:
    """The tensors of one integer LSTM under their usual names."""

    def __init__(
        self, variant: str, cell_shift: int = -12, scale: float = 0.02, hidden_scale: float = 0.007, hidden_zero: int = 3, rows: int = ROWS
    ) -> None:
        coupled, norm = "coupled" in variant, "norm" in variant
        projects = "projection" in variant
        self.outputs = 5 if projects else HIDDEN
        self.rows = rows
        self.tensors: list[Tensor] = []

        def add(name: str, a: Array | None, s: float) -> str:
            if a is None:
                return ""
            dtype = str(a.dtype)
            self.tensors.append(Tensor(name, a.shape, dtype, a, scale=(s,)))
            return name

        def gates(
            kind: str, shape: tuple[int, ...], dtype: Any, s: float, there: bool = True, keys: str = "ifco", span: int = 0
        ) -> list[str]:
            out = []
            for g in keys:
                absent = not there or (g == "i" and coupled)
                a = None if absent else codes(*shape, dtype=dtype)
                out.append(
                    add(f"{kind}{g}", a if a is None or not span else a // (np.iinfo(dtype).max // span), s * (1 + 0.1 * keys.index(g)))
                )
            return out

        w, r = gates("w", (HIDDEN, SIZE), np.int8, scale), gates("r", (HIDDEN, self.outputs), np.int8, scale)
        p = gates("p", (HIDDEN,), np.int16, 2.0**-15, "peephole" in variant, "ifo")
        b = gates("b", (HIDDEN,), np.int32, scale * 0.01, span=3000)
        projection = add("proj", codes(self.outputs, HIDDEN) if projects else None, 0.004)
        bias = add("proj_bias", codes(self.outputs, dtype=np.int32) // 2**20 if "bias" in variant else None, 3e-5)
        n = gates("n", (HIDDEN,), np.int16, 3e-5, norm)
        self.tensors.append(
            Tensor("h", (rows, self.outputs), "int8", scale=(0.0078,), zero=(-4 if projects else hidden_zero,), extra={"is_variable": True})
        )
        self.tensors.append(Tensor("c", (rows, HIDDEN), "int16", scale=(2.0**cell_shift,), extra={"is_variable": True}))
        gate: dict[str, Any] = {"dtype": "int16", "scale": (2.0**-12 * 1.3,)} if norm else {}
        self.intermediates = ["t0", "t1", "t2", "t3", "t4"]
        self.tensors += [Tensor(name, (0,), **gate) for name in self.intermediates[:4]]
        self.tensors.append(Tensor("t4", (0,), "int8", scale=(hidden_scale,), zero=(hidden_zero,)))
        self.inputs = ["x", *w, *r, *p, *b, projection, bias, "h", "c", *n]

    def model(self, op: str = "UNIDIRECTIONAL_SEQUENCE_LSTM", **options: Any) -> bytes:
        """A model of this layer alone."""
        h = next(t for t in self.tensors if t.name == "h")
        shape = (self.rows, SIZE) if op == "LSTM" else (self.rows, STEPS, SIZE)
        shape = (STEPS, self.rows, SIZE) if options.get("time_major") else shape
        graph = Subgraph(
            [
                Tensor("x", shape, "int8", scale=(0.03,), zero=(9,)),
                *self.tensors,
                Tensor("y", (*shape[:-1], self.outputs), "int8", scale=h.scale, zero=h.zero),
            ],
            [Op(op, self.inputs, ["y"], {"activation": 4, **options}, intermediates=self.intermediates)],
            ["x"],
            ["y"],
        )
        return model(graph)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("clip", [0.0, 0.6])
def test_variants(variant: str, clip: float, tmp_path: Path) -> None:
    data = Layer(variant).model(cell_clip=clip, projection_clip=clip)
    beside_litert(data, [[codes(ROWS, STEPS, SIZE)] for _ in range(3)], tmp_path)


def test_peepholes_where_the_output_is_projected(tmp_path: Path) -> None:
    """LiteRT's kernel takes the peepholes of as many cells as there are outputs; of a batch it mixes them up, which is not followed."""
    data = Layer("projection bias norm peephole", rows=1).model()
    beside_litert(data, [[codes(1, STEPS, SIZE)] for _ in range(3)], tmp_path)
    (tmp_path / "batch.tflite").write_bytes(Layer("projection peephole").model())
    done = edgekit.convert(tmp_path / "batch.tflite", tmp_path / "batch.ekm")
    assert any("mixes up the peepholes" in n for n in done.notes)


@pytest.mark.parametrize("cell_shift", range(-15, -8))
def test_scales_of_the_cell_state(cell_shift: int, tmp_path: Path) -> None:
    beside_litert(Layer("plain", cell_shift).model(), [[codes(ROWS, STEPS, SIZE)] for _ in range(3)], tmp_path)


@pytest.mark.parametrize("scale", [0.0005, 0.1, 1.0])
def test_small_and_saturated_gates(scale: float, tmp_path: Path) -> None:
    beside_litert(Layer("plain", scale=scale).model(), [[codes(ROWS, STEPS, SIZE)] for _ in range(3)], tmp_path)


def test_factors_that_are_powers_of_two(tmp_path: Path) -> None:
    """Here products end in ties often."""
    layer = Layer("projection", hidden_scale=2.0**-7)
    for t in layer.tensors:
        if t.name[0] in "wr" or t.name == "proj":
            t.scale = (2.0**-6,)
        elif t.name == "h":
            t.scale = (2.0**-7,)
    beside_litert(layer.model(), [[codes(ROWS, STEPS, SIZE)] for _ in range(3)], tmp_path)


def test_time_major_and_single_steps(tmp_path: Path) -> None:
    beside_litert(Layer("plain").model(time_major=True), [[codes(STEPS, ROWS, SIZE)] for _ in range(2)], tmp_path)
    beside_litert(Layer("peephole").model("LSTM"), [[codes(ROWS, SIZE)] for _ in range(6)], tmp_path)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [("wf", None, "not all there"), ("rc", (HIDDEN, HIDDEN + 1), "different shapes"), ("bo", (HIDDEN + 2,), "different shapes")],
)
def test_weights_that_do_not_fit_are_refused(name: str, change: tuple[int, ...] | None, message: str, tmp_path: Path) -> None:
    layer = Layer("plain")
    if change is None:
        layer.inputs[layer.inputs.index(name)] = ""
    else:
        for t in layer.tensors:
            if t.name == name:
                t.shape, t.data = change, codes(*change, dtype=np.dtype(t.dtype))
    (tmp_path / "m.tflite").write_bytes(layer.model())
    with pytest.raises(ConversionError, match=message):
        converters.load(tmp_path / "m.tflite")


def test_fixed_point_functions_are_close_to_the_true_ones() -> None:
    """All 65,536 values of the fixed-point functions beside the true ones."""
    x = np.arange(-32768, 32768)
    sigmoid = np.array([1 / (1 + exp(-v / 4096)) for v in x.tolist()])
    assert np.abs(fixed_sigmoid(x) / 32768 - sigmoid).max() < 2e-4
    for bits in range(7):
        true = np.array([tanh(v / 2 ** (15 - bits)) for v in x.tolist()])
        assert np.abs(fixed_tanh(x, bits) / 32768 - true).max() < 5e-4
