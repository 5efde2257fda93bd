"""``python -m benchmarks.arm MODEL.ekm ...``: executed aarch64 instructions, in all and per multiply-accumulate.

Counts are exact and repeat to the last digit; they are instructions, never a latency. Needs gcc, the aarch64 cross compiler and
qemu-user 7.2 (Debian 12: ``gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user``).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from edgekit.format import read_model
from edgekit.ir.macs import graph_macs

ROOT = Path(__file__).resolve().parents[2]
SYSROOT = "/usr/aarch64-linux-gnu"


def build_tools() -> tuple[Path, Path]:
    """The counting plugin and a static aarch64 ``edgekit-bench``."""
    folder = ROOT / "build-arm-count"
    folder.mkdir(exist_ok=True)
    plugin = folder / "libcount.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", plugin, Path(__file__).with_name("count_instructions.c")], check=True)
    toolchain = ROOT / "runtime_c/cmake/aarch64-linux-gnu.cmake"
    options = ["-DEK_STATIC_TOOLS=ON", "-DCMAKE_BUILD_TYPE=Release"]
    subprocess.run(["cmake", "-S", ROOT, "-B", folder, "--toolchain", toolchain, *options], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", folder, "--target", "edgekit-bench"], check=True, stdout=subprocess.DEVNULL)
    return plugin, folder / "edgekit-bench"


def count(model: Path, core: str, plugin: Path, program: Path) -> int:
    """Executed instructions of one inference of ``model`` on an emulated core."""
    with tempfile.NamedTemporaryFile() as out:
        qemu = ["qemu-aarch64", "-cpu", core, "-plugin", f"{plugin},out={out.name}", "-L", SYSROOT]
        command = [*qemu, str(program), str(model), "--count-marks"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={})
        return int(Path(out.name).read_text())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arm", description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, help=".ekm files")
    cores = "qemu core: cortex-a72 (NEON), cortex-a76 (dot product), max,sve=off,sme=off (i8mm)"
    parser.add_argument("--cpu", default="cortex-a76", help=cores)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--limit", type=float, help="fail when a model executes more instructions per multiply-accumulate than this")
    args = parser.parse_args()
    plugin, program = build_tools()
    rows = []
    for model in args.models:
        macs = graph_macs(read_model(model))
        executed = count(model, args.cpu, plugin, program)
        per_mac = executed / macs if macs else None
        rows.append({"model": str(model), "cpu": args.cpu, "instructions": executed, "macs": macs, "per_mac": per_mac})
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        for r in rows:
            print(f"{r['model']}: {r['instructions']:,} instructions, {r['macs']:,} MACs, {r['per_mac']:.3f} a MAC ({args.cpu})")
    over = [r for r in rows if args.limit is not None and r["per_mac"] is not None and r["per_mac"] > args.limit]
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
