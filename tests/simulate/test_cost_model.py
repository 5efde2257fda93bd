"""The latency estimate: monotone, additive, and honest about what it does not know."""

from __future__ import annotations

import dataclasses
import math

import pytest

from edgekit.errors import EdgekitError
from edgekit.simulate.cost_model import Estimate, OpWork, estimate_seconds, estimate_total
from edgekit.simulate.profile import FAMILIES, list_devices, load_profile

WORK = OpWork("dense", "f32", 1_000_000, 40_000, 20_000, 10_000)


@pytest.mark.parametrize("device", list_devices())
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", ["f32", "f16", "int8"])
def test_more_work_takes_longer(device: str, family: str, dtype: str) -> None:
    profile = load_profile(device)
    base = dataclasses.replace(WORK, family=family, dtype=dtype)
    seconds = estimate_seconds(base, profile, dtype).seconds
    assert seconds > 0
    charged = "elements" if family == "memory" else "macs"
    for field in (charged, "bytes_read", "bytes_written"):
        more = dataclasses.replace(base, **{field: getattr(base, field) * 3})
        assert estimate_seconds(more, profile, dtype).seconds > seconds


@pytest.mark.parametrize("device", list_devices())
def test_band_surrounds_the_estimate(device: str) -> None:
    profile = load_profile(device)
    estimate = estimate_seconds(WORK, profile, "f32")
    assert isinstance(estimate, Estimate)
    assert 0 < estimate.low < estimate.seconds < estimate.high
    assert estimate.high / estimate.seconds >= profile.dtypes["f32"].band * (1 - 1e-12)


def test_empty_operator_costs_the_overhead() -> None:
    profile = load_profile("raspberry-pi-4b")
    nothing = OpWork("memory", "f32", 0, 0, 0, 0)
    assert estimate_seconds(nothing, profile).seconds == pytest.approx(profile.dtypes["f32"].overhead_seconds)


def test_total_is_the_sum() -> None:
    profile = load_profile("raspberry-pi-4b")
    works = [dataclasses.replace(WORK, family=family) for family in FAMILIES]
    total = estimate_total(works, profile)
    assert total.seconds == pytest.approx(sum(estimate_seconds(work, profile).seconds for work in works))
    assert total.high / total.seconds == pytest.approx(profile.dtypes["f32"].band)
    assert total.seconds / total.low == pytest.approx(profile.dtypes["f32"].band)
    assert (total.calibration, total.calibrated) == ("fitted", True)


def test_total_of_nothing_is_zero() -> None:
    total = estimate_total([], load_profile("raspberry-pi-4b"))
    assert (total.seconds, total.low, total.high) == (0, 0, 0)


def test_total_reports_its_weakest_parameters() -> None:
    profile = load_profile("raspberry-pi-5")
    mixed = [WORK, dataclasses.replace(WORK, dtype="f16")]
    assert estimate_total(mixed, profile).calibration == "derived"
    assert estimate_total(mixed[1:], profile).calibration == "fitted"


def test_uncalibrated_device_says_so() -> None:
    profile = load_profile("generic-armv8-1ghz")
    total = estimate_total([WORK], profile)
    assert not total.calibrated
    assert total.calibration == "none"
    assert total.high / total.seconds == pytest.approx(3)


def test_threads_use_the_measured_gain_and_widen_the_band() -> None:
    profile = load_profile("rk3399-a72")
    scaling = profile.dtypes["f32"].scaling[0]
    one, two = estimate_total([WORK], profile), estimate_total([WORK], profile, threads=2)
    assert one.seconds / two.seconds == pytest.approx(scaling.speedup)
    assert math.log(two.high / two.seconds) > math.log(one.high / one.seconds)


def test_unknown_thread_count_names_the_known() -> None:
    with pytest.raises(EdgekitError, match=r"no measurement for 3 threads\. Use 1 or 2"):
        estimate_seconds(WORK, load_profile("rk3399-a72"), threads=3)


def test_unknown_dtype_and_missing_gpu() -> None:
    profile = load_profile("raspberry-pi-4b")
    with pytest.raises(EdgekitError, match="no cost parameters for f64"):
        estimate_seconds(WORK, profile, "f64")
    with pytest.raises(EdgekitError, match="no GPU measurements"):
        estimate_seconds(WORK, profile, unit="gpu")
    with pytest.raises(EdgekitError, match="unknown unit 'npu'"):
        estimate_seconds(WORK, profile, unit="npu")


def test_gpu_estimate() -> None:
    profile = load_profile("rk3588-a76")
    big = dataclasses.replace(WORK, macs=10**9)
    assert estimate_seconds(big, profile, "f16", unit="gpu").seconds < estimate_seconds(big, profile, "f16").seconds


def test_i8_and_u8_are_int8() -> None:
    profile = load_profile("raspberry-pi-4b")
    estimates = {estimate_seconds(WORK, profile, dtype) for dtype in ("int8", "i8", "u8")}
    assert len(estimates) == 1


def test_bad_work_is_refused() -> None:
    with pytest.raises(EdgekitError, match="unknown operator family 'conv'"):
        OpWork("conv", "f32", 0, 0, 0, 0)
    with pytest.raises(EdgekitError, match="macs is -1"):
        OpWork("dense", "f32", -1, 0, 0, 0)
