"""The shipped device profiles and the JSON form."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from edgekit.errors import EdgekitError, FormatError
from edgekit.simulate.profile import dump_profile, list_devices, load_profile, parse_profile


def _text(device: str) -> str:
    return (resources.files("edgekit.simulate") / "devices" / f"{device}.json").read_text(encoding="utf-8")


def test_there_are_enough_devices() -> None:
    profiles = [load_profile(device) for device in list_devices()]
    assert sum(profile.calibrated for profile in profiles) >= 10
    assert sum(not profile.calibrated for profile in profiles) >= 1
    assert sum(profile.gpu is not None for profile in profiles) >= 3


@pytest.mark.parametrize("device", list_devices())
def test_shipped_profile(device: str) -> None:
    profile = load_profile(device)
    assert profile.name == device
    assert {"f32", "int8"} <= set(profile.dtypes)
    assert "neon" in profile.isa
    assert profile.arena_limit_bytes <= profile.ram_bytes // 2
    tables = [profile.dtypes] + ([profile.gpu.dtypes] if profile.gpu else [])
    fitted = [entry for table in tables for entry in table.values() if entry.calibration == "fitted"]
    assert bool(fitted) == profile.calibrated
    for entry in fitted:
        assert entry.quality is not None
        assert entry.quality.rows == len(entry.sources) >= 3
        assert 0 < entry.quality.loo_median <= entry.quality.loo_max
        assert entry.quality.fit_median <= entry.quality.fit_max
        assert all(source.milliseconds > 0 and source.source for source in entry.sources)
        assert entry.band >= 1 + entry.quality.loo_p90 - 1e-3


@pytest.mark.parametrize("device", list_devices())
def test_round_trip_keeps_every_byte(device: str) -> None:
    assert dump_profile(load_profile(device)) == _text(device)


def test_half_precision_rows_are_told_apart() -> None:
    """ncnn's default precision is fp16 on the A76 and fp32 on the A72."""
    new, old = load_profile("raspberry-pi-5"), load_profile("raspberry-pi-4b")
    assert (new.dtypes["f16"].calibration, new.dtypes["f32"].calibration) == ("fitted", "derived")
    assert (old.dtypes["f16"].calibration, old.dtypes["f32"].calibration) == ("derived", "fitted")
    assert any("fp16 on this core" in note for note in new.notes)
    assert any("fp32 on this core" in note for note in old.notes)


def test_every_device_has_a_row_in_the_page() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "devices.md"
    text = page.read_text(encoding="utf-8")
    assert all(f"| `{device}` |" in text for device in list_devices())


def test_load_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(_text("raspberry-pi-4b"), encoding="utf-8")
    assert load_profile(path) == load_profile("raspberry-pi-4b")
    with pytest.raises(EdgekitError, match=r"none\.json': no such file"):
        load_profile(tmp_path / "none.json")


def test_unknown_device_suggests() -> None:
    with pytest.raises(EdgekitError, match="Did you mean raspberry-pi-5"):
        load_profile("raspbery-pi-5")


def _edit(path: str, value: Any) -> str:
    data = json.loads(_text("raspberry-pi-4b"))
    *parents, last = path.split(".")
    node = data
    for key in parents:
        node = node[key]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("schema", 2, "schema is 2, this version reads 1"),
        ("soc", None, "soc is missing"),
        ("cores", 0, "cores must be an integer of 1 or more, got 0"),
        ("ram_bytes", 1.5, "ram_bytes must be an integer"),
        ("title", 3, "title must be a string"),
        ("calibrated", "yes", "calibrated must be true or false"),
        ("calibrated", False, "calibrated is false, but some parameters are fitted"),
        ("arena_limit_bytes", 1 << 60, "arena_limit_bytes is larger than ram_bytes"),
        ("colour", "red", "unknown field.*colour"),
        ("isa", "neon", "isa must be a list"),
        ("dtypes", {}, "dtypes is empty"),
        ("dtypes.f64", {}, "dtypes has unknown field.*f64"),
        ("dtypes.f32.band", 1.0, r"dtypes\.f32\.band must be above 1"),
        ("dtypes.f32.calibration", "guessed", r"dtypes\.f32\.calibration is 'guessed'"),
        ("dtypes.f32.sources", [], r"dtypes\.f32\.sources is empty although the parameters are fitted"),
        ("dtypes.f32.families.dense.units_per_second", 0, r"families\.dense\.units_per_second must be above 0"),
        ("dtypes.f32.families.grouped", None, r"dtypes\.f32\.families\.grouped is missing"),
        ("dtypes.f32.overhead_seconds", float("nan"), "overhead_seconds must be a finite number"),
    ],
)
def test_a_wrong_field_is_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse_profile(_edit(path, value), where="mine.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null"])
def test_not_a_profile(text: str) -> None:
    with pytest.raises(FormatError, match=r"Device profile mine\.json"):
        parse_profile(text, where="mine.json")
