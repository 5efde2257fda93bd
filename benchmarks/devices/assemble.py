"""From fitted costs to `DeviceProfile` objects: quality figures, bands, derived dtypes, sources."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.devices.catalogue import Device
from benchmarks.devices.fitting import (
    GroupKey,
    Ratio,
    Result,
    cpu_precisions,
    half_precision_ratio,
    thread_ratio,
)
from benchmarks.devices.rows import Row
from edgekit.simulate.profile import (
    FAMILIES,
    CostParameters,
    DeviceProfile,
    FitQuality,
    GpuProfile,
    Rate,
    Source,
    ThreadScaling,
)

NARROWEST_BAND = 1.15
"""Five or six networks cannot prove a tighter band."""
FEW_ROWS = 10
"""With fewer rows a device's own percentile is noise: the band is at least that of its group."""
WIDEST_GPU_BAND = 3.0
"""A GPU fit that misses by more is left out: it would say nothing."""

_ASSUMED_GPU_RATIO = Ratio(2.0, 1.5, 0)

_RUNTIME_NOTE = (
    "Rates describe the kernels of the runtime that was measured. Another runtime, EdgeKit's included, may be faster "
    "or slower; `edgekit profile` on the device replaces them by its own."
)
_DEFAULT_PRECISION = (
    "ncnn's default precision is fp16 on this core (it has fp16 arithmetic), so its default rows are fitted as f16.",
    "ncnn's default precision is fp32 on this core (it has no fp16 arithmetic), so its default rows are fitted as f32.",
)


def assemble(
    devices: Sequence[Device], cpu: Sequence[Row], results: Mapping[GroupKey, Sequence[Result]]
) -> list[DeviceProfile]:
    """Build the profile of every device."""
    table = {
        (key.unit, result.member.device.name, key.dtype): _fitted(key, result, group)
        for key, group in results.items()
        for result in group
    }
    return [_profile(device, cpu, table) for device in devices]


def _profile(device: Device, cpu: Sequence[Row], table: Mapping[tuple[str, str, str], CostParameters]) -> DeviceProfile:
    dtypes: dict[str, CostParameters] = {}
    for dtype, precision in cpu_precisions(device):
        found = table.get(("cpu", device.name, dtype))
        if found is not None:
            dtypes[dtype] = dataclasses.replace(found, scaling=_scaling(device, cpu, precision))
    _derive_float(device, cpu, dtypes)
    notes = [_RUNTIME_NOTE, *device.notes]
    if device.rows.runtime == "ncnn":
        notes.insert(0, _DEFAULT_PRECISION[0 if device.half_arithmetic else 1])
    gpu = _gpu(device, table, notes)
    return DeviceProfile(
        name=device.name,
        title=device.title,
        soc=device.soc,
        core=device.core,
        cores=device.cores,
        isa=device.isa,
        ram_bytes=device.ram,
        arena_limit_bytes=device.ram // (4 if device.phone else 2),
        calibrated=True,
        dtypes={name: dtypes[name] for name in ("f32", "f16", "int8") if name in dtypes},
        gpu=gpu,
        notes=tuple(notes),
    )


def _derive_float(device: Device, cpu: Sequence[Row], dtypes: dict[str, CostParameters]) -> None:
    """Fill in the float dtype that was not measured."""
    if not device.half_arithmetic:
        dtypes["f16"] = _scaled(
            dtypes["f32"], Ratio(1.0, 1.0, 0), "No fp16 arithmetic: computes as f32, stores as f16."
        )
        return
    in_order = "A55" in device.core
    ratio = half_precision_ratio(cpu, in_order=in_order)
    cores = "Cortex-A55" if in_order else "Cortex-A75, A76 and A77"
    what = f"fp32 takes {ratio.value:.2f} times fp16 on {cores}, the median of {ratio.rows} published pairs"
    if "f32" not in dtypes:
        dtypes["f32"] = _scaled(dtypes["f16"], ratio, f"From the f16 fit: {what}.")
    elif "f16" not in dtypes:
        inverse = Ratio(1 / ratio.value, ratio.spread, ratio.rows)
        dtypes["f16"] = _scaled(dtypes["f32"], inverse, f"From the f32 fit: {what}.")


def _gpu(device: Device, table: Mapping[tuple[str, str, str], CostParameters], notes: list[str]) -> GpuProfile | None:
    found = table.get(("gpu", device.name, "f16"))
    if device.gpu is None or found is None:
        return None
    if found.band > WIDEST_GPU_BAND:
        notes.append(
            f"GPU rows exist ({device.gpu.name}), but their error band would be x{found.band:.1f}: not shipped."
        )
        return None
    derived = _scaled(found, _ASSUMED_GPU_RATIO, "From the f16 fit, assuming half its rate; no fp32 row was found.")
    found = dataclasses.replace(
        found, note="The runtime's default precision: fp16 storage and arithmetic where the driver offers them."
    )
    api = "Vulkan" if device.gpu.selection.runtime == "ncnn" else "OpenCL"
    return GpuProfile(name=device.gpu.name, api=api, dtypes={"f32": derived, "f16": found})


def _fitted(key: GroupKey, result: Result, group: Sequence[Result]) -> CostParameters:
    quality = _quality(result)
    band = 1 + quality.loo_p90
    if quality.rows < FEW_ROWS:
        band = max(band, _p90([error for other in group for error in other.left_out.values()]))
    costs, deviations = np.exp(result.fit.log_costs), np.sqrt(np.diag(result.fit.covariance))
    rates = [Rate(_round(1 / float(c)), _round(float(d))) for c, d in zip(costs, deviations, strict=True)]
    sources = tuple(
        Source(row.source, row.runtime, row.model, int(row.threads), row.milliseconds) for row in result.member.rows
    )
    return CostParameters(
        calibration="fitted",
        runtime=key.runtime,
        base_threads=1,
        families=dict(zip(FAMILIES, rates[: len(FAMILIES)], strict=True)),
        bandwidth=rates[-2],
        overhead_seconds=_round(float(costs[-1])),
        overhead_log_sd=_round(float(deviations[-1])),
        band=_round(max(band, NARROWEST_BAND)),
        quality=quality,
        scaling=(),
        sources=sources,
        note="",
    )


def _quality(result: Result) -> FitQuality:
    fit = np.abs(np.expm1(np.array(list(result.errors.values()))))
    left_out = list(result.left_out.values())
    loo = np.abs(np.expm1(np.array(left_out)))
    return FitQuality(
        rows=len(result.member.rows),
        fit_median=_round(float(np.median(fit))),
        fit_max=_round(float(fit.max())),
        loo_median=_round(float(np.median(loo))),
        loo_max=_round(float(loo.max())),
        loo_p90=_round(_p90(left_out) - 1),
    )


def _scaled(base: CostParameters, ratio: Ratio, note: str) -> CostParameters:
    """Another dtype of the same unit: compute takes `ratio` times as long; bytes already follow the dtype."""
    return dataclasses.replace(
        base,
        calibration="derived",
        families={k: Rate(_round(r.units_per_second / ratio.value), r.log_sd) for k, r in base.families.items()},
        band=_round(math.exp(math.hypot(math.log(base.band), math.log(ratio.spread)))),
        quality=None,
        sources=(),
        note=note,
    )


def _scaling(device: Device, cpu: Sequence[Row], precision: str) -> tuple[ThreadScaling, ...]:
    entries = []
    for more in device.more_threads:
        ratio = thread_ratio(cpu, device.rows, more, precision)
        if ratio is not None:
            entries.append(ThreadScaling(more.threads, _round(ratio.value), _round(ratio.spread), ratio.rows))
    return tuple(entries)


def _p90(log_errors: Sequence[float]) -> float:
    return float(np.exp(np.quantile(np.abs(np.array(log_errors)), 0.9)))


def _round(value: float) -> float:
    """Four significant digits: enough, and stable across numpy versions."""
    return float(f"{value:.4g}")


def generic_profile() -> DeviceProfile:
    """An in-order Armv8 core at 1 GHz nobody measured: half of what two 64-bit NEON pipes could do."""
    rates = {"dense": 1.5e9, "winograd": 3e9, "pointwise": 2e9, "depthwise": 0.7e9, "grouped": 1e9, "memory": 0.2e9}

    def parameters(factor: float) -> CostParameters:
        return CostParameters(
            calibration="none",
            runtime="none",
            base_threads=1,
            families={family: Rate(rates[family] * factor, 0.7) for family in FAMILIES},
            bandwidth=Rate(2e9, 0.7),
            overhead_seconds=1.5e-5,
            overhead_log_sd=0.7,
            band=3.0,
            quality=None,
            scaling=(),
            sources=(),
            note="Assumed, not measured.",
        )

    return DeviceProfile(
        name="generic-armv8-1ghz",
        title="Generic Armv8 board (uncalibrated)",
        soc="any",
        core="in-order Armv8-A at 1 GHz",
        cores=1,
        isa=("neon",),
        ram_bytes=1 << 30,
        arena_limit_bytes=1 << 29,
        calibrated=False,
        dtypes={"f32": parameters(1.0), "f16": parameters(1.0), "int8": parameters(1.3)},
        gpu=None,
        notes=("Uncalibrated: every number is an assumption. Run `edgekit profile` on the device for a real one.",),
    )
