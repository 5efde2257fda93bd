"""From rows to fitted costs: group devices by runtime, unit and dtype, fit, and leave networks out in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.devices.catalogue import Device
from benchmarks.devices.networks import NETWORKS
from benchmarks.devices.regression import Array, DeviceFit, Samples, feature_vector, fit_group
from benchmarks.devices.rows import Row, Selection, select

LEAST_ROWS = 3
"""A device with fewer rows of a dtype is not fitted for it."""


@dataclass(frozen=True)
class GroupKey:
    """Devices with one of these in common share a prior."""

    runtime: str
    unit: str
    dtype: str


@dataclass(frozen=True)
class Member:
    """One device of a group."""

    device: Device
    rows: tuple[Row, ...]
    samples: Samples


@dataclass(frozen=True)
class Result:
    """Fit of one member; errors are log(estimate / truth) by network."""

    member: Member
    fit: DeviceFit
    errors: dict[str, float]
    left_out: dict[str, float]


Groups = dict[GroupKey, list[Member]]


def build_groups(devices: Sequence[Device], cpu: Sequence[Row], gpu: Sequence[Row]) -> Groups:
    """Collect the rows of every device into groups."""
    groups: Groups = {}
    for device in devices:
        for dtype, precision in cpu_precisions(device):
            _add(groups, GroupKey(device.rows.runtime, "cpu", dtype), device, select(cpu, device.rows, precision))
        if device.gpu is not None:
            where = device.gpu.selection
            precision = "default" if where.runtime == "ncnn" else "gpu-default"
            _add(groups, GroupKey(where.runtime, "gpu", "f16"), device, select(gpu, where, precision))
    return groups


def cpu_precisions(device: Device) -> tuple[tuple[str, str], ...]:
    """Dtype and `precision` column of a device's CPU rows.

    ncnn's default precision is fp16 only where the core computes in it.
    """
    if device.rows.runtime == "ncnn":
        return (("f16" if device.half_arithmetic else "f32", "default"), ("int8", "int8"))
    return (("f32", "fp32"), ("f16", "fp16"), ("int8", "int8"))


def fit_all(groups: Groups) -> dict[GroupKey, list[Result]]:
    """Fit every group, then again without each network."""
    full = _fit_without(groups, None)
    left_out: dict[tuple[GroupKey, str], dict[str, float]] = {}
    for network in sorted({name for members in groups.values() for m in members for name in m.samples.networks}):
        for key, fits in _fit_without(groups, network).items():
            for member, fit in zip(groups[key], fits, strict=True):
                if network in member.samples.networks:
                    errors = left_out.setdefault((key, member.device.name), {})
                    errors[network] = _errors(member.samples, fit)[network]
    return {
        key: [
            Result(member, fit, _errors(member.samples, fit), left_out[key, member.device.name])
            for member, fit in zip(members, full[key], strict=True)
        ]
        for key, members in groups.items()
    }


def _fit_without(groups: Groups, network: str | None) -> dict[GroupKey, list[DeviceFit]]:
    """Fit all groups; int8 groups start from the float costs of the same devices."""
    fits: dict[GroupKey, list[DeviceFit]] = {}
    costs: dict[tuple[str, str], Array] = {}
    for key in sorted(groups, key=lambda k: (k.dtype == "int8", k.runtime, k.unit, k.dtype)):
        samples = [m.samples if network is None else m.samples.without(network) for m in groups[key]]
        names = [member.device.name for member in groups[key]]
        bases = [costs[key.unit, name] for name in names] if key.dtype == "int8" else None
        fits[key] = fit_group(samples, bases)
        for name, fit in zip(names, fits[key], strict=True):
            if key.dtype != "int8":
                costs.setdefault((key.unit, name), fit.log_costs)
    return fits


def _errors(samples: Samples, fit: DeviceFit) -> dict[str, float]:
    errors = fit.log_prediction(samples.features) - samples.log_seconds
    return {name: float(error) for name, error in zip(samples.networks, errors, strict=True)}


def _add(groups: Groups, key: GroupKey, device: Device, rows: Sequence[Row]) -> None:
    if len(rows) < LEAST_ROWS:
        return
    names = tuple(row.network or "" for row in rows)
    # ncnn keeps fully connected weights in fp16 on every aarch64 core.
    half_weights = key.runtime == "ncnn" and key.dtype == "f32"
    features = [feature_vector(NETWORKS[name]().works(key.dtype, half_weights=half_weights)) for name in names]
    seconds = np.log(np.array([row.milliseconds for row in rows]) / 1e3)
    groups.setdefault(key, []).append(Member(device, tuple(rows), Samples(names, np.array(features), seconds)))


@dataclass(frozen=True)
class Ratio:
    """A ratio of times and the 90th percentile of models' departure from it."""

    value: float
    spread: float
    rows: int


def time_ratio(pairs: Sequence[tuple[float, float]]) -> Ratio:
    """Median and spread of first / second."""
    logs = np.log(np.array(pairs)[:, 0] / np.array(pairs)[:, 1])
    centre = float(np.median(logs))
    return Ratio(float(np.exp(centre)), float(np.exp(np.quantile(np.abs(logs - centre), 0.9))), len(pairs))


def thread_ratio(rows: Sequence[Row], base: Selection, more: Selection, precision: str) -> Ratio | None:
    """Gain of more threads; None with fewer than three models in common."""
    single = {row.network: row.milliseconds for row in select(rows, base, precision)}
    many = {row.network: row.milliseconds for row in select(rows, more, precision)}
    common = sorted(name for name in single if name is not None and name in many)
    return time_ratio([(single[name], many[name]) for name in common]) if len(common) >= LEAST_ROWS else None


def half_precision_ratio(rows: Sequence[Row], *, in_order: bool) -> Ratio:
    """fp32 time over fp16 time, over every CPU row pair that differs only in precision.

    Bolt (Cortex-A55 and A76) and Paddle-Lite (A75 to A77) publish both.
    """
    halves = {(r.device, r.core, r.runtime, r.model, r.threads): r for r in rows if r.precision == "fp16"}
    pairs = []
    for row in rows:
        twin = halves.get((row.device, row.core, row.runtime, row.model, row.threads))
        if row.precision == "fp32" and twin is not None and row.core.startswith("Cortex-A55") == in_order:
            pairs.append((row.milliseconds, twin.milliseconds))
    return time_ratio(pairs)
