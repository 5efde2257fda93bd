"""TensorFlow Lite Micro's signal operators that keep part of a stream, run after run on the C runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from tests.converters.tflite.test_signal import randoms, session_of


def test_delay(tmp_path: Path) -> None:
    s = session_of(tmp_path, "SignalDelay", [np.zeros((2, 4), np.int16)], [((2, 4), "int16")], {"delay_length": 6})
    x = randoms(-9, 9, (2, 20), "int16")
    got = np.concatenate([s.run({"x0": x[:, i : i + 4]})["y0"] for i in range(0, 20, 4)], 1)
    assert got.tolist() == np.concatenate([np.zeros((2, 6), np.int16), x], 1)[:, :20].tolist()


@pytest.mark.parametrize(("size", "step", "prefill"), [(5, 2, True), (5, 2, False), (4, 2, False), (6, 3, True), (2, 2, False)])
def test_framer(tmp_path: Path, size: int, step: int, prefill: bool) -> None:
    n = 2 * step
    options = {"frame_size": size, "frame_step": step, "prefill": prefill}
    s = session_of(tmp_path, "SignalFramer", [np.zeros((2, n), np.int16)], [((2, 2, size), "int16"), ((), "bool")], options)
    x = randoms(-99, 99, (2, 6 * n), "int16")
    for _ in range(2):
        queue: list[list[int]] = [[0] * (size - step) if prefill else [] for _ in range(2)]
        for i in range(0, 6 * n, n):
            got = s.run({"x0": x[:, i : i + n]})
            valid = True
            for row in range(2):
                for frame in range(2):
                    queue[row] += x[row, i + frame * step : i + (frame + 1) * step].tolist()
                    if len(queue[row]) >= size:
                        assert got["y0"][row, frame].tolist() == queue[row][:size]
                        del queue[row][:step]
                    else:
                        valid = False
            assert bool(got["y1"]) == valid
        s.reset()


@pytest.mark.parametrize(("left", "right", "step"), [(2, 1, 1), (1, 2, 3), (0, 2, 3), (3, 0, 2), (0, 0, 1)])
def test_stacker(tmp_path: Path, left: int, right: int, step: int) -> None:
    window = left + right + 1
    options = {"num_channels": 2, "stacker_left_context": left, "stacker_right_context": right, "stacker_step": step}
    s = session_of(tmp_path, "SignalStacker", [np.zeros(2, np.int16)], [((2 * window,), "int16"), ((), "bool")], options)
    for _ in range(2):
        queue: list[list[int]] = []
        for t in range(9):
            x = np.array([t + 1, -t], np.int16)
            got = s.run({"x0": x})
            queue += [x.tolist()] * (left + 1 if t == 0 else 1)
            assert bool(got["y1"]) == (len(queue) >= window)
            if len(queue) >= window:
                assert got["y0"].tolist() == [v for frame in queue[:window] for v in frame]
                del queue[:step]
        s.reset()


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("step", [2, 5])
def test_overlap_add(tmp_path: Path, dtype: str, step: int) -> None:
    s = session_of(tmp_path, "SignalOverlapAdd", [np.zeros((2, 3, 5), dtype)], [((2, 3 * step), dtype)], {"T": 7, "frame_step": step})
    buffer = np.zeros((2, 5), np.int64)
    for run in range(3):
        x = randoms(-30000, 30000, (2, 3, 5), "int16", run)
        got = s.run({"x0": x.astype(dtype)})["y0"]
        want: list[Array] = []
        for k in range(3):
            buffer = buffer + x[:, k]
            buffer = np.clip(buffer, -32768, 32767) if dtype == "int16" else buffer
            want.append(buffer[:, :step])
            buffer = np.concatenate([buffer[:, step:], np.zeros((2, step), np.int64)], 1)
        assert got.tolist() == np.concatenate(want, 1).tolist()


@pytest.mark.parametrize(
    ("op", "inputs", "outputs", "options"),
    [
        ("SignalDelay", [np.zeros(4, np.float32)], [((4,), "int16")], {"delay_length": 1}),
        ("SignalDelay", [np.zeros(4, np.int16)], [((4,), "int16")], {"delay_length": -1}),
        ("SignalFramer", [np.zeros(5, np.int16)], [((2, 4), "int16"), ((), "bool")], {"frame_size": 4, "frame_step": 2, "prefill": True}),
        ("SignalFramer", [np.zeros(4, np.int16)], [((2, 4), "int16"), ((), "bool")], {"frame_size": 0, "frame_step": 2, "prefill": True}),
        (
            "SignalStacker", [np.zeros(4, np.int16)], [((4,), "int16"), ((), "bool")],
            {"num_channels": 3, "stacker_left_context": 0, "stacker_right_context": 0, "stacker_step": 1},
        ),
        ("SignalOverlapAdd", [np.zeros((2, 4), np.float32)], [((2,), "float32")], {"frame_step": 9}),
    ],
)  # fmt: skip
def test_impossible_options_are_errors(tmp_path: Path, op: str, inputs: Any, outputs: Any, options: Any) -> None:
    with pytest.raises(MalformedModelError):
        session_of(tmp_path, op, inputs, outputs, options)
