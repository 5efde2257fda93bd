"""Measures a device profile on the machine this runs on, with EdgeKit's own kernels."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.errors import EdgekitError
from edgekit.format import write_bytes
from edgekit.runtime import Session, cpu_features
from edgekit.simulate.cost_model import OpWork
from edgekit.simulate.probes import probes
from edgekit.simulate.profile import FAMILIES, CostParameters, DeviceProfile, FitQuality, Rate, Source
from edgekit.simulate.work import node_work
from edgekit.types import Array
from edgekit.version import __version__

_MEASURED = ("dense", "pointwise", "depthwise", "grouped", "memory")
_RUNS, _REPEATS = 7, 5
#: bands are never narrower than this factor: one machine, one moment
_LEAST_BAND = 1.15
_FASTEST = 1e-13  # seconds a unit: stands for a coefficient the measurements do not show


@dataclass(frozen=True)
class Measurement:
    """One probe's work and its time in seconds."""

    name: str
    work: OpWork
    seconds: float


def measure_profile(
    name: str, *, threads: int = 1, memory_limit_bytes: int | None = None, progress: Callable[[int, int | None], None] | None = None
) -> DeviceProfile:
    """Time the probes here and fit the cost model to them.

    Args:
        name: of the profile.
        threads: CPU threads to measure with.
        memory_limit_bytes: what a model may use; half of this machine's memory by default.
        progress: called with (probes done, probes in all).

    Raises:
        EdgekitError: the clock is too coarse for the probes.
    """
    jobs = [p for dtype in ("f32", "int8") for p in probes(dtype)]
    found: dict[str, list[Measurement]] = {"f32": [], "int8": []}
    for i, p in enumerate(jobs):
        (node,) = p.graph.nodes
        works = node_work(node)
        whole = OpWork(p.family, p.dtype, *(sum(getattr(w, f) for w in works) for f in ("macs", "bytes_read", "bytes_written", "elements")))
        seconds = _time(write_bytes(p.graph), p.graph.inputs[0].type.static_shape(), p.dtype, threads)
        found[p.dtype].append(Measurement(p.name, whole, seconds))
        if progress is not None:
            progress(i + 1, len(jobs))
    ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cpu = platform.processor() or platform.machine()
    return DeviceProfile(
        name=name, title=f"{platform.node() or 'this machine'} (measured)", soc=cpu, core=cpu,
        cores=os.cpu_count() or 1, isa=tuple(cpu_features()),
        ram_bytes=ram, arena_limit_bytes=min(ram, memory_limit_bytes or ram // 2), calibrated=True,
        dtypes={d: fit(m, threads) for d, m in found.items()}, gpu=None,
        notes=("Measured by `edgekit profile` with EdgeKit's own kernels. winograd equals dense: EdgeKit has no such kernel.",),
    )  # fmt: skip


def _time(model: bytes, shape: tuple[int, ...], dtype: str, threads: int) -> float:
    """Seconds of one inference: the least over repeats of the time the runtime itself notes for the node."""
    r = np.random.default_rng(0)
    x: Array = r.integers(-128, 128, shape).astype(np.int8) if dtype == "int8" else r.standard_normal(shape).astype(np.float32)
    with Session(model, threads=threads, profile=True) as session:
        best, before, runs_before = np.inf, 0, 0
        for _ in range(_REPEATS + 1):
            for _ in range(_RUNS):
                session.run({"x": x})
            (node,) = session.nodes
            best = min(best, (node.total_ns - before) / (node.run_count - runs_before))
            before, runs_before = node.total_ns, node.run_count
    if not best > 0:
        raise EdgekitError("the clock of this machine is too coarse to measure a profile")
    return float(best) * 1e-9


def _columns(work: OpWork) -> list[float]:
    units = work.elements if work.family == "memory" else work.macs
    return [1.0, *(float(units) if f == work.family else 0.0 for f in _MEASURED), float(work.bytes_read + work.bytes_written)]


def _solve(rows: Sequence[Measurement]) -> npt.NDArray[np.float64]:
    """Least squares of relative errors with coefficients of 0 or more: columns that come out negative are dropped, one at a time."""
    a = np.array([_columns(m.work) for m in rows]) / np.array([[m.seconds] for m in rows])
    scale = np.abs(a).max(axis=0)
    scale[scale == 0] = 1
    keep = [k for k in range(a.shape[1]) if np.any(a[:, k])]
    while True:
        x, *_ = np.linalg.lstsq(a[:, keep] / scale[keep], np.ones(len(rows)), rcond=None)
        if np.all(x >= 0) or len(keep) == 1:
            break
        keep.pop(int(np.argmin(x)))
    out = np.zeros(a.shape[1])
    out[keep] = np.maximum(x, 0) / scale[keep]
    return out


def fit(rows: Sequence[Measurement], threads: int) -> CostParameters:
    """Cost parameters from measurements, with the error of leaving one probe out."""
    x = _solve(rows)
    errors = [_ratio(_solve([m for m in rows if m is not left]), left) for left in rows]
    own = [_ratio(x, m) for m in rows]
    loo = np.array([max(e, 1 / e) - 1 for e in errors])
    fitted = np.array([max(e, 1 / e) - 1 for e in own])
    p90 = float(np.quantile(loo, 0.9))
    rates = {f: 1 / max(c, _FASTEST) for f, c in zip(_MEASURED, x[1:-1], strict=True)}
    rates["winograd"] = rates["dense"]
    spread = float(np.std(np.log(errors))) or 0.01
    return CostParameters(
        calibration="fitted", runtime=f"edgekit {__version__}", base_threads=threads,
        families={f: Rate(float(rates[f]), spread) for f in FAMILIES}, bandwidth=Rate(float(1 / max(x[-1], _FASTEST)), spread),
        overhead_seconds=float(max(x[0], 1e-8)), overhead_log_sd=spread, band=max(_LEAST_BAND, 1 + p90),
        quality=FitQuality(len(rows), float(np.median(fitted)), float(fitted.max()), float(np.median(loo)), float(loo.max()), p90),
        scaling=(),
        sources=tuple(Source("measured on this machine", f"edgekit {__version__}", m.name, threads, m.seconds * 1e3) for m in rows),
        note="One-operator probes; the error is that of a probe left out.",
    )  # fmt: skip


def _ratio(x: npt.NDArray[np.float64], m: Measurement) -> float:
    return max(float(np.dot(_columns(m.work), x)), 1e-9) / m.seconds
