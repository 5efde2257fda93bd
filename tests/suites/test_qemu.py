"""Every operator case on 64-bit ARM, emulated: with NEON alone, with dot products, with int8 matrix products; one and two threads.

One emulated process runs all cases of a core and thread count (``edgekit-run --batch``).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgekit.types import Array
from tests.c.build import ROOT, build
from tests.cases import all_cases
from tests.cases.case import OpCase
from tests.require import require_program
from tests.suites.common import check, model_bytes, on_target

#: What each emulated core has: NEON; dot product and half precision; int8 matrix products as well.
CORES = {"cortex-a72": "neon", "cortex-a76": "neondot", "max,sve=off,sme=off": "neoni8mm"}
THREADS = (1, 2)
SYSROOT = "/usr/aarch64-linux-gnu"


class Emulator:
    """Runs all cases on an emulated core at the first question, and keeps the results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.qemu = require_program("qemu", "qemu-aarch64", "apt-get install qemu-user")
        require_program("qemu", "aarch64-linux-gnu-gcc", "apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross")
        build_folder = build("aarch64", "--toolchain", str(ROOT / "runtime_c/cmake/aarch64-linux-gnu.cmake"), targets=("edgekit-run",))
        self.program = build_folder / "edgekit-run"
        self.lines: dict[str, list[str]] = {}
        self.results: dict[tuple[str, int], dict[str, str]] = {}
        for i, case in enumerate(all_cases()):
            self._save(case, folder / str(i))

    def _save(self, case: OpCase, folder: Path) -> None:
        folder.mkdir()
        (folder / "model.ekm").write_bytes(model_bytes(case))
        fields = []
        for k, (name, a) in enumerate(case.feeds.items()):
            np.save(folder / f"in{k}.npy", np.asarray(a, order="C"))
            fields.append(f"{name}={folder}/in{k}.npy")
        self.lines[case.name] = [str(folder / "model.ekm"), *fields]

    def _run_all(self, core: str, threads: int) -> dict[str, str]:
        batch = self.folder / f"{core}-{threads}.txt"
        rows = []
        for name, (model, *fields) in self.lines.items():
            out = self._output_folder(name, core, threads)
            out.mkdir()
            rows.append("\t".join([model, str(out), *fields]))
        batch.write_text("\n".join(rows) + "\n")
        command = [self.qemu, "-cpu", core, "-L", SYSROOT, str(self.program), "--batch", str(batch), "--threads", str(threads)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False, env={**os.environ, "LC_ALL": "C"})
        answers = done.stdout.splitlines()
        if len(answers) < len(rows):
            answers += [f"the emulated process ended with {done.returncode} before this case: {done.stderr}"] * (len(rows) - len(answers))
        return dict(zip(self.lines, answers, strict=True))

    def _output_folder(self, name: str, core: str, threads: int) -> Path:
        return Path(self.lines[name][0]).parent / f"{core}-{threads}"

    def outputs(self, case: OpCase, core: str, threads: int) -> dict[str, Array]:
        """The case's outputs by name."""
        key = (core, threads)
        if key not in self.results:
            self.results[key] = self._run_all(core, threads)
        answer = self.results[key][case.name]
        assert answer == "ok", answer
        folder = self._output_folder(case.name, core, threads)
        return {name: np.load(folder / f"{name}.npy") for name in case.graph.output_names}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Emulator:
    return Emulator(tmp_path_factory.mktemp("qemu"))


@pytest.mark.parametrize("case", all_cases(), ids=lambda c: c.name)
def test_case(case: OpCase, emulator: Emulator) -> None:
    for core, isa in CORES.items():
        with on_target(isa):
            one, two = (emulator.outputs(case, core, threads) for threads in THREADS)
            check(case, one)
            for name in one:
                assert one[name].tobytes() == two[name].tobytes(), f"{name} depends on the number of threads"
