"""Complex numbers inside a graph: transforms, products, parts; and what they may not leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.errors import UnsupportedOpError
from tests.converters.tensorflow.cases import f
from tests.converters.tensorflow.models import Maker, Type, compute, load

X = f(2, 16)


def spectrum(m: Maker, length: int = 16) -> str:
    m.input("x", X.shape)
    return m.add("RFFT", "x", m.ints(length), name="bins", Treal=Type("float32"))


@pytest.mark.parametrize("length", [16, 12, 20])
def test_magnitudes_of_a_transform(tmp_path: Path, length: int) -> None:
    m = Maker()
    m.add("ComplexAbs", spectrum(m, length), name="y")
    np.testing.assert_allclose(compute(load(m.graph(), tmp_path), X)[0], np.abs(np.fft.rfft(X, length)), atol=1e-4)


def test_a_product_there_and_back(tmp_path: Path) -> None:
    m = Maker()
    m.add("Mul", spectrum(m), m.add("Complex", m.const(f(9)), m.const(f(9)), name="filter"), name="product")
    m.add("IRFFT", "product", m.ints(16), name="y")
    m.add("Real", m.add("Conj", "product", name="mirrored"), name="re")
    m.add("Imag", "mirrored", name="im")
    m.add("Angle", "bins", name="angle")
    graph = load(m.graph(), tmp_path)
    filters = [n.attr["value"].tensor for n in m.nodes if n.op == "Const"][-3:-1]
    re, im = (np.frombuffer(t.tensor_content, np.float32) for t in filters)
    want = np.fft.rfft(X) * (re + 1j * im)
    got = dict(zip(graph.output_names, compute(graph, X), strict=True))
    np.testing.assert_allclose(got["y"], np.fft.irfft(want), atol=1e-4)
    np.testing.assert_allclose(got["re"], want.real, atol=1e-4)
    np.testing.assert_allclose(got["im"], -want.imag, atol=1e-4)
    np.testing.assert_allclose(np.exp(1j * got["angle"]), np.exp(1j * np.angle(np.fft.rfft(X))), atol=1e-3)


def test_shapes_change_in_both_parts(tmp_path: Path) -> None:
    m = Maker()
    m.add("Transpose", spectrum(m), m.ints(1, 0), name="turned")
    m.add("FFT", m.add("Reshape", "turned", m.ints(3, 6), name="rows"), name="again")
    m.add("Real", "again", name="y")
    np.testing.assert_allclose(compute(load(m.graph(), tmp_path), X)[0], np.fft.fft(np.fft.rfft(X).T.reshape(3, 6)).real, atol=1e-4)


def test_functions_of_complex_numbers_are_named(tmp_path: Path) -> None:
    m = Maker()
    m.add("Real", m.add("Tanh", spectrum(m), name="t"), name="y")
    with pytest.raises(UnsupportedOpError, match="not a tensor but a complex number"):
        load(m.graph(), tmp_path)
