"""Cases of Quantize, Dequantize, Requantize, Lookup and Cast."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from edgekit.ops.quantization import STORED, lookup_table
from edgekit.types import F16, F32, F64, I8, I16, I32, U8, U16, Array, DType, QuantParams
from tests.cases.case import OpCase, op_case, rng
from tests.cases.elementwise_common import ALL_DTYPES, EXACT, FLOAT_EDGES, HALF, edges, quant, random, random_quantized


def cases() -> Iterator[OpCase]:
    yield from _quantize()
    yield from _dequantize()
    yield from _requantize()
    yield from _lookup()
    yield from _cast()


def _params(dtype: DType, scale: float, zero_point: int) -> QuantParams:
    return QuantParams.per_tensor(scale, 40000 if dtype is U16 else zero_point) if dtype in (I16, U16) else quant(dtype, scale, zero_point)


def _per_channel(dtype: DType, channels: int, axis: int, *key: object) -> QuantParams:
    info = np.iinfo(dtype.numpy)
    r = rng("per_channel", dtype.label, channels, *key)
    return QuantParams.per_channel(r.uniform(0.001, 0.3, channels), axis, r.integers(info.min, info.max + 1, channels).tolist())


def _exactly(x: Array, q: QuantParams, dtype: DType) -> Array:
    """Quantize in rational numbers: the float32 quotient, then round half to even."""
    info = np.iinfo(dtype.numpy)
    out = []
    for v in x.tolist():
        quotient = np.float32(v) / np.float32(q.scale[0])
        if math.isinf(quotient):
            out.append(info.max if quotient > 0 else info.min)
            continue
        whole = 0 if math.isnan(quotient) else round(Fraction(float(quotient)))  # Python rounds half to even
        out.append(min(max(whole + q.zero_point[0], info.min), info.max))
    return np.array(out, dtype.numpy)


def _quantize() -> Iterator[OpCase]:
    for dtype in STORED:
        q = _params(dtype, 0.05, -3)
        x = np.concatenate([FLOAT_EDGES, random((150,), "Quantize"), (np.arange(-40, 40) + 0.5).astype(np.float32) * np.float32(0.05)])
        with np.errstate(all="ignore"):
            want = _exactly(x, q, dtype)
        yield op_case("Quantize", f"{dtype.label}", [x], {"dtype": dtype}, qout=[q], expected=[want])
        for name, shape, axis in (("first", (5, 3, 7), 0), ("middle", (2, 5, 33), 1), ("last", (2, 3, 5), 2), ("empty", (0, 5), 1)):
            q = _per_channel(dtype, shape[axis], axis, name)
            yield op_case("Quantize", f"{dtype.label}_{name}", [random(shape, "Quantize", name)], {"dtype": dtype}, qout=[q])
    ties = (np.arange(-300, 300) * 0.5).astype(np.float32)
    unit = QuantParams.per_tensor(1.0, 1)
    yield op_case("Quantize", "ties", [ties], {"dtype": I8}, qout=[unit], expected=[_exactly(ties, unit, I8)])
    yield op_case("Quantize", "large", [random((3, 20011), "Quantize", scale=30.0)], {"dtype": I8}, qout=[quant(I8, 0.37, 11)])
    yield op_case("Quantize", "rank0", [np.array(1.3, np.float32)], {"dtype": U8}, qout=[quant(U8, 0.1, -128)])
    yield op_case("Quantize", "tiny_scale", [random((60,), "Quantize")], {"dtype": I8}, qout=[quant(I8, 1e-30, 3)])


def _dequantize() -> Iterator[OpCase]:
    for dtype in (*STORED, I32):
        q = QuantParams.per_tensor(0.05, 0) if dtype is I32 else _params(dtype, 0.05, -3)
        x = np.arange(-128, 128).astype(np.int8).view(dtype.numpy) if dtype.itemsize == 1 else random_quantized((300,), dtype, "Dequantize")
        # int32 differences above 2^24 round when they become float
        want = ((x.astype(np.int64) - q.zero_point[0]).astype(np.float32) * np.float32(q.scale[0])).astype(np.float32)
        yield op_case("Dequantize", dtype.label, [x], qin=[q], expected=[want], tolerance=EXACT)
        for name, shape, axis in (("first", (5, 3, 7), 0), ("middle", (2, 5, 33), 1), ("last", (2, 3, 5), 2), ("empty", (5, 0), 0)):
            per = _per_channel(I16 if dtype is I32 else dtype, shape[axis], axis, name)
            yield op_case("Dequantize", f"{dtype.label}_{name}", [random_quantized(shape, dtype, name)], qin=[per], tolerance=EXACT)
    extreme = np.array([-(2**31), 2**31 - 1, 0, 2**24 + 1], np.int32)
    yield op_case("Dequantize", "int32_wraps", [extreme], qin=[QuantParams.per_tensor(2.0, 5)], tolerance=EXACT)
    yield op_case("Dequantize", "large", [random_quantized((3, 20011), U8, "Dequantize")], qin=[quant(U8, 0.37, 11)], tolerance=EXACT)


def _requantize() -> Iterator[OpCase]:
    for xt in (*STORED, I32):
        for yt in STORED:
            qx = QuantParams.per_tensor(0.003, 0) if xt is I32 else _params(xt, 0.05, -3)
            name = f"{xt.label}_to_{yt.label}"
            x = np.concatenate([edges(xt), random_quantized((100,), xt, name)])
            yield op_case("Requantize", name, [x], {"dtype": yt}, qin=[qx], qout=[_params(yt, 0.07, 9)])
    every = np.arange(-128, 128).astype(np.int8)
    shifted = (every.astype(np.int16) + 128).astype(np.uint8)
    q = QuantParams.per_tensor(0.1, -5)
    yield op_case("Requantize", "sign", [every], {"dtype": U8}, qin=[q], qout=[QuantParams.per_tensor(0.1, 123)], expected=[shifted])
    channels = _per_channel(I8, 5, 1)
    x = random_quantized((2, 5, 33), I8, "Requantize")
    yield op_case("Requantize", "per_channel_in", [x], {"dtype": I8}, qin=[channels], qout=[q])
    yield op_case("Requantize", "per_channel_out", [x], {"dtype": U8}, qin=[q], qout=[_per_channel(U8, 5, 1)])
    yield op_case("Requantize", "per_channel_both", [x], {"dtype": I8}, qin=[channels], qout=[_per_channel(I8, 5, 1, "other")])
    for mode in ("fixed_up", "fixed_away"):
        for xt, yt in ((I8, I8), (U8, I8), (I16, U8), (I32, I8), (I32, I16)):
            qx = QuantParams.per_tensor(0.003, 0) if xt is I32 else _params(xt, 0.05, -3)
            x = np.concatenate([edges(xt), random_quantized((100,), xt, mode, xt.label)])
            for name, scale in (("smaller", 0.07), ("larger", 0.0006), ("ties", qx.scale[0] * 4)):
                options = {"dtype": yt, "requantize": mode}
                yield op_case("Requantize", f"{mode}_{xt.label}_to_{yt.label}_{name}", [x], options, qin=[qx], qout=[_params(yt, scale, 9)])
        yield op_case("Requantize", f"{mode}_per_channel", [random_quantized((2, 5, 33), I8, mode)], {"dtype": I8, "requantize": mode},
                      qin=[channels], qout=[q])  # fmt: skip
    # 0.5, 1.5, -0.5, -1.5 after a first rounding that changes nothing
    steps, half = np.array([1, 3, -1, -3], np.int32), QuantParams.per_tensor(0.5)
    for mode, want in (("float", [0, 2, 0, -2]), ("fixed_up", [1, 2, 0, -1]), ("fixed_away", [1, 2, -1, -2])):
        yield op_case("Requantize", f"ties_{mode}", [steps * 4], {"dtype": I8, "requantize": mode}, qin=[half],
                      qout=[QuantParams.per_tensor(4.0)], expected=[np.array(want, np.int8)])  # fmt: skip
    coarse, fine = QuantParams.per_tensor(1e6), QuantParams.per_tensor(1e-6, 3)
    yield op_case("Requantize", "saturates", [edges(I32)], {"dtype": I8}, qin=[coarse], qout=[fine])


def _lookup() -> Iterator[OpCase]:
    for xt in (I8, U8):
        for yt in (I8, U8, I16, U16, I32, F32, F16):
            r = rng("Lookup", xt.label, yt.label)
            table = r.standard_normal(256).astype(yt.numpy) if yt.is_float else random_quantized((256,), yt, "Lookup", xt.label)
            info = np.iinfo(xt.numpy)
            x = np.arange(info.min, info.max + 1).astype(xt.numpy)
            name = f"{xt.label}_to_{yt.label}"
            yield op_case("Lookup", name, [x, table], constants=[1], expected=[table], tolerance=EXACT)
        table = random_quantized((256,), I8, "Lookup", "large")
        yield op_case("Lookup", f"{xt.label}_large", [random_quantized((3, 20011), xt, "Lookup"), table], constants=[1])
        yield op_case("Lookup", f"{xt.label}_computed_table", [random_quantized((5, 0, 3), xt, "Lookup"), table])
        yield op_case("Lookup", f"{xt.label}_odd", [random_quantized((5, 3), xt, "Lookup"), table])
    for op, attrs in (("Sigmoid", {}), ("Gelu", {"approximate": "tanh"}), ("Clip", {"min": -1.0, "max": 1.0}), ("Exp", {})):
        for dtype in (I8, U8):
            qx, qy = quant(dtype, 0.06, 3), quant(dtype, 1 / 256, -128)
            table = lookup_table(op, attrs, qx, qy, dtype)
            x = random_quantized((9, 40), dtype, "Lookup", op)
            yield op_case("Lookup", f"{op}_{dtype.label}", [x, table], constants=[1], qin=[qx, qy], qout=[qy])


def _cast() -> Iterator[OpCase]:
    for source in ALL_DTYPES:
        x = edges(source)
        if source.is_float:
            near = [127.5, 128.0, -128.9, -129.0, 255.9, 256.0, 2.0**31, -(2.0**31), 2.0**32, 2.0**53 + 1, 2.0**63, 2.0**64, 1e300]
            with np.errstate(all="ignore"):
                x = np.concatenate([x, np.array(near).astype(source.numpy)])
        for target in ALL_DTYPES:
            yield op_case("Cast", f"{source.label}_to_{target.label}", [x], {"to": target}, tolerance=EXACT)
    hand = np.array([1.9, -1.9, np.nan, np.inf, -np.inf, 300.0], np.float32)
    yield op_case("Cast", "saturates", [hand], {"to": I8}, expected=[np.array([1, -1, 0, 127, -128, 127], np.int8)])
    yield op_case("Cast", "wraps", [np.array([300, -1, 128], np.int32)], {"to": U8}, expected=[np.array([44, 255, 128], np.uint8)])
    yield op_case(
        "Cast", "half_ties", [np.array([1 + 2**-11, 1 + 3 * 2**-11, 2**-25, 65519.9, 65520.0], np.float64)], {"to": F16}, tolerance=EXACT
    )
    once = np.array([1 + 2**-11 + 2**-40], np.float64)  # rounding to float32 first would make it a tie
    yield op_case("Cast", "rounds_once", [once], {"to": F16}, expected=[np.array([1 + 2**-10], np.float16)], tolerance=EXACT)
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    halves = halves[~np.isnan(halves)]
    yield op_case("Cast", "every_half", [halves], {"to": F32}, expected=[halves.astype(np.float32)], tolerance=EXACT)
    grid = np.sort(halves[np.isfinite(halves)]).astype(np.float32)
    between = (grid[1:] + grid[:-1]) / 2  # ties, and their neighbours on both sides
    ties = np.concatenate([grid, between, np.nextafter(between, np.float32(np.inf)), np.nextafter(between, np.float32(-np.inf))])
    yield op_case("Cast", "every_half_tie", [ties], {"to": F16}, expected=[ties.astype(np.float16)], tolerance=EXACT)
    yield op_case("Cast", "large", [random((3, 20011), "Cast", scale=100.0)], {"to": I8})
    yield op_case("Cast", "empty", [np.zeros((0, 3), np.float32)], {"to": F64})
    yield op_case("Cast", "half_random", [random((500,), "Cast", "half")], {"to": F16}, tolerance=HALF)
