"""The demo: a digit classifier from ONNX to int8, on the CPU, on OpenCL where there is a device, and on two simulated devices.

``make demo`` runs it. It writes into ``demo-output/``: the calibration images, both models and the HTML report. The exit code is 1 if
int8 is more than half a point less accurate than float, or if any integer run differs from another by a single bit.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import edgekit
from edgekit.format import read_model
from edgekit.report import VariantRecord
from edgekit.report.formatting import duration, percent, size
from edgekit.runtime import devices
from edgekit.simulate import run_simulated
from samples import digits_data

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "samples" / "models" / "digits.onnx"
SIMULATED = ("raspberry-pi-4b", "snapdragon-865")
ALLOWED_LOSS = 0.005

Run = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Row:
    """One line of the table: a model on a back end.

    Attributes:
        model, where: which model, and what ran it.
        nbytes, arena_bytes: file and peak activation memory.
        logits: answers for the held-out digits, float32 (500, 10).
        accuracy: share of right ones.
        seconds: of one digit.
        low, high: band of an estimate; equal to ``seconds`` for a measurement.
    """

    model: str
    where: str
    nbytes: int
    arena_bytes: int
    logits: np.ndarray
    accuracy: float
    seconds: float
    low: float
    high: float

    @property
    def latency(self) -> str:
        """As the table shows it; an estimate with its band."""
        if self.low == self.high:
            return duration(self.seconds)
        return f"~{duration(self.seconds)} ({duration(self.low)} to {duration(self.high)})"


def run_all(run: Run, images: np.ndarray, what: str, console: Console) -> tuple[np.ndarray, float]:
    """Every image on its own, as a phone would: the logits, and the median time of one in seconds."""
    run({"image": images[:1]})
    logits, times = [], []
    for i in track(range(len(images)), what, console=console, transient=True, disable=not console.is_terminal):
        start = time.perf_counter()
        logits.append(run({"image": images[i : i + 1]})["logits"][0])
        times.append(time.perf_counter() - start)
    return np.stack(logits), float(np.median(times))


def measured(
    model: edgekit.Conversion, name: str, backend: str, where: str, held_out: tuple[np.ndarray, np.ndarray], console: Console
) -> Row:
    """Run a model on this machine."""
    images, labels = held_out
    with edgekit.Session(model.path, backend=backend) as session:
        logits, seconds = run_all(session.run, images, f"{name} on {where}", console)
        peak = session.peak_memory_bytes
    return Row(name, where, model.nbytes, peak, logits, digits_data.accuracy(logits, labels), seconds, seconds, seconds)


def simulated(model: edgekit.Conversion, name: str, held_out: tuple[np.ndarray, np.ndarray], console: Console) -> list[Row]:
    """Compute what a device would answer, and estimate how long the devices would take."""
    images, labels = held_out
    graph = read_model(model.path)
    logits, _ = run_all(lambda feeds: run_simulated(graph, feeds), images, f"{name} in the simulator", console)
    accuracy = digits_data.accuracy(logits, labels)
    rows = []
    for device in SIMULATED:
        s = edgekit.simulate(graph, device)
        rows.append(Row(name, f"simulated {s.title}", model.nbytes, s.arena_bytes, logits, accuracy, s.seconds, s.low, s.high))
    return rows


def opencl_device(console: Console) -> str | None:
    """The name of the first OpenCL device; None, with the reason printed, where there is none."""
    try:
        found = devices("opencl")
    except edgekit.errors.RuntimeLibraryError as e:
        console.print(f"OpenCL is skipped: {e}", markup=False)
        return None
    if not found:
        console.print("OpenCL is skipped: this machine has no OpenCL device (on a desktop, PoCL makes the CPU one)")
        return None
    return found[0][1]


def show(rows: Sequence[Row], console: Console) -> None:
    """The one table."""
    table = Table(title=f"{MODEL.name}, {digits_data.HELD_OUT_COUNT} held-out digits", title_justify="left")
    for column in ("model", "runs on", "size", "accuracy", "peak memory", "latency of one digit"):
        table.add_column(column, justify="right" if column in ("size", "accuracy", "peak memory") else "left")
    for r in rows:
        table.add_row(r.model, r.where, size(r.nbytes), percent(r.accuracy), size(r.arena_bytes), r.latency)
    console.print(table)


def variants(models: Mapping[str, edgekit.Conversion], rows: Sequence[Row]) -> tuple[VariantRecord, ...]:
    """The same figures for the report's summary."""
    out = []
    for name, model in models.items():
        mine = [r for r in rows if r.model == name]
        times = tuple((r.where, r.seconds) for r in mine)
        out.append(VariantRecord(name, model.nbytes, mine[0].arena_bytes, mine[0].accuracy, times))
    return tuple(out)


def problems(rows: Sequence[Row]) -> list[str]:
    """What is wrong; empty when all is well."""
    found = []
    first = {name: next(r for r in rows if r.model == name) for name in ("float32", "int8")}
    loss = first["float32"].accuracy - first["int8"].accuracy
    if loss > ALLOWED_LOSS + 1e-9:
        found.append(f"int8 is {100 * loss:.2f} points less accurate than float; at most {100 * ALLOWED_LOSS:.1f} are allowed")
    for r in rows:
        if r.model == "int8" and r.logits.tobytes() != first["int8"].logits.tobytes():
            found.append(f"int8 on {r.where} gives other bits than int8 on {first['int8'].where}")
    return found


def main(output: Path = ROOT / "demo-output") -> int:
    """Run the demo; 0 when everything holds."""
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=160)
    start = time.perf_counter()
    output.mkdir(parents=True, exist_ok=True)
    digits = digits_data.load()
    folder = output / "calibration"
    digits_data.write_calibration(folder, digits=digits)
    models = {
        "float32": edgekit.convert(MODEL, output / "digits.ekm"),
        "int8": edgekit.convert(MODEL, output / "digits-int8.ekm", quantize="int8", calibration=folder),
    }
    held_out = digits.held_out()
    device = opencl_device(console)
    rows: list[Row] = []
    for name, model in models.items():
        rows.append(measured(model, name, "cpu", "CPU, 1 thread", held_out, console))
        if device is not None:
            rows.append(measured(model, name, "opencl", f"OpenCL: {device}", held_out, console))
        rows += simulated(model, name, held_out, console)
    show(rows, console)
    settings = edgekit.ReportSettings(
        source=MODEL, data=folder, devices=SIMULATED, variants=variants(models, rows), log=tuple(models["int8"].log.lines())
    )
    page = edgekit.report(models["int8"].path, output / "report.html", settings)
    found = problems(rows)
    if not found:
        where = "on the CPU, on OpenCL and in the simulator" if device else "on the CPU and in the simulator"
        console.print(f"int8 gives the same bits {where}, and its accuracy holds.")
    for problem in found:
        console.print(f"error: {problem}", style="bold red", markup=False)
    console.print(f"report: {page}", markup=False, soft_wrap=True)
    console.print(f"{time.perf_counter() - start:.1f} s in all")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
