"""Measure a device profile on this machine.

Times small convolutions and matrix products of many shapes and fits the simulator's parameters to them. Takes a minute or two.

Examples:
  edgekit profile -o mine.json
  edgekit simulate model.ekm --device mine.json
"""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli import options as o
from edgekit.cli.command import Command
from edgekit.cli.console import print_json, progress_bar


@click.command("profile", cls=Command, help=__doc__)
@click.option("--output", "-o", type=o.PATH, required=True, help="The profile to write (.json).")
@click.option("--name", default="this-machine", help="Name of the device.")
@o.threads
@o.json
def command(output: Path, name: str, threads: int, json: bool) -> None:
    from edgekit.files import write_text
    from edgekit.simulate.measure import measure_profile
    from edgekit.simulate.profile import dump_profile

    with progress_bar(quiet=json) as tell:
        profile = measure_profile(
            name, threads=threads, progress=None if tell is None else lambda done, total: tell("measure", done, total)
        )
    write_text(output, dump_profile(profile))
    if json:
        print_json({"path": output, "name": name, "quality": {k: v.quality for k, v in profile.dtypes.items()}})
        return
    for dtype, p in profile.dtypes.items():
        assert p.quality is not None
        rates = ", ".join(f"{f} {r.units_per_second / 1e9:.2f}" for f, r in p.families.items() if f != "winograd")
        click.echo(f"{dtype}: {rates} G units/s; leave-one-out error {p.quality.loo_median:.0%}")
    click.echo(f"wrote {output}; use it with: edgekit simulate MODEL --device {output}")
