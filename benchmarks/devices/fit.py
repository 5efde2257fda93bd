"""Fits every device profile: `python -m benchmarks.devices.fit --cpu CPU.csv --gpu GPU.csv`.

Writes `edgekit/simulate/devices/*.json` and `docs/reference/devices.md`. Same input, same bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.devices.assemble import assemble, generic_profile
from benchmarks.devices.catalogue import DEVICES
from benchmarks.devices.fitting import build_groups, fit_all
from benchmarks.devices.page import devices_page
from benchmarks.devices.rows import read_rows
from edgekit.simulate.profile import dump_profile, parse_profile

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Read the rows, fit, write the profiles and the page."""
    parser = argparse.ArgumentParser(description="Fit the device profiles to published latencies.")
    parser.add_argument("--cpu", type=Path, required=True, help="CSV of CPU rows")
    parser.add_argument("--gpu", type=Path, required=True, help="CSV of GPU rows")
    parser.add_argument("--root", type=Path, default=ROOT, help="repository to write into")
    options = parser.parse_args()
    cpu, gpu = read_rows(options.cpu), read_rows(options.gpu)
    profiles = assemble(DEVICES, cpu, fit_all(build_groups(DEVICES, cpu, gpu)))
    profiles = sorted([*profiles, generic_profile()], key=lambda profile: profile.name)
    folder = options.root / "edgekit" / "simulate" / "devices"
    folder.mkdir(parents=True, exist_ok=True)
    for profile in profiles:
        text = dump_profile(profile)
        parse_profile(text, where=profile.name)
        (folder / f"{profile.name}.json").write_text(text, encoding="utf-8")
    page = options.root / "docs" / "reference" / "devices.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(devices_page(profiles), encoding="utf-8")
    print(f"{len(profiles)} profiles written to {folder}, page {page}")


if __name__ == "__main__":
    main()
