"""The latency estimate: pure functions from work and a device profile to seconds with an error band.

One operator costs

    seconds = overhead + units / rate[family] + bytes / bandwidth

with `units` in multiply-accumulates (elements for the `memory` family). The form is additive, and therefore linear and
monotone in every kind of work; the coefficients come from a `DeviceProfile`. Nothing here knows a graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from edgekit.errors import EdgekitError
from edgekit.simulate.profile import FAMILIES, CostParameters, DeviceProfile, canonical_dtype

_Z90 = 1.645
"""Standard deviations that leave 5% on either side of a normal distribution."""


@dataclass(frozen=True, slots=True)
class OpWork:
    """What one operator computes and moves.

    Attributes:
        family: How the operator is computed, one of `FAMILIES`:
            `dense` (spatial convolution by GEMM or direct), `winograd` (3x3 stride-1 convolution, only where the
            runtime uses the transform), `pointwise` (1x1 convolution, fully connected, matrix product), `depthwise`,
            `grouped` (1 < groups < channels), `memory` (elementwise, pooling, copies, lookups).
        dtype: `f32`, `f16` or `int8` (`i8` and `u8` mean `int8`).
        macs: Multiply-accumulates; 0 for the `memory` family.
        bytes_read: Activations and weights read, in bytes.
        bytes_written: Result bytes.
        elements: Elements visited, the larger of input and output; what the `memory` family is charged for.
    """

    family: str
    dtype: str
    macs: int
    bytes_read: int
    bytes_written: int
    elements: int

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise EdgekitError(f"OpWork: unknown operator family {self.family!r}. Use one of {', '.join(FAMILIES)}.")
        for name in ("macs", "bytes_read", "bytes_written", "elements"):
            if getattr(self, name) < 0:
                raise EdgekitError(f"OpWork ({self.family}): {name} is {getattr(self, name)}. Pass a count of 0 or more.")


class Estimate(NamedTuple):
    """Seconds, with the interval that should hold the truth about nine times in ten."""

    seconds: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TotalEstimate:
    """Latency of a whole model on one device.

    Attributes:
        seconds: Expected time of one inference.
        low: Lower end of the band.
        high: Upper end of the band.
        calibration: `fitted`, `derived` or `none`, the weakest among the parameters used.
        calibrated: False when the device was never measured; every output must then say so.
    """

    seconds: float
    low: float
    high: float
    calibration: str
    calibrated: bool


def estimate_seconds(work: OpWork, profile: DeviceProfile, dtype: str | None = None, *, threads: int = 1, unit: str = "cpu") -> Estimate:
    """Time of one operator.

    The published rows time whole models, so the band of one operator adds the uncertainty of its own coefficients to
    the whole-model error.

    Args:
        work: What the operator does.
        profile: The device.
        dtype: Computes in this dtype instead of `work.dtype`; bytes stay as they are.
        threads: Threads the runtime uses; the profile lists which counts are known.
        unit: `cpu` or `gpu`.

    Returns:
        Seconds with the low and high end of the band.

    Raises:
        EdgekitError: The profile has no parameters for the dtype, unit or thread count.
    """
    parameters = profile.parameters(dtype or work.dtype, unit)
    seconds, spread = _seconds_and_spread(work, parameters)
    speedup, scaling_spread = parameters.speedup(threads)
    factor = math.exp(math.sqrt(math.log(parameters.band) ** 2 + (_Z90 * spread) ** 2 + math.log(scaling_spread) ** 2))
    seconds /= speedup
    return Estimate(seconds, seconds / factor, seconds * factor)


def estimate_total(
    works: Iterable[OpWork],
    profile: DeviceProfile,
    dtype: str | None = None,
    *,
    threads: int = 1,
    unit: str = "cpu",
) -> TotalEstimate:
    """Time of a model that runs `works` one after another.

    Args:
        works: Its operators; dtypes may be mixed.
        profile: The device.
        dtype: Computes everything in this dtype.
        threads: Threads the runtime uses.
        unit: `cpu` or `gpu`.

    Returns:
        The sum. Errors of operators are taken as fully correlated: the bands of their dtypes add up.

    Raises:
        EdgekitError: As `estimate_seconds`.
    """
    total = low = high = 0.0
    used: dict[str, CostParameters] = {}
    for work in works:
        key = canonical_dtype(dtype or work.dtype)
        parameters = used.setdefault(key, profile.parameters(key, unit))
        speedup, scaling_spread = parameters.speedup(threads)
        factor = math.exp(math.hypot(math.log(parameters.band), math.log(scaling_spread)))
        seconds = _seconds_and_spread(work, parameters)[0] / speedup
        total += seconds
        low += seconds / factor
        high += seconds * factor
    order = ("none", "derived", "fitted")
    calibration = min((p.calibration for p in used.values()), key=order.index, default="none")
    return TotalEstimate(total, low, high, calibration, profile.calibrated and calibration != "none")


def _seconds_and_spread(work: OpWork, parameters: CostParameters) -> tuple[float, float]:
    """Seconds on the profile's base thread count, and the standard deviation of their logarithm."""
    cost = parameters.families[work.family]
    units = work.elements if work.family == "memory" else work.macs
    compute = units / cost.units_per_second
    transfer = (work.bytes_read + work.bytes_written) / parameters.bandwidth.units_per_second
    overhead = parameters.overhead_seconds
    seconds = overhead + compute + transfer
    variance = (compute * cost.log_sd) ** 2 + (transfer * parameters.bandwidth.log_sd) ** 2 + (overhead * parameters.overhead_log_sd) ** 2
    return seconds, math.sqrt(variance) / seconds if seconds else 0.0
