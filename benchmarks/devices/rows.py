"""Reading the published rows: which column value means which network and dtype, and which rows are dropped."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Left out on purpose: the SSD and detection heads with their own post-processing (squeezenet_ssd, nanodet, yolo-fastest
# ...), whose box decoding takes a time no layer table shows, and networks whose layers are not written down here.
_NETWORKS = {
    "ncnn": {
        "squeezenet": "squeezenet_1_1",
        "mobilenet": "mobilenet_v1",
        "mobilenet_v2": "mobilenet_v2",
        "shufflenet": "shufflenet_v1",
        "shufflenet_v2": "shufflenet_v2",
        "mnasnet": "mnasnet",
        "proxylessnasnet": "proxylessnas",
        "googlenet": "googlenet",
        "resnet18": "resnet18",
        "alexnet": "alexnet",
        "vgg16": "vgg16",
        "regnety_400m": "regnety_400m",
        "blazeface": "blazeface",
        "efficientnetv2_b0": "efficientnetv2_b0",
        "mobilenet_yolo": "mobilenet_yolo",
        "yolov4-tiny": "yolov4_tiny",
    },
    "Paddle-Lite 2.11 armv8": {
        "MobileNetV1": "mobilenet_v1",
        "MobileNetV2": "mobilenet_v2",
        "MobileNetV3_large_x1_0": "mobilenet_v3_large",
        "MobileNetV3_small_x1_0": "mobilenet_v3_small",
        "ResNet50": "resnet50",
    },
}
_NETWORKS["Paddle-Lite 2.11"] = _NETWORKS["Paddle-Lite 2.11 armv8"]


@dataclass(frozen=True)
class Row:
    """One published measurement, as the CSV has it."""

    device: str
    core: str
    runtime: str
    model: str
    precision: str
    threads: str
    powersave: str
    milliseconds: float
    gpu: str
    source: str

    @property
    def network(self) -> str | None:
        """Name of the layer table, None where the architecture is not written down."""
        table = _NETWORKS.get(self.runtime, {})
        return table.get(self.model.removesuffix("_int8") if self.precision == "int8" else self.model)


@dataclass(frozen=True)
class Selection:
    """Which rows describe a device.

    Attributes:
        device: Beginning of the `device` column.
        runtime: Value of the `runtime` column.
        threads: Value of the `threads` column.
        powersave: ncnn's core choice: 0 all cores, 1 little, 2 big; empty where the source has none.
        core: Value of the `core` column, where a source splits clusters that way.
    """

    device: str
    runtime: str = "ncnn"
    threads: int = 1
    powersave: str = "0"
    core: str = ""


def read_rows(path: Path) -> list[Row]:
    """Read the CSV (columns device, core, runtime, model, precision, threads, powersave, ms, gpu, source, ...)."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Row(
                device=line["device"],
                core=line["core"],
                runtime=line["runtime"],
                model=line["model"],
                precision=line["precision"],
                threads=line["threads"],
                powersave=line["powersave"],
                milliseconds=float(line["ms"]),
                gpu=line["gpu"],
                source=line["source"],
            )
            for line in csv.DictReader(file)
            if line["ms"]
        ]


def select(rows: Sequence[Row], selection: Selection, precision: str) -> list[Row]:
    """Rows of known networks that match, one a network.

    Of duplicates the fastest counts: a slower repeat of one run tells of throttling.
    """
    best: dict[str, Row] = {}
    for row in rows:
        network = row.network
        if (
            network is None
            or not row.device.startswith(selection.device)
            or row.runtime != selection.runtime
            or row.threads != str(selection.threads)
            or row.powersave != selection.powersave
            or (selection.core and row.core != selection.core)
            or not row.precision.startswith(precision)
        ):
            continue
        if network not in best or row.milliseconds < best[network].milliseconds:
            best[network] = row
    return [best[name] for name in sorted(best)]
