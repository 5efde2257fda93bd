"""Dropout in graphs made for training: switched off it is gone, switched on it is an obstacle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit import converters
from edgekit.errors import ConversionError, UnsupportedOpError
from edgekit.passes import optimize
from edgekit.types import Array
from tests.converters.tensorflow.models import Maker, Type, compute, load, save

R = np.random.default_rng(4)
F = Type("float32")


def old_dropout(m: Maker, keep: str) -> str:
    """TensorFlow 1 up to 1.12: floor(keep + uniform)."""
    uniform = m.add("RandomUniform", m.add("Shape", "x", T=F), name="drop/uniform", dtype=F)
    spread = m.add("Sub", m.const(np.float32(1)), m.const(np.float32(0)))
    scaled = m.add("Add", m.add("Mul", uniform, spread, T=F), m.const(np.float32(0)), T=F)
    kept = m.add("Floor", m.add("Add", keep, scaled, T=F), T=F)
    return m.add("Mul", m.add("RealDiv", "x", keep, T=F), kept, T=F)


def middle_dropout(m: Maker, keep: str) -> str:
    """TensorFlow 1.13 on: uniform >= rate."""
    rate = m.add("Sub", m.const(np.float32(1)), keep, T=F)
    uniform = m.add("RandomUniform", m.add("Shape", "x", T=F), name="drop/uniform", dtype=F)
    kept = m.add("Cast", m.add("GreaterEqual", uniform, rate, T=F), SrcT=Type("bool"), DstT=F)
    scale = m.add("RealDiv", m.const(np.float32(1)), m.add("Sub", m.const(np.float32(1)), rate, T=F), T=F)
    return m.add("Mul", m.add("Mul", "x", scale, T=F), kept, T=F)


def new_dropout(m: Maker, keep: str) -> str:
    """TensorFlow 2: select."""
    rate = m.add("Sub", m.const(np.float32(1)), keep, T=F)
    shape, seed = m.add("Shape", "x", T=F), m.const(np.int32([1, 2]))
    uniform = m.add("StatelessRandomUniformV2", shape, seed, seed, m.const(np.int32(1)), name="drop/uniform", dtype=F)
    kept = m.add("GreaterEqual", m.add("Identity", uniform, T=F), rate, T=F)
    return m.add("SelectV2", kept, "x", m.const(np.float32(0)), T=F)


def noise_added(m: Maker, keep: str) -> str:
    """Noise of the strength 1 - keep."""
    normal = m.add("RandomStandardNormal", m.add("Shape", "x", T=F), name="drop/uniform", dtype=F)
    return m.add("AddV2", "x", m.add("Mul", normal, m.add("Sub", m.const(np.float32(1)), keep, T=F), T=F), T=F)


FORMS: list[Callable[[Maker, str], str]] = [old_dropout, middle_dropout, new_dropout, noise_added]


def network(form: Callable[[Maker, str], str], rows: int | None) -> Maker:
    m = Maker()
    m.input("x", (rows, 5))
    m.input("keep_prob", ())
    m.add("Relu", form(m, "keep_prob"), name="y", T=F)
    return m


@pytest.mark.parametrize("rows", [3, None])
@pytest.mark.parametrize("form", FORMS)
def test_a_rate_frozen_to_nothing(form: Callable[[Maker, str], str], rows: int | None, tmp_path: Path) -> None:
    path = save(network(form, rows).graph(), tmp_path)
    graph = converters.load(path, values={"keep_prob": np.float32(1)})
    assert [v.name for v in graph.inputs] == ["x"]
    x = R.normal(size=(3, 5)).astype(np.float32)
    np.testing.assert_array_equal(compute(graph, x)[0], np.maximum(x, 0))
    assert [n.op for n in optimize(graph)[0].nodes] == ["Relu"]


@pytest.mark.parametrize("form", FORMS)
def test_a_rate_that_is_fed_or_not_0(form: Callable[[Maker, str], str], tmp_path: Path) -> None:
    path = save(network(form, 3).graph(), tmp_path)
    for values in ({}, {"keep_prob": np.float32(0.5)}):
        with pytest.raises(UnsupportedOpError, match="--freeze keep_prob=1") as e:
            converters.load(path, values=values)
        assert [b.nodes for b in e.value.blockers] == [("drop/uniform",)]


def test_everything_dropped(tmp_path: Path) -> None:
    """uniform >= 1 never holds."""
    m = Maker()
    m.input("x", (2, 2))
    uniform = m.add("RandomUniform", m.ints(2, 2), dtype=F)
    m.add("SelectV2", m.add("Less", uniform, m.const(np.float32(1)), T=F), m.const(np.float32(0)), "x", name="y", T=F)
    assert not compute(load(m.graph(), tmp_path), np.ones((2, 2), np.float32))[0].any()


def test_random_numbers_as_an_output(tmp_path: Path) -> None:
    m = Maker()
    m.input("x", (2,))
    m.add("RandomUniform", m.add("Shape", "x", T=F), name="y", dtype=F)
    with pytest.raises(UnsupportedOpError, match="random numbers"):
        load(m.graph(), tmp_path)


@pytest.mark.parametrize("shape", [np.asarray(3, np.int32), np.full((1, 2), 2, np.int32)])
def test_shapes_that_are_none(shape: Array, tmp_path: Path) -> None:
    m = Maker()
    m.input("x", (2, 2))
    uniform = m.add("RandomUniform", m.const(shape), dtype=F)
    m.add("Mul", "x", m.add("Floor", m.add("Add", uniform, m.const(np.float32(1)), T=F), T=F), name="y", T=F)
    with pytest.raises(ConversionError, match="a shape of rank"):
        load(m.graph(), tmp_path)


def test_results_that_do_not_fit(tmp_path: Path) -> None:
    """What is decided is still of the shape that the random numbers had."""
    m = Maker()
    m.input("x", (2, 2))
    uniform = m.add("RandomUniform", m.ints(3, 5), dtype=F)
    m.add("Mul", "x", m.add("Floor", uniform, T=F), name="y", T=F)
    with pytest.raises(ConversionError, match="broadcast"):
        load(m.graph(), tmp_path)
