"""Reading and writing the JSON form of a device profile, with an error that names the field."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from edgekit.errors import FormatError
from edgekit.simulate.profile import (
    CALIBRATIONS,
    DTYPES,
    FAMILIES,
    SCHEMA,
    CostParameters,
    DeviceProfile,
    FitQuality,
    GpuProfile,
    Rate,
    Source,
    ThreadScaling,
)


class _Node:
    """A JSON value with the path that leads to it."""

    def __init__(self, value: Any, file: str, path: str) -> None:
        self.value, self.file, self.path = value, file, path

    def fail(self, why: str, fix: str) -> NoReturn:
        raise FormatError(f"Device profile {self.file}: {self.path or 'the file'} {why}. {fix}")

    def child(self, key: str) -> _Node:
        if not isinstance(self.value, dict):
            self.fail("must be an object", "See docs/reference/devices.md for the fields.")
        path = f"{self.path}.{key}" if self.path else key
        if key not in self.value:
            _Node(None, self.file, path).fail("is missing", "Add it, or fit the profile again.")
        return _Node(self.value[key], self.file, path)

    def only(self, *keys: str) -> None:
        unknown = sorted(set(self.items()) - set(keys))
        if unknown:
            self.fail(f"has unknown field(s) {', '.join(unknown)}", f"Known are {', '.join(keys)}.")

    def items(self) -> dict[str, _Node]:
        if not isinstance(self.value, dict):
            self.fail("must be an object", "See docs/reference/devices.md for the fields.")
        return {key: self.child(key) for key in self.value}

    def elements(self) -> list[_Node]:
        if not isinstance(self.value, list):
            self.fail("must be a list", "Write [] for none.")
        return [_Node(value, self.file, f"{self.path}[{index}]") for index, value in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.fail(f"must be a string, got {self.value!r}", "Quote it.")
        return self.value

    def integer(self, least: int = 1) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < least:
            self.fail(f"must be an integer of {least} or more, got {self.value!r}", "Correct the value.")
        return self.value

    def number(self, least: float = 0.0, *, above: bool = False) -> float:
        value = self.value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            self.fail(f"must be a finite number, got {value!r}", "Correct the value.")
        if value < least or (above and value == least):
            self.fail(f"must be {'above' if above else 'at least'} {least:g}, got {value!r}", "Correct the value.")
        return float(value)

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            self.fail(f"must be true or false, got {self.value!r}", "Correct the value.")
        return self.value


def profile_from_json(data: Any, file: str) -> DeviceProfile:
    """Build a profile from decoded JSON.

    Raises:
        FormatError: A field is missing, unknown, or has a wrong type or value.
    """
    root = _Node(data, file, "")
    root.only("schema", *(field.name for field in dataclasses.fields(DeviceProfile)))
    schema = root.child("schema")
    if schema.value != SCHEMA:
        schema.fail(f"is {schema.value!r}, this version reads {SCHEMA}", "Fit the profile again, or update EdgeKit.")
    gpu = root.child("gpu")
    profile = DeviceProfile(
        name=root.child("name").text(),
        title=root.child("title").text(),
        soc=root.child("soc").text(),
        core=root.child("core").text(),
        cores=root.child("cores").integer(),
        isa=tuple(node.text() for node in root.child("isa").elements()),
        ram_bytes=root.child("ram_bytes").integer(),
        arena_limit_bytes=root.child("arena_limit_bytes").integer(),
        calibrated=root.child("calibrated").boolean(),
        dtypes=_dtypes(root.child("dtypes")),
        gpu=None if gpu.value is None else _gpu(gpu),
        notes=tuple(node.text() for node in root.child("notes").elements()),
    )
    if profile.arena_limit_bytes > profile.ram_bytes:
        root.child("arena_limit_bytes").fail("is larger than ram_bytes", "Lower it.")
    tables = [profile.dtypes] if profile.gpu is None else [profile.dtypes, profile.gpu.dtypes]
    fitted = any(entry.calibration == "fitted" for table in tables for entry in table.values())
    if fitted != profile.calibrated:
        root.child("calibrated").fail(
            f"is {str(profile.calibrated).lower()}, but {'some' if fitted else 'no'} parameters are fitted",
            "Make the two agree.",
        )
    return profile


def profile_to_json(profile: DeviceProfile) -> dict[str, Any]:
    """The JSON form, in the order of the fields."""
    return {"schema": SCHEMA, **_plain(profile)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _gpu(node: _Node) -> GpuProfile:
    node.only("name", "api", "dtypes")
    return GpuProfile(node.child("name").text(), node.child("api").text(), _dtypes(node.child("dtypes")))


def _dtypes(node: _Node) -> dict[str, CostParameters]:
    node.only(*DTYPES)
    table = {key: _parameters(child) for key, child in node.items().items()}
    if not table:
        node.fail("is empty", f"Give parameters for at least one of {', '.join(DTYPES)}.")
    return table


def _parameters(node: _Node) -> CostParameters:
    node.only(*(field.name for field in dataclasses.fields(CostParameters)))
    calibration = node.child("calibration")
    if calibration.text() not in CALIBRATIONS:
        calibration.fail(f"is {calibration.value!r}", f"Use one of {', '.join(CALIBRATIONS)}.")
    families = node.child("families")
    families.only(*FAMILIES)
    quality = node.child("quality")
    sources = node.child("sources")
    if calibration.value == "fitted":
        if quality.value is None:
            quality.fail("is missing although the parameters are fitted", "Record the fit and leave-one-out errors.")
        if not sources.elements():
            sources.fail("is empty although the parameters are fitted", "Name every row that was used.")
    return CostParameters(
        calibration=calibration.text(),
        runtime=node.child("runtime").text(),
        base_threads=node.child("base_threads").integer(),
        families={family: _rate(families.child(family)) for family in FAMILIES},
        bandwidth=_rate(node.child("bandwidth")),
        overhead_seconds=node.child("overhead_seconds").number(),
        overhead_log_sd=node.child("overhead_log_sd").number(),
        band=node.child("band").number(1.0, above=True),
        quality=None if quality.value is None else _quality(quality),
        scaling=tuple(_scaling(item) for item in node.child("scaling").elements()),
        sources=tuple(_source(item) for item in sources.elements()),
        note=node.child("note").text(),
    )


def _rate(node: _Node) -> Rate:
    node.only("units_per_second", "log_sd")
    return Rate(node.child("units_per_second").number(above=True), node.child("log_sd").number())


def _quality(node: _Node) -> FitQuality:
    names = [field.name for field in dataclasses.fields(FitQuality)]
    node.only(*names)
    return FitQuality(node.child("rows").integer(), *(node.child(name).number() for name in names[1:]))


def _scaling(node: _Node) -> ThreadScaling:
    node.only("threads", "speedup", "spread", "rows")
    return ThreadScaling(
        threads=node.child("threads").integer(),
        speedup=node.child("speedup").number(above=True),
        spread=node.child("spread").number(1.0),
        rows=node.child("rows").integer(),
    )


def _source(node: _Node) -> Source:
    node.only("source", "runtime", "model", "threads", "milliseconds")
    return Source(
        source=node.child("source").text(),
        runtime=node.child("runtime").text(),
        model=node.child("model").text(),
        threads=node.child("threads").integer(),
        milliseconds=node.child("milliseconds").number(above=True),
    )
