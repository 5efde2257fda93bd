"""List the simulated devices and those of this machine.

Examples:
  edgekit devices
  edgekit devices --json
"""

from __future__ import annotations

import click

from edgekit.cli import options as o
from edgekit.cli.command import Command
from edgekit.cli.console import print_json, print_table, size
from edgekit.errors import EdgekitError


def _here() -> list[dict[str, str]]:
    from edgekit.runtime import cpu_features, devices

    try:
        found = [{"backend": "cpu", "name": "this machine", "driver": " ".join(cpu_features())}]
    except EdgekitError as e:
        return [{"backend": "cpu", "name": "not available", "driver": str(e)}]
    try:
        gpus = [{"backend": "opencl", "name": name, "driver": driver} for _, name, driver in devices("opencl")]
        return found + (gpus or [{"backend": "opencl", "name": "none", "driver": "no OpenCL device was found"}])
    except EdgekitError as e:
        return [*found, {"backend": "opencl", "name": "not available", "driver": str(e)}]


@click.command("devices", cls=Command, help=__doc__)
@o.json
def command(json: bool) -> None:
    from edgekit.simulate import list_devices, load_profile

    profiles = [load_profile(name) for name in list_devices()]
    here = _here()
    if json:
        print_json({"here": here, "profiles": [
            {"name": p.name, "title": p.title, "soc": p.soc, "core": p.core, "calibrated": p.calibrated, "dtypes": sorted(p.dtypes),
             "gpu": p.gpu.name if p.gpu else None, "memory_limit_bytes": p.arena_limit_bytes} for p in profiles]})  # fmt: skip
        return
    print_table("this machine", ["back end", "device", "features / driver"], [[d["backend"], d["name"], d["driver"]] for d in here])
    rows = []
    for p in profiles:
        loo = [f"{k} {v.quality.loo_median:.0%}" for k, v in sorted(p.dtypes.items()) if v.quality]
        rows.append([p.name, p.core, size(p.arena_limit_bytes), ", ".join(loo) or ("derived" if p.calibrated else "not calibrated")])
    print_table("simulated devices", ["name", "core", "memory for a model", "leave-one-out error"], rows)
