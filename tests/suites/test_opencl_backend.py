"""The OpenCL back end as a whole: placement in mixed graphs, transfers, the program cache, devices that are missing or broken."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.format import write_bytes
from edgekit.ir import Graph, GraphBuilder
from edgekit.reference import ReferenceSession, run_graph
from edgekit.runtime import Session, devices
from edgekit.runtime.library import backend_handle, ffi, lib
from edgekit.types import F32, I8, Array, DType, QuantParams
from tests.c.build import clang, run
from tests.cases import all_cases
from tests.cases.case import OpCase, rng
from tests.require import require, require_program
from tests.suites.common import check, model_bytes
from tests.suites.opencl_target import cache_dir, require_opencl

ROOT = Path(__file__).resolve().parents[2]
KERNELS = ROOT / "runtime_c" / "src" / "backends" / "opencl" / "kernels"
OCLGRIND = [Path(os.environ.get("EDGEKIT_OCLGRIND", "/nowhere")), Path("/usr/lib/oclgrind/liboclgrind-rt.so")]
CONV = {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1), "layout": "NHWC"}


def _mixed_graph() -> Graph:
    """Nodes for the device and for the CPU by turns; values that both read, graph outputs from both."""
    r = rng("opencl mixed")
    b = GraphBuilder("mixed")
    x = b.input("x", F32, (1, 6, 5, 3))
    w = b.constant(r.standard_normal((8, 3, 3, 3), dtype=np.float32) * np.float32(0.2), "w")
    c = b.call("Conv", x, w, None, name="conv", **CONV)
    lrn = b.call("LRN", c, name="lrn", size=3, alpha=0.1, beta=0.75, bias=1.0, layout="NHWC")  # no kernel: reads a device's value
    joined = b.call("Concat", c, lrn, name="join", axis=3)  # reads both
    flat = b.call("Reshape", joined, b.constant(np.array([30, 16])), name="flat")
    s = b.call("Softmax", flat, name="softmax", axis=-1)
    best, where = b.call_multi("TopK", s, b.constant(np.array([2])), name="topk", axis=-1, largest=True, sorted=True)  # no kernel
    t = b.call("Transpose", best, name="transpose", perm=(1, 0))
    for value, name in ((s, "probabilities"), (t, "best"), (where, "where"), (lrn, "normalized")):
        b.output(value, name)
    return b.graph


def test_mixed_graph() -> None:
    """Values cross between device and CPU in both directions, and a second input leaves nothing of the first behind."""
    require_opencl()
    graph = _mixed_graph()
    with Session(write_bytes(graph), backend="opencl", cache_dir=cache_dir()) as session:
        placed = {n.name: n.backend for n in session.nodes}
        reasons = {n.name: n.fallback for n in session.nodes}
        for i in range(3):
            feeds = {"x": rng("opencl mixed", i).standard_normal((1, 6, 5, 3), dtype=np.float32)}
            want = run_graph(graph, feeds)
            got = session.run(feeds)
            for name in want:
                np.testing.assert_allclose(got[name], want[name], rtol=1e-4, atol=1e-6)
    assert [n for n, where in placed.items() if where == "cpu"] == ["lrn", "topk"]
    assert reasons["lrn"] == "opencl: there is no kernel for LRN"
    assert all(reasons[n] == "" for n, where in placed.items() if where == "opencl")


def _int8_graph() -> tuple[Graph, dict[str, Array]]:
    r = rng("opencl int8")
    b = GraphBuilder("int8")
    qx, qy, qs = QuantParams.per_tensor(0.03, -5), QuantParams.per_tensor(0.07, 11), QuantParams.per_tensor(1 / 256, -128)
    x = b.input("x", I8, (2, 7, 6, 5), qx)
    w = b.constant(r.integers(-127, 128, (9, 3, 3, 5)).astype(np.int8), "w", quant=QuantParams.per_channel(r.uniform(0.001, 0.01, 9), 0))
    bias = b.constant(r.integers(-2000, 2000, 9).astype(np.int32), "bias")
    (c,) = b.call_multi("Conv", x, w, bias, name="conv", out_types=None, **CONV)
    c.type = c.type.with_dtype(I8, qy)
    p = b.call("MaxPool", c, name="pool", kernel=(2, 2), strides=(2, 2), pads=(0, 0, 0, 0), dilations=(1, 1), layout="NHWC")
    p.type = p.type.with_dtype(I8, qy)
    s = b.call("Softmax", p, name="softmax", axis=-1)
    s.type = s.type.with_dtype(I8, qs)
    b.output(s, "s")
    b.output(c, "c")
    return b.graph, {"x": r.integers(-128, 128, (2, 7, 6, 5)).astype(np.int8)}


def test_int8_graph_has_the_bits_of_the_cpu() -> None:
    require_opencl()
    graph, feeds = _int8_graph()
    model = write_bytes(graph)
    with Session(model, backend="opencl", cache_dir=cache_dir(), profile=True) as device, Session(model) as cpu:
        got, want = device.run(feeds), cpu.run(feeds)
        assert {n.backend for n in device.nodes} == {"opencl"}
        assert all(n.run_count == 1 and n.total_ns > 0 and n.kernel for n in device.nodes)
        assert device.peak_memory_bytes == cpu.peak_memory_bytes
    reference = run_graph(graph, feeds)
    for name in want:
        assert got[name].tobytes() == want[name].tobytes() == reference[name].tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int64, np.bool_])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather_of_constant_indices(axis: int, dtype: type) -> None:
    """Channel shuffles: Gather is taken where its indices are known; of any shape, from both ends."""
    require_opencl()
    r = rng("gather", axis, dtype)
    x: Array = r.integers(0, 100, (3, 4, 5)).astype(dtype)
    b = GraphBuilder("gather")
    v = b.input("x", DType.from_numpy(x.dtype), x.shape)
    for i, shape in enumerate([(), (7,), (2, 3), (0,)]):
        n = x.shape[axis]
        b.output(b.call("Gather", v, b.constant(np.asarray(r.integers(-n, n, shape), np.int64)), name=f"g{i}", axis=axis), f"y{i}")
    with Session(write_bytes(b.graph), backend="opencl", cache_dir=cache_dir()) as session:
        got = session.run({"x": x})
        assert {n.backend for n in session.nodes} == {"opencl"}
    for name, want in run_graph(b.graph, {"x": x}).items():
        np.testing.assert_array_equal(got[name], want)


def _exact_cases() -> list[OpCase]:
    wanted = ("Div/", "Quantize/", "SquaredDifference/")
    return [c for c in all_cases() if c.name.startswith(wanted)]


@pytest.mark.parametrize("case", _exact_cases(), ids=lambda c: c.name)
def test_division_in_integers(case: OpCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices whose division is not correctly rounded divide in integers, with the same bits."""
    require_opencl()
    monkeypatch.setenv("EDGEKIT_OPENCL_EXACT_DIVIDE", "0")
    with Session(model_bytes(case), backend="opencl", cache_dir=cache_dir()) as session:
        check(case, session.run(case.feeds))


def test_division_in_integers_on_hard_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotients near ties, subnormal numbers, infinities, overflow: Quantize with scales from the whole range of float32."""
    require_opencl()
    monkeypatch.setenv("EDGEKIT_OPENCL_EXACT_DIVIDE", "0")
    r = rng("division")
    scales = np.concatenate([r.uniform(0.001, 3, 200), 2.0 ** r.uniform(-148, 127, 56)]).astype(np.float32)
    x = (scales * r.integers(-260, 261, (500, 256)) / 2).astype(np.float32)  # half of them are ties
    x = np.nextafter(x, np.where(r.integers(0, 2, x.shape) == 1, np.inf, -np.inf).astype(np.float32)) * (r.integers(0, 3, x.shape) != 0)
    x = x.astype(np.float32)
    x[0, :3] = [np.inf, -np.inf, np.nan]
    q = QuantParams.per_channel(scales, 1, [int(z) for z in r.integers(-128, 128, 256)])
    b = GraphBuilder("quantize")
    y = b.call("Quantize", b.input("x", F32, x.shape), name="q")
    y.type = y.type.with_dtype(I8, q)
    b.output(y, "y")
    with Session(write_bytes(b.graph), backend="opencl", cache_dir=cache_dir()) as session:
        got = session.run({"x": x})["y"]
        assert session.nodes[0].backend == "opencl"
    np.testing.assert_array_equal(got, run_graph(b.graph, {"x": x})["y"])


class _FailingAllocator:
    """An ``ek_allocator`` that refuses the ``fail_at``-th request and counts what is still held."""

    def __init__(self) -> None:
        self.fail_at = -1
        self.requests = 0
        self.held: dict[int, Any] = {}
        self._alloc = ffi.callback("void *(void *, size_t, size_t)", self._give)
        self._free = ffi.callback("void (void *, void *)", self._take)
        self.handle = ffi.new("ek_allocator *")
        self.handle.alloc, self.handle.free = self._alloc, self._free

    def _give(self, user: Any, size: int, alignment: int) -> Any:
        self.requests += 1
        if self.requests - 1 == self.fail_at:
            return ffi.NULL
        memory = ffi.new("char[]", size + alignment)
        address = int(ffi.cast("uintptr_t", memory))
        aligned = -(-address // alignment) * alignment
        self.held[aligned] = memory
        return ffi.cast("void *", aligned)

    def _take(self, user: Any, memory: Any) -> None:
        del self.held[int(ffi.cast("uintptr_t", memory))]


def _run_with(allocator: _FailingAllocator, model: bytes, feeds: dict[str, Array], folder: Path) -> tuple[int, bytes]:
    """Status of the first call that failed, and the bytes of output 0 where none did."""
    options = ffi.new("ek_env_options *", {"struct_size": ffi.sizeof("ek_env_options"), "allocator": allocator.handle})
    cache = ffi.new("char[]", os.fsencode(folder))
    options.cache_dir = cache
    env, loaded, session = ffi.new("ek_env **"), ffi.new("ek_model **"), ffi.new("ek_session **")
    backends = ffi.new("ek_backend *[]", [ffi.cast("ek_backend *", backend_handle("opencl"))])
    how = ffi.new("ek_session_options *", {"struct_size": ffi.sizeof("ek_session_options"), "backends": backends, "backend_count": 1})
    out = b""
    status = lib().ek_env_create(options, env)
    if status == 0:
        status = lib().ek_model_load_memory(env[0], ffi.from_buffer(model), len(model), loaded)
    if status == 0:
        status = lib().ek_session_create(env[0], loaded[0], how, session)
    if status == 0:
        requests = allocator.requests
        data = next(iter(feeds.values()))
        assert lib().ek_session_set_input(session[0], 0, ffi.from_buffer(data), data.nbytes) == 0
        assert lib().ek_session_run(session[0]) == 0
        assert allocator.requests == requests, "run allocates"
        pointer, size = ffi.new("const void **"), ffi.new("size_t *")
        assert lib().ek_session_output_data(session[0], 0, pointer, size) == 0
        out = bytes(ffi.buffer(pointer[0], size[0]))
    lib().ek_session_destroy(session[0])
    lib().ek_model_destroy(loaded[0])
    lib().ek_env_destroy(env[0])
    return int(status), out


def test_allocations_that_fail() -> None:
    """Each allocation in turn is refused: an error or a fallback, no crash, nothing kept; `run` asks for none."""
    require_opencl()
    graph, feeds = _int8_graph()
    model, want = write_bytes(graph), run_graph(graph, feeds)["s"].tobytes()
    allocator = _FailingAllocator()
    outcomes: list[int] = []
    while not outcomes or allocator.requests > allocator.fail_at:
        allocator.fail_at, allocator.requests = len(outcomes), 0
        status, out = _run_with(allocator, model, feeds, cache_dir())
        assert allocator.held == {}, f"memory is kept after allocation {allocator.fail_at} failed"
        assert status in (0, 2), f"status {status} after allocation {allocator.fail_at} failed"
        assert status != 0 or out == want
        outcomes.append(status)
    assert outcomes[0] == 2 and outcomes[-1] == 0 and len(outcomes) > 10


# ---- the program cache ----


def _cached_run(folder: Path) -> list[Path]:
    graph, feeds = _int8_graph()
    with Session(write_bytes(graph), backend="opencl", cache_dir=folder) as session:
        got = session.run(feeds)
    want = run_graph(graph, feeds)
    assert all(got[n].tobytes() == want[n].tobytes() for n in want)
    return sorted(folder.iterdir())


def test_cache_is_used_again(tmp_path: Path) -> None:
    require_opencl()
    folder = tmp_path / "new"
    first = _cached_run(folder)
    stamps = [(p.name, p.stat().st_mtime_ns, p.read_bytes()) for p in first]
    assert len(first) == 3, "one program for each kernel file: conv, pool, softmax"
    assert all(p.suffix == ".bin" for p in first), "no temporary file stays"
    assert [(p.name, p.stat().st_mtime_ns, p.read_bytes()) for p in _cached_run(folder)] == stamps


def _fnv(data: bytes) -> bytes:
    """The hash of ``cache.c``."""
    low, high = 0xCBF29CE484222325, 0x6C62272E07BB0142
    for b in data:
        low = ((low ^ b) * 0x100000001B3) & (2**64 - 1)
        high = ((high ^ (b + 0x100)) * 0x100000001B3) & (2**64 - 1)
    return struct.pack("<QQ", low, high)


def _forged(good: bytes) -> bytes:
    """A file that passes every check of ours, with a binary that no driver takes."""
    binary = b"not a program" * 20
    return good[:24] + struct.pack("<Q", len(binary)) + _fnv(binary) + binary


DAMAGES = {
    "empty": lambda good: b"",
    "header_cut": lambda good: good[:20],
    "cut": lambda good: good[:-1],
    "longer": lambda good: good + b"x",
    "flipped": lambda good: good[:-100] + bytes([good[-100] ^ 1]) + good[-99:],
    "other_key": lambda good: good[:8] + bytes(16) + good[24:],
    "huge_size": lambda good: good[:24] + b"\xff" * 8 + good[32:],
    "text": lambda good: b"EKCLBIN1" + b"hello" * 100,
    "forged": _forged,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_cache_is_ignored_and_replaced(damage: str, tmp_path: Path) -> None:
    require_opencl()
    files = {p: p.read_bytes() for p in _cached_run(tmp_path)}
    for p, good in files.items():
        p.write_bytes(DAMAGES[damage](good))
    assert _cached_run(tmp_path) == sorted(files)
    for p, good in files.items():
        again = p.read_bytes()
        assert again[:24] == good[:24] and _fnv(again[48:]) == again[32:48], "the file was not written anew"


def test_cache_folder_that_cannot_be_written(tmp_path: Path) -> None:
    require_opencl()
    (tmp_path / "file").write_text("")
    graph, feeds = _int8_graph()
    with Session(write_bytes(graph), backend="opencl", cache_dir=tmp_path / "file") as session:
        session.run(feeds)
        assert {n.backend for n in session.nodes} == {"opencl"}


# ---- devices ----


def _fallbacks() -> set[str]:
    graph, feeds = _int8_graph()
    with Session(write_bytes(graph), backend="opencl") as session:
        got = session.run(feeds)
        assert {n.backend for n in session.nodes} == {"cpu"}
        reasons = {n.fallback for n in session.nodes}
    assert got["s"].tobytes() == run_graph(graph, feeds)["s"].tobytes()
    return reasons


def test_choice_of_device(monkeypatch: pytest.MonkeyPatch) -> None:
    require_opencl()
    index, name, driver = devices("opencl")[0]
    assert index == "0" and name and driver
    graph, _ = _int8_graph()
    for choice in ("0", name[:8]):
        monkeypatch.setenv("EDGEKIT_OPENCL_DEVICE", choice)
        with Session(write_bytes(graph), backend="opencl", cache_dir=cache_dir()) as session:
            assert session.nodes[0].backend == "opencl"
    monkeypatch.setenv("EDGEKIT_OPENCL_DEVICE", "Voodoo 2")
    (reason,) = _fallbacks()
    assert reason.startswith("opencl: $EDGEKIT_OPENCL_DEVICE is 'Voodoo 2', which fits none of the")


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_OPENCL_LIBRARY", "/nowhere/libOpenCL.so")
    assert devices("opencl") == []
    assert _fallbacks() == {"opencl: $EDGEKIT_OPENCL_LIBRARY names '/nowhere/libOpenCL.so', which cannot be opened"}


def test_library_without_the_functions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty.c").write_text("int nothing;\n")
    monkeypatch.setenv("EDGEKIT_OPENCL_LIBRARY", str(_compile(tmp_path / "empty.c", tmp_path)))
    (reason,) = _fallbacks()
    assert "has no clGetPlatformIDs" in reason


def _compile(source: Path, folder: Path) -> Path:
    cc = os.environ.get("CC") or require_program("cc", "cc", "apt-get install gcc")
    out = folder / "libfake.so"
    include = ROOT / "runtime_c" / "src"
    subprocess.run([shutil.which(cc) or cc, "-shared", "-fPIC", f"-I{include}", str(source), "-o", str(out)], check=True)
    return out


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("no_platform", "opencl: there is an OpenCL library, but no device"),
        ("no_device", "opencl: there is an OpenCL library, but no device"),
        ("rounding", "opencl: device 'Fake device' cannot be used: its float arithmetic does not round to nearest"),
    ],
)
def test_devices_that_cannot_be_used(mode: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEKIT_OPENCL_LIBRARY", str(_compile(Path(__file__).with_name("opencl_fake.c"), tmp_path)))
    monkeypatch.setenv("FAKE_OPENCL", mode)
    assert _fallbacks() == {reason}
    assert len(devices("opencl")) == (2 if mode == "rounding" else 0)


@pytest.mark.parametrize("define", ["-DEK_EXACT_DIVIDE", "-DEK_INTEGER_DIVIDE"])
@pytest.mark.parametrize("kernels", sorted(p.stem for p in KERNELS.glob("*.cl") if p.stem != "common"))
def test_kernels_are_clean_opencl_c_1_2(kernels: str, define: str, tmp_path: Path) -> None:
    """Without the extensions and leniency of one driver: clang for a generic device finds nothing to warn about."""
    source = tmp_path / "kernels.cl"
    source.write_text((KERNELS / "common.cl").read_text() + (KERNELS / f"{kernels}.cl").read_text())
    flags = ["-x", "cl", "-cl-std=CL1.2", "-target", "spir64", "-Xclang", "-finclude-default-header", "-Wall", "-Wextra", "-Werror"]
    run([clang(), *flags, "-Wno-unused-parameter", define, "-S", "-emit-llvm", "-o", os.devnull, str(source)])


def test_under_oclgrind(tmp_path: Path) -> None:
    """A device simulator watches a case of each operator: no access out of bounds, no data race, no misuse of the interface."""
    library = next((p for p in OCLGRIND if p.is_file()), None)
    require("oclgrind", library is not None, "oclgrind is not installed (apt-get install oclgrind)")
    names = {c.op: c.name for c in reversed(all_cases())}
    log = tmp_path / "log.txt"
    env = {
        **os.environ,
        "EDGEKIT_OPENCL_LIBRARY": str(library),
        "OCLGRIND_DATA_RACES": "1",
        "OCLGRIND_CHECK_API": "1",
        "OCLGRIND_LOG": str(log),
    }
    # a process of its own: two drivers with different LLVMs do not live well together
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *[f"tests/suites/test_opencl.py::test_case[{n}]" for n in names.values()],
    ]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert not log.exists() or log.read_text() == ""


def test_compiler_that_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A kernel that does not build sends its nodes to the CPU, with the build log in the reason."""
    monkeypatch.setenv("EDGEKIT_OPENCL_LIBRARY", str(_compile(Path(__file__).with_name("opencl_fake.c"), tmp_path)))
    monkeypatch.setenv("FAKE_OPENCL", "broken")
    reasons = _fallbacks()
    assert any("kernels/conv.cl does not build on 'Fake device'" in r and "line 7: this compiler takes nothing" in r for r in reasons), (
        reasons
    )


def test_states_go_on_between_device_and_cpu() -> None:
    """States are uploaded before and downloaded behind every run; a reset begins anew."""
    require_opencl()
    r = rng("opencl states")
    b = GraphBuilder("states")
    x = b.input("x", F32, (1, 8))
    h, seen = b.state("h", F32, (1, 8), 0.5), b.state("seen", F32, (1, 8))
    w = b.constant(r.standard_normal((8, 8), dtype=np.float32) * np.float32(0.3))
    new = b.call("Tanh", b.call("FullyConnected", b.call("Add", x, h), w), name="tanh")
    b.set_state(h, new)
    b.set_state(seen, b.call("Max", seen, b.call("LpNormalize", new, axis=-1, p=2, name="norm")))  # no kernel: runs on the CPU
    b.output(b.call("Add", new, seen), "y")
    reference = ReferenceSession(b.graph)
    with Session(write_bytes(b.graph), backend="opencl", cache_dir=cache_dir()) as session:
        assert {n.backend for n in session.nodes} == {"opencl", "cpu"}
        for i in range(6):
            if i == 4:
                session.reset()
                reference.reset()
            feeds = {"x": rng("opencl states", i).standard_normal((1, 8), dtype=np.float32)}
            np.testing.assert_allclose(session.run(feeds)["y"], reference.run(feeds)["y"], rtol=1e-4, atol=1e-5)


def test_fixed_point_sums_stay_on_the_cpu() -> None:
    require_opencl()
    graph, feeds = _int8_graph()
    conv = next(n for n in graph.nodes if n.op == "Conv")
    conv.attrs["requantize"] = "fixed_up"
    with Session(write_bytes(graph), backend="opencl", cache_dir=cache_dir()) as session:
        (node,) = (n for n in session.nodes if n.op == "Conv")
        assert node.backend == "cpu" and "fixed point" in node.fallback
        want = run_graph(graph, feeds)
        for name, got in session.run(feeds).items():
            np.testing.assert_array_equal(got, want[name])
