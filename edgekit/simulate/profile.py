"""Device profiles: what the simulator knows about one board or phone, and where it knows it from."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from edgekit.errors import EdgekitError, FormatError

FAMILIES = ("dense", "winograd", "pointwise", "depthwise", "grouped", "memory")
"""Operator families with a rate of their own."""
DTYPES = ("f32", "f16", "int8")
"""Compute types a profile may describe."""
CALIBRATIONS = ("fitted", "derived", "none")
"""How parameters came to be: fitted to rows of this device, derived from another dtype of it, or assumed."""
UNITS = ("cpu", "gpu")
SCHEMA = 1
"""Version of the JSON form."""

_ALIASES = {
    "i8": "int8",
    "u8": "int8",
    "uint8": "int8",
    "float32": "f32",
    "float16": "f16",
    "fp32": "f32",
    "fp16": "f16",
}


@dataclass(frozen=True, slots=True)
class Rate:
    """A throughput and how sure the fit is of it.

    Attributes:
        units_per_second: Multiply-accumulates, elements or bytes a second.
        log_sd: Standard deviation of the natural logarithm of the rate.
    """

    units_per_second: float
    log_sd: float


@dataclass(frozen=True, slots=True)
class ThreadScaling:
    """Measured gain of more threads over the base count: the median over models.

    Attributes:
        threads: Thread count.
        speedup: Base time divided by time at `threads`.
        spread: 90th percentile of the ratio between a model's own gain and the median, at least 1.
        rows: Models it was taken from.
    """

    threads: int
    speedup: float
    spread: float
    rows: int


@dataclass(frozen=True, slots=True)
class FitQuality:
    """How well the parameters reproduce published rows, as relative errors (0.1 is 10%).

    Attributes:
        rows: Rows fitted.
        fit_median: Median error on the rows themselves.
        fit_max: Largest error on the rows themselves.
        loo_median: Median error on a model that the fit did not see, on this or any other device.
        loo_max: Largest such error.
        loo_p90: 90th percentile of max(estimate/truth, truth/estimate) - 1 over the left-out models.
    """

    rows: int
    fit_median: float
    fit_max: float
    loo_median: float
    loo_max: float
    loo_p90: float


@dataclass(frozen=True, slots=True)
class Source:
    """One published row the fit used.

    Attributes:
        source: Citation of the measurement.
        runtime: Inference library that was measured.
        model: Network, as the source names it.
        threads: Threads of the measurement.
        milliseconds: Published time of one inference.
    """

    source: str
    runtime: str
    model: str
    threads: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class CostParameters:
    """Cost model of one dtype on one unit (CPU cluster or GPU).

    Attributes:
        calibration: One of `CALIBRATIONS`.
        runtime: Runtime whose kernels the rates describe.
        base_threads: Thread count the rates hold for.
        families: Rate of every operator family.
        bandwidth: Bytes a second.
        overhead_seconds: Fixed cost of one operator.
        overhead_log_sd: Standard deviation of its natural logarithm.
        band: Factor of the error band, above 1: the truth lies within seconds/band and seconds*band nine times in ten.
        quality: Fit and leave-one-out errors; None unless fitted.
        scaling: Known thread counts besides the base.
        sources: Rows used; empty unless fitted.
        note: What to know about these numbers.
    """

    calibration: str
    runtime: str
    base_threads: int
    families: Mapping[str, Rate]
    bandwidth: Rate
    overhead_seconds: float
    overhead_log_sd: float
    band: float
    quality: FitQuality | None
    scaling: tuple[ThreadScaling, ...]
    sources: tuple[Source, ...]
    note: str

    def speedup(self, threads: int) -> tuple[float, float]:
        """Speed-up and its spread at `threads`; (1, 1) at the base count.

        Raises:
            EdgekitError: Nothing is known about this thread count.
        """
        if threads == self.base_threads:
            return 1.0, 1.0
        for entry in self.scaling:
            if entry.threads == threads:
                return entry.speedup, entry.spread
        known = sorted({self.base_threads, *(entry.threads for entry in self.scaling)})
        raise EdgekitError(
            f"Device profile: no measurement for {threads} threads. "
            f"Use {' or '.join(map(str, known))}, or measure the device with `edgekit profile`."
        )


@dataclass(frozen=True, slots=True)
class GpuProfile:
    """The GPU of a device.

    Attributes:
        name: GPU name as the driver gives it.
        api: API of the measured runtime.
        dtypes: Parameters by dtype.
    """

    name: str
    api: str
    dtypes: Mapping[str, CostParameters]


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """One device: a CPU cluster of a board or phone, and its GPU where rows exist.

    Attributes:
        name: File name without `.json`; what `--device` takes.
        title: Name for people.
        soc: System on chip.
        core: Core that is modelled, with its clock.
        cores: Cores of that kind.
        isa: Instruction-set features, by the names of the micro-kernel rows.
        ram_bytes: Memory of the board as sold (of the smallest variant where there are several).
        arena_limit_bytes: Memory a model may use by default.
        calibrated: Whether any parameter was fitted to a measurement of this device.
        dtypes: CPU parameters by dtype.
        gpu: GPU parameters, or None.
        notes: What to know about this device.
    """

    name: str
    title: str
    soc: str
    core: str
    cores: int
    isa: tuple[str, ...]
    ram_bytes: int
    arena_limit_bytes: int
    calibrated: bool
    dtypes: Mapping[str, CostParameters]
    gpu: GpuProfile | None
    notes: tuple[str, ...]

    def parameters(self, dtype: str, unit: str = "cpu") -> CostParameters:
        """Parameters for a dtype on a unit.

        Raises:
            EdgekitError: The device has no such unit, or its profile no such dtype.
        """
        if unit not in UNITS:
            raise EdgekitError(f"Device {self.name!r}: unknown unit {unit!r}. Use {' or '.join(UNITS)}.")
        if unit == "gpu" and self.gpu is None:
            raise EdgekitError(f"Device {self.name!r}: its profile has no GPU measurements. Simulate on the CPU.")
        table = self.dtypes if unit == "cpu" or self.gpu is None else self.gpu.dtypes
        key = canonical_dtype(dtype)
        if key not in table:
            raise EdgekitError(
                f"Device {self.name!r} ({unit}): no cost parameters for {dtype}. "
                f"Its profile covers {', '.join(sorted(table))}; simulate in one of these."
            )
        return table[key]


def canonical_dtype(dtype: str) -> str:
    """The profile's name of a compute dtype: `i8` and `u8` are `int8`, `float32` is `f32`."""
    return _ALIASES.get(dtype, dtype)


def list_devices() -> tuple[str, ...]:
    """Names of the shipped profiles, sorted."""
    folder = resources.files("edgekit.simulate") / "devices"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".json")))


def load_profile(device: str | Path) -> DeviceProfile:
    """Load a shipped profile by name, or any profile by the path of its JSON file.

    Args:
        device: A name of `list_devices()`, or a path that ends in `.json`.

    Raises:
        EdgekitError: No such device or file.
        FormatError: The file is not a valid profile.
    """
    name = str(device)
    if name.endswith(".json"):
        path = Path(name)
        if not path.is_file():
            raise EdgekitError(f"Device profile {name!r}: no such file. Check the path, or pass a name: see `edgekit devices`.")
        return parse_profile(path.read_text(encoding="utf-8"), where=name)
    known = list_devices()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise EdgekitError(f"Device {name!r} is not known. {hint}`edgekit devices` lists all; a path to a .json works too.")
    text = (resources.files("edgekit.simulate") / "devices" / f"{name}.json").read_text(encoding="utf-8")
    return parse_profile(text, where=f"{name}.json")


def parse_profile(text: str, where: str = "profile") -> DeviceProfile:
    """Parse and validate the JSON form.

    Raises:
        FormatError: The text is not JSON, or a field is missing or has a wrong type or value.
    """
    from edgekit.simulate.profile_json import profile_from_json

    try:
        data: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise FormatError(
            f"Device profile {where}: not JSON at line {error.lineno}, column {error.colno} ({error.msg}). "
            "Repair the file, or fit the profile again."
        ) from error
    return profile_from_json(data, where)


def dump_profile(profile: DeviceProfile) -> str:
    """The JSON form: deterministic, ends with a newline."""
    from edgekit.simulate.profile_json import profile_to_json

    return json.dumps(profile_to_json(profile), indent=1, ensure_ascii=False) + "\n"
