"""Integer TensorFlow Lite models of the zoo beside LiteRT's own kernels, on random inputs: within one unit, the same top class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers.number_types as N
import numpy as np
import pytest
from flatbuffers.table import Table

import edgekit
from edgekit import converters
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.tflite.test_states import LiteRt
from tests.require import require_folder
from tests.zoo.golden import golden
from tests.zoo.models import UNITS, Model

#: inputs of each kind: integers over the whole range of the type, and the golden input with noise
INPUTS = 8
#: inputs of fewer elements also go through the numpy reference
SMALL = 20_000
#: for float outputs behind integer layers: part of the output's range
FLOAT = 1e-5


@dataclass(frozen=True)
class Integer:
    """A model whose activations are integers.

    Attributes:
        path: below the zoo.
        runs: in a row for each input sequence, from fresh states; 1 for models that keep none.
        inputs: of each kind; fewer for large models.
        unit: of a float output that is an integer tensor dequantized; 0 for outputs that are integers themselves.
    """

    path: str
    runs: int = 1
    inputs: int = INPUTS
    unit: float = 0.0


MODELS = (
    Integer("aieq_tiny/conv_fc_mnist_srq_a8w8.tflite", inputs=30),
    Integer("coral_deeplabv3_mnv2_dm05_pascal/deeplabv3_mnv2_dm05_pascal_quant.tflite", inputs=1),
    Integer("coral_mobilenet_v1_0.25_128_quant/mobilenet_v1_0.25_128_quant.tflite"),
    Integer("coral_mobilenet_v1_0.5_160_quant/mobilenet_v1_0.5_160_quant.tflite"),
    Integer("coral_mobilenet_v2_1.0_224_quant/mobilenet_v2_1.0_224_quant.tflite", inputs=3),
    Integer("coral_traffic_automl_ssd/traffic_model.tflite", inputs=2),
    Integer("lyra_encoder/soundstream_encoder.tflite", runs=6, unit=0.26349151),
    Integer("micro_wake_okay_nabu/okay_nabu.tflite", runs=10),
    Integer("mlperf_autoencoder_ad01/ad01_int8.tflite", inputs=30),
    Integer("mlperf_dscnn_kws/kws_ref_model.tflite", inputs=30),
    Integer("mlperf_resnet8_cifar10/pretrainedResnet_quant.tflite", inputs=30),
    Integer("tflm_hello_world/hello_world_int8.tflite", inputs=30),
    Integer("tflm_keyword_svdf/keyword_scrambled.tflite", runs=10),
    Integer("tflm_micro_speech/micro_speech_quantized.tflite", inputs=30),
    Integer("tflm_mnist_lstm/trained_lstm_int8.tflite", runs=8, inputs=15),
    Integer("tflm_person_detect/person_detect.tflite"),
)
#: quantized models without LiteRT on the other side, and why; nor does it run the audio preprocessors, whose integers have no scales
WITHOUT = {
    "mlperf_dscnn_kws/kws_ref_model_float32.tflite": "hybrid: LiteRT rounds float activations to 8 bits while it runs, EdgeKit does not",
    "tflm_keyword_svdf/keyword_scrambled_8bit.tflite": "LiteRT writes past the end of its int8 SVDF states and crashes",
}


def readable(data: bytes) -> bytes:
    """The file with every quantized dimension that its tensor does not have set to 0: LiteRT refuses others, whatever they say."""
    out, flat = bytearray(data), Table(bytearray(data), 0)
    model = Table(flat.Bytes, flat.Indirect(0))

    def tables(of: Table, slot: int) -> list[Table]:
        at = of.Offset(4 + 2 * slot)
        return [Table(of.Bytes, of.Indirect(of.Vector(at) + 4 * i)) for i in range(of.VectorLen(at))] if at else []

    for subgraph in tables(model, 2):
        for tensor in tables(subgraph, 0):
            shape, quantization = tensor.Offset(4), tensor.Offset(12)
            if not quantization:
                continue
            q = Table(tensor.Bytes, tensor.Indirect(tensor.Pos + quantization))
            at = q.Offset(16)
            if at and q.Get(N.Int32Flags, q.Pos + at) >= max(1, tensor.VectorLen(shape) if shape else 0):
                out[q.Pos + at : q.Pos + at + 4] = bytes(4)
    return bytes(out)


def drawn(r: np.random.Generator, like: Array, kind: str) -> Array:
    """An input: uniform over the type's range (of floats: over the golden input's), or the golden input with noise."""
    whole: Any = np.iinfo(like.dtype) if like.dtype.kind in "iu" else None
    low, high = (whole.min, whole.max) if whole else (float(like.min()), float(like.max()))
    if kind == "noisy":
        x = like + r.normal(size=like.shape) * 0.08 * (float(high) - float(low))
    else:
        x = r.integers(low, int(high) + 1, like.shape) if whole else r.uniform(low, high, like.shape)
    return (np.clip(np.rint(x), low, high) if whole else x).astype(like.dtype)


def differs(got: Array, want: Array, unit: float) -> str:
    """What is wrong with an output; empty where it matches."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{list(got.shape)} instead of {want.dtype}{list(want.shape)}"
    error = float(np.abs(got.astype(np.float64) - want.astype(np.float64)).max(initial=0))
    if want.dtype.kind == "f" and not unit:
        spread = float(np.ptp(want)) or 1.0
        return "" if error < FLOAT * spread else f"{error / spread:.1e} of the range"
    units = round(error / (unit or 1))
    return "" if units <= UNITS else f"{units} units"


def same_top(got: Array, want: Array) -> bool:
    """Whether the highest class is the same; classes that tie in one may be the highest of the other."""
    g, w = got.reshape(-1), want.reshape(-1)
    return bool(w[g.argmax()] == w.max() and g[w.argmax()] == g.max())


def sequences(model: Integer, zoo: Path) -> list[list[list[Array]]]:
    """Inputs: [sequence][run][input]."""
    r = np.random.default_rng(7)
    like: Sequence[Array] = list(golden(zoo, Model(model.path)).inputs.values())
    return [[[drawn(r, a, kind) for a in like] for _ in range(model.runs)] for kind in ("uniform", "noisy") for _ in range(model.inputs)]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.path)
def test_random_inputs_give_litert_s_integers(model: Integer, tmp_path: Path) -> None:
    zoo = require_folder("zoo", "EDGEKIT_MODEL_ZOO")
    data = readable((zoo / model.path).read_bytes())
    made = edgekit.convert(zoo / model.path, tmp_path / "m.ekm")
    graph = converters.load(zoo / model.path)
    with edgekit.Session(made.path) as session:
        names = [v.name for v in session.inputs]
        theirs = LiteRt(data)
        for number, sequence in enumerate(sequences(model, zoo)):
            if model.runs > 1:
                theirs = LiteRt(data)
                session.reset()
            for run, inputs in enumerate(sequence):
                want = theirs.run(inputs)
                got = list(session.run(dict(zip(names, inputs, strict=True))).values())
                where = f"sequence {number}, run {run}"
                for g, w in zip(got, want, strict=True):
                    assert differs(g, w, model.unit) == "", where
                    assert w.size > 4096 or w.dtype.kind == "f" or same_top(g, w), where
                if number == run == 0 and inputs[0].size < SMALL:
                    ours = list(run_graph(graph, dict(zip(names, inputs, strict=True))).values())
                    assert all(g.dtype.kind == "f" or np.array_equal(g, o) for g, o in zip(got, ours, strict=True))


def test_every_integer_model_of_the_zoo_is_tried_or_named() -> None:
    zoo = require_folder("zoo", "EDGEKIT_MODEL_ZOO")
    listed = {m.path for m in MODELS} | set(WITHOUT)
    for path in sorted(zoo.glob("*/*.tflite")):
        quantized = any(v is not None and v.quant is not None for n in converters.load(path).nodes for v in n.inputs)
        assert quantized == (str(path.relative_to(zoo)) in listed), path
