"""How long converting ResNet50 takes, and how much memory: each converter in a process of its own.

The network (random weights, convolutions and batch normalizations apart, as frameworks save it) is written as ONNX by this module and,
where a Python with TensorFlow is named, as SavedModel. Wall time and peak memory are of the whole process, the smallest of several runs.

    python -m benchmarks.conversion --tensorflow ../venv-tf/bin/python --openvino ../venv-ov/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))  # width and number of the blocks: He et al., Deep Residual Learning, 2015, table 1
CLASSES = 1000

#: run in a Python that has TensorFlow: argument 1 is the folder to write
MAKE_SAVED_MODEL = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import keras
keras.utils.set_random_seed(0)
keras.applications.ResNet50(weights=None).export(sys.argv[1], verbose=False)
"""
#: arguments: the SavedModel, the file to write
RUN_TFLITE_CONVERTER = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import tensorflow as tf
open(sys.argv[2], "wb").write(tf.lite.TFLiteConverter.from_saved_model(sys.argv[1]).convert())
"""
RUN_OVC = """
import sys
import openvino
openvino.save_model(openvino.convert_model(sys.argv[1]), sys.argv[2], compress_to_fp16=False)
"""


@dataclass(frozen=True)
class Measurement:
    """One converter on one file.

    Attributes:
        converter, source: what ran on what.
        seconds: wall time of the whole process, the best of the runs.
        cpu_seconds: its processor time, which other processes on the machine disturb less.
        peak_mib: its largest resident set, the smallest of the runs.
        input_mib, output_mib: sizes of the files.
    """

    converter: str
    source: str
    seconds: float
    cpu_seconds: float
    peak_mib: float
    input_mib: float
    output_mib: float


def resnet50_onnx(path: Path, seed: int = 0) -> Path:
    """Write ResNet50 (v1.5: the stride is in the 3x3 convolutions) with random weights."""
    from onnx import TensorProto, helper, numpy_helper

    r = np.random.default_rng(seed)
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, array: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name

    def add(op: str, inputs: list[str], name: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, inputs, [f"{name}_out"], name=name, **attributes))
        return f"{name}_out"

    def conv(x: str, cin: int, cout: int, kernel: int, stride: int, name: str) -> str:
        scale = np.sqrt(2 / (cin * kernel * kernel))
        w = constant(f"{name}_w", r.standard_normal((cout, cin, kernel, kernel), np.float32) * scale)
        pad = kernel // 2
        y = add("Conv", [x, w], name, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)
        statistics = [r.uniform(0.5, 1.5, cout), r.normal(0, 0.1, cout), r.normal(0, 0.1, cout), r.uniform(0.5, 1.5, cout)]
        return add("BatchNormalization", [y, *(constant(f"{name}_bn{k}", s) for k, s in enumerate(statistics))], f"{name}_bn")

    x = add("Relu", [conv("image", 3, 64, 7, 2, "stem")], "stem_relu")
    x = add("MaxPool", [x], "stem_pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    cin = 64
    for stage, (width, count) in enumerate(STAGES):
        for block in range(count):
            stride, name = 2 if block == 0 and stage else 1, f"stage{stage}_{block}"
            y = add("Relu", [conv(x, cin, width, 1, 1, f"{name}_a")], f"{name}_a_relu")
            y = add("Relu", [conv(y, width, width, 3, stride, f"{name}_b")], f"{name}_b_relu")
            y = conv(y, width, 4 * width, 1, 1, f"{name}_c")
            shortcut = conv(x, cin, 4 * width, 1, stride, f"{name}_s") if block == 0 else x
            x, cin = add("Relu", [add("Add", [y, shortcut], f"{name}_add")], f"{name}_relu"), 4 * width
    x = add("Flatten", [add("GlobalAveragePool", [x], "pool")], "flat")
    w = constant("fc_w", r.standard_normal((CLASSES, cin), np.float32) * 0.02)
    nodes.append(helper.make_node("Gemm", [x, w, constant("fc_b", np.zeros(CLASSES))], ["logits"], name="fc", transB=1))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, CLASSES])
    graph = helper.make_graph(nodes, "resnet50", [image], [logits], constants)
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())
    return path


def measure(converter: str, command: list[str], source: Path, output: Path, runs: int) -> Measurement:
    """Run a converter several times.

    Raises:
        SystemExit: it failed.
    """
    seconds, cpu, peaks = [], [], []
    for _ in range(runs):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        with process.stderr:
            errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds.append(time.perf_counter() - start)
        cpu.append(usage.ru_utime + usage.ru_stime)
        peaks.append(usage.ru_maxrss / 1024)
        if process.returncode:
            raise SystemExit(f"{converter} failed:\n{errors[-2000:]}")
    return Measurement(converter, source.name, min(seconds), min(cpu), min(peaks), _mib(source), _mib(output))


def _mib(path: Path) -> float:
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    return sum(p.stat().st_size for p in files) / (1 << 20)


def measurements(folder: Path, tensorflow: str | None, openvino: str | None, runs: int) -> Iterator[Measurement]:
    """Every converter that is there on every source that can be made."""
    edgekit = [sys.executable, "-m", "edgekit", "convert"]
    sources = [folder / "resnet50.onnx"]
    # in a process of its own: a child's peak memory begins with that of its parent
    subprocess.run([sys.executable, "-m", "benchmarks.conversion", "--make", str(sources[0])], check=True)
    if tensorflow is not None:
        sources.append(folder / "resnet50_saved_model")
        subprocess.run([tensorflow, "-c", MAKE_SAVED_MODEL, str(sources[-1])], check=True, stdout=subprocess.DEVNULL)
    for source in sources:
        target = folder / f"{source.stem}.ekm"
        yield measure("edgekit", [*edgekit, str(source), "-o", str(target)], source, target, runs)
    if tensorflow is not None:
        target = folder / "resnet50.tflite"
        yield measure("TFLiteConverter", [tensorflow, "-c", RUN_TFLITE_CONVERTER, str(sources[1]), str(target)], sources[1], target, runs)
    if openvino is not None:
        target = folder / "resnet50.xml"
        for source in sources:
            yield measure("OpenVINO", [openvino, "-c", RUN_OVC, str(source), str(target)], source, target.with_suffix(".bin"), runs)


def main() -> None:
    """Print a table, or JSON lines."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conversion", description="Time and memory of converting ResNet50.")
    parser.add_argument("--tensorflow", metavar="PYTHON", help="a Python with tensorflow: SavedModel too, TFLiteConverter as a peer")
    parser.add_argument("--openvino", metavar="PYTHON", help="a Python with openvino")
    parser.add_argument("--runs", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--make", type=Path, metavar="FILE", help="write the ONNX file, and no more")
    args = parser.parse_args()
    if args.make is not None:
        resnet50_onnx(args.make)
        return
    with tempfile.TemporaryDirectory() as folder:
        if not args.json:
            print(f"{'converter':16} {'source':24} {'seconds':>8} {'cpu s':>6} {'peak MiB':>9} {'in MiB':>7} {'out MiB':>8}")
        for m in measurements(Path(folder), args.tensorflow, args.openvino, args.runs):
            numbers = f"{m.seconds:8.2f} {m.cpu_seconds:6.2f} {m.peak_mib:9.0f} {m.input_mib:7.0f} {m.output_mib:8.0f}"
            print(json.dumps(asdict(m)) if args.json else f"{m.converter:16} {m.source:24} {numbers}", flush=True)


if __name__ == "__main__":
    main()
