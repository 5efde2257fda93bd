"""What needs torch: live modules, ExportedProgram objects, TorchScript, files that torch wrote, and what is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.converters import LoadOptions
from edgekit.errors import ConversionError, MalformedModelError, UnsupportedOpError
from edgekit.reference import run_graph
from edgekit_converters.pytorch import PyTorchConverter
from tests.require import require_module

pytestmark = pytest.mark.filterwarnings("ignore")  # torch warns of its own future


@pytest.fixture(name="torch")
def _torch() -> Any:
    require_module("torch", "torch", "pip install torch")
    import torch

    torch.manual_seed(0)
    return torch


def _net(torch: Any) -> Any:
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2, 1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(inplace=True), torch.nn.Dropout(0.5), torch.nn.Flatten(),
        torch.nn.Linear(8 * 4 * 4, 5),
    )  # fmt: skip


def _same(got: Any, want: Any) -> None:
    np.testing.assert_allclose(got, want.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_module_is_exported_in_evaluation_mode_and_left_as_it_was(torch: Any, tmp_path: Path) -> None:
    net, x = _net(torch).train(), torch.randn(2, 3, 8, 8)
    done = edgekit.convert(net, tmp_path / "net.ekm", options=edgekit.ConvertOptions(example_inputs=(x,)))
    assert net.training and all(m.training for m in net.modules())
    with edgekit.Session(done.path) as session:
        _same(session.run({"input": x.numpy()})["out0"], net.eval()(x))


def test_dynamic_shapes_become_symbols(torch: Any) -> None:
    x = torch.randn(2, 3, 8, 8)
    graph = edgekit.load(_net(torch), (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=16)},))
    assert graph.inputs[0].shape[0].limits() == (1, 16)
    seven = torch.randn(7, 3, 8, 8)
    net = _net(torch)
    graph = edgekit.load(net, x, dynamic_shapes=({0: torch.export.Dim("batch", max=16)},))
    _same(run_graph(graph, {"input": seven.numpy()})["out0"], net.eval()(seven))


def test_named_inputs_and_structured_outputs(torch: Any) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def forward(self, left: Any, right: Any = None, scale: float = 1.0) -> Any:
            return {"sum": left + right, "pair": (left * scale, right)}

    a, b = torch.randn(3), torch.randn(3)
    graph = edgekit.load(Net(), {"left": a, "right": b, "scale": 2.0})
    assert [v.name for v in graph.inputs] == ["left", "right"]
    assert graph.output_names == ["sum", "pair.0", "pair.1"] or graph.output_names == ["pair.0", "pair.1", "sum"]
    got = run_graph(graph, {"left": a.numpy(), "right": b.numpy()})
    _same(got["sum"], a + b)
    _same(got["pair.0"], a * 2)


def test_numpy_examples_and_missing_examples(torch: Any) -> None:
    net = torch.nn.Linear(4, 2).eval()
    x = np.random.default_rng(0).standard_normal((1, 4)).astype(np.float32)
    _same(run_graph(edgekit.load(net, x), {"input": x})["out0"], net(torch.from_numpy(x)))
    with pytest.raises(ConversionError, match="pass example inputs"):
        edgekit.load(net)
    with pytest.raises(ConversionError, match="pass example_inputs, too"):
        edgekit.load(net, dynamic_shapes=({0: 1},))


def test_a_module_that_cannot_be_exported_says_why(torch: Any) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            raise ValueError("not today")

    with pytest.raises(ConversionError, match=r"(?s)torch\.export cannot capture.*not today"):
        edgekit.load(Net(), torch.ones(1))


def test_blockers_of_a_module_name_its_line(torch: Any) -> None:
    class Head(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return torch.fft.rfft(x).tan()

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.head = Head()

        def forward(self, x: Any) -> Any:
            return self.head(x)

    with pytest.raises(UnsupportedOpError) as e:
        edgekit.load(Net(), torch.randn(8))
    assert "in head (Head) at test_torch.py:" in str(e.value)


def test_state_of_a_module(torch: Any, tmp_path: Path) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("history", torch.zeros(3, 2))

        def forward(self, x: Any) -> Any:
            self.history[1:] = self.history[:-1].clone()
            self.history[0] = x
            return self.history.sum(0)

    net = Net()
    done = edgekit.convert(net, tmp_path / "net.ekm", options=edgekit.ConvertOptions(example_inputs=torch.ones(2)))
    frames = [torch.randn(2) for _ in range(5)]
    with edgekit.Session(done.path) as session:
        for x in frames:
            _same(session.run({"x": x.numpy()})["out0"], net(x))


def test_files_that_torch_wrote(torch: Any, tmp_path: Path) -> None:
    net, x = _net(torch).eval(), torch.randn(1, 3, 8, 8)
    program = torch.export.export(net, (x,))
    torch.export.save(program, tmp_path / "net.pt2")
    core = program.run_decompositions()
    torch.export.save(core, tmp_path / "core.pt2")
    for source in (program, core, tmp_path / "net.pt2", tmp_path / "core.pt2"):
        graph = edgekit.load(source)
        _same(run_graph(graph, {"input": x.numpy()})["out0"], net(x))


def test_the_layout_before_2_8(torch: Any, tmp_path: Path) -> None:
    """The JSON is that of today's torch; the archive around it is written as torch 2.5 did."""
    net, x = _net(torch).eval(), torch.randn(1, 3, 8, 8)
    program = torch.export.export(net, (x,))
    torch.export.save(program, tmp_path / "new.pt2")
    with zipfile.ZipFile(tmp_path / "new.pt2") as z:
        document = json.loads(z.read(next(n for n in z.namelist() if n.endswith("models/model.json"))))
    document["schema_version"] = {"major": 8, "minor": 1}
    torch.save(dict(program.state_dict), tmp_path / "state.pt")
    torch.save({}, tmp_path / "constants.pt")
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as z:
        z.writestr("serialized_exported_program.json", json.dumps(document))
        z.write(tmp_path / "state.pt", "serialized_state_dict.pt")
        z.write(tmp_path / "constants.pt", "serialized_constants.pt")
        z.writestr("version", "8.1")
    _same(run_graph(edgekit.load(tmp_path / "old.pt2"), {"input": x.numpy()})["out0"], net(x))


def test_bfloat16_is_widened(torch: Any, tmp_path: Path) -> None:
    net, x = torch.nn.Linear(4, 3).bfloat16().eval(), torch.randn(2, 4).bfloat16()
    torch.export.save(torch.export.export(net, (x,)), tmp_path / "net.pt2")
    graph = edgekit.load(tmp_path / "net.pt2")
    assert "bfloat16" in graph.metadata["source.notes"]
    want = net(x).float()
    got = run_graph(graph, {"input": x.float().numpy()})["out0"]
    np.testing.assert_allclose(got, want.detach().numpy(), rtol=2e-2, atol=2e-2)


def test_the_core_operators_are_all_accounted_for(torch: Any) -> None:
    from edgekit_converters.pytorch.core_aten import CORE, missing

    found = set()
    for name in torch._C._dispatch_get_all_op_names():
        packet, _, overload = name.removeprefix("aten::").partition(".")
        operator = getattr(getattr(torch.ops.aten, packet, None), overload or "default", None) if name.startswith("aten::") else None
        if operator is not None and torch.Tag.core in operator.tags:
            found.add(str(operator))
    assert sorted(found) == sorted(CORE)
    assert set(missing()) < set(CORE)
    assert "no converter" not in missing().values()


# -- control flow -------------------------------------------------------------------------------------------------------


def test_cond(torch: Any) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.randn(4))

        def forward(self, x: Any) -> Any:
            return torch.cond(x.sum() > 0, lambda v: v * self.w, lambda v: v - 1, (x,))

    net, x = Net(), torch.randn(3, 4)
    graph = edgekit.load(net, x)
    assert [n.op for n in graph.nodes if n.op == "If"] == ["If"]
    for sign in (1, -1):
        feed = x.abs() * sign
        _same(run_graph(graph, {"x": feed.numpy()})["out0"], net(feed))


def test_while_loop(torch: Any) -> None:
    from torch._higher_order_ops.while_loop import while_loop

    class Net(torch.nn.Module):  # type: ignore[misc]
        def forward(self, n: Any, x: Any) -> Any:
            return while_loop(lambda i, v: i < n, lambda i, v: (i + 1, v * 2 + i), (torch.zeros((), dtype=torch.int64), x))[1]

    net, x = Net(), torch.randn(3)
    graph = edgekit.load(net, (torch.tensor(4), x))
    for n in (0, 3, 5):
        _same(run_graph(graph, {"n": np.asarray(n), "x": x.numpy()})["out0"], net(torch.tensor(n), x))


# -- TorchScript --------------------------------------------------------------------------------------------------------


def _script_cases(torch: Any) -> dict[str, Any]:
    class Branches(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: torch.Tensor, mode: int) -> torch.Tensor:
            if mode == 1:
                y = x + 1
            elif mode == 2:
                y = x * 2
            else:
                raise ValueError("no such mode")
            for i in range(3):
                y = y + i
            parts = [y, x]
            parts.append(y * x)
            return torch.cat(parts, 0)

    class Data(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
            if bool(x.sum() > 0):
                y, k = x - 1, 1
            else:
                y, k = x.abs(), 2
            return y, k

    class Loop(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            n = 0
            while bool(x.abs().max() > 1) and n < 10:
                x = x / 2
                n += 1
            return x

    return {"Branches": Branches, "Data": Data, "Loop": Loop}


def _saved(torch: Any, module: Any, path: Path) -> Path:
    torch.jit.save(torch.jit.script(module), str(path))
    return path


def test_script_with_branches_and_lists(torch: Any, tmp_path: Path) -> None:
    net = _script_cases(torch)["Branches"]()
    path = _saved(torch, net, tmp_path / "net.pt")
    x = torch.randn(2, 3)
    for mode in (1, 2):
        graph = converters.load(path, {"x": (2, 3)}, {"mode": np.asarray(mode)})
        assert [v.name for v in graph.inputs] == ["x"]
        _same(run_graph(graph, {"x": x.numpy()})["out0"], net(x, mode))
    _same(run_graph(edgekit.load(path, (x, 2)), {"x": x.numpy()})["out0"], net(x, 2))
    with pytest.raises(UnsupportedOpError, match="no such mode"):
        converters.load(path, {"x": (2, 3)}, {"mode": np.asarray(3)})
    with pytest.raises(UnsupportedOpError, match="--shape x:"):
        converters.load(path)


def test_a_write_that_may_reach_another_tensor_is_refused(torch: Any) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            y = x + 1
            y.t().reshape(-1).add_(1)
            return y * 2

    with pytest.raises(UnsupportedOpError, match="may share memory"):
        edgekit.load(Net(), torch.randn(2, 3))


def test_a_script_module_in_memory(torch: Any) -> None:
    net, x = torch.jit.script(_script_cases(torch)["Data"]()), torch.rand(4)
    _same(run_graph(edgekit.load(net, x), {"x": x.numpy()})["out0"], net(x)[0])


def test_a_module_that_export_made(torch: Any) -> None:
    net, x = _net(torch).eval(), torch.randn(1, 3, 8, 8)
    again = torch.export.export(net, (x,)).module()
    (got,) = run_graph(edgekit.load(again, x), {"input": x.numpy()}).values()
    _same(got, net(x))


def test_numbers_among_the_inputs_may_stay_open(torch: Any) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any, n: int) -> Any:
            return x.narrow(0, 0, n) * 2

    x = torch.randn(9)
    graph = edgekit.load(Net(), (x, 5), dynamic_shapes=(None, torch.export.Dim.DYNAMIC))
    assert [v.name for v in graph.inputs] == ["x", "n"]
    _same(run_graph(graph, {"x": x.numpy(), "n": np.asarray(3)})["out0"], x[:3] * 2)


def test_script_whose_branch_depends_on_the_data(torch: Any, tmp_path: Path) -> None:
    net = _script_cases(torch)["Data"]()
    graph = converters.load(_saved(torch, net, tmp_path / "net.pt"), {"x": (4,)})
    for sign in (1, -1):
        x = torch.rand(4) * sign
        got = run_graph(graph, {"x": x.numpy()})
        want, k = net(x)
        _same(got["out0"], want)
        assert got["out1"] == k


def test_script_with_a_loop_of_unknown_length(torch: Any, tmp_path: Path) -> None:
    net = _script_cases(torch)["Loop"]()
    graph = converters.load(_saved(torch, net, tmp_path / "net.pt"), {"x": (4,)})
    for factor in (0.5, 3.0, 1000.0):
        x = torch.randn(4) * factor
        _same(run_graph(graph, {"x": x.numpy()})["out0"], net(x))


def test_script_with_state_that_its_first_call_makes(torch: Any, tmp_path: Path) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._state = torch.zeros(0)
            self._calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self._calls == 0:
                self._state = torch.zeros(x.size(0))
            self._calls = 1
            self._state = self._state * 0.5 + x
            return self._state + 1

    net = Net()
    path = _saved(torch, net, tmp_path / "net.pt")
    done = edgekit.convert(path, tmp_path / "net.ekm", shapes={"x": (3,)})
    assert done.notes == ()
    net = Net()
    with edgekit.Session(done.path) as session:
        for _ in range(4):
            x = torch.randn(3)
            _same(session.run({"x": x.numpy()})["out0"], net(x))


def test_broken_torchscript(torch: Any, tmp_path: Path) -> None:
    good = _saved(torch, _script_cases(torch)["Data"](), tmp_path / "net.pt").read_bytes()
    r = np.random.default_rng(2)
    refused = 0
    for k in range(40):
        data = bytearray(good[: int(r.integers(1, len(good)))] if k % 2 else good)
        if k % 2 == 0:
            for _ in range(3):
                data[int(r.integers(0, len(data)))] = int(r.integers(0, 256))
        (tmp_path / "bad.pt").write_bytes(data)
        try:
            converters.load(tmp_path / "bad.pt", {"x": (4,)})
        except ConversionError:
            refused += 1
    assert refused > 20


# -- pickles ------------------------------------------------------------------------------------------------------------


def test_pickles_are_told_apart_and_never_unpickled(torch: Any, tmp_path: Path) -> None:
    net = _net(torch)
    torch.save(net.state_dict(), tmp_path / "state.pth")
    torch.save(net.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.save(net, tmp_path / "module.pt")
    for name in ("state.pth", "old.pth"):
        with pytest.raises(ConversionError, match=r"state dict: tensors by name.*torch\.export\.save"):
            PyTorchConverter().load(tmp_path / name, LoadOptions())
    with pytest.raises(ConversionError, match=r"pickled module \(.*unpickling runs code"):
        PyTorchConverter().load(tmp_path / "module.pt", LoadOptions())
    for name in ("state.pth", "old.pth", "module.pt"):
        with pytest.raises(ConversionError, match="never unpickled"):
            edgekit.load(tmp_path / name)


def test_a_pickle_that_would_run_code_only_gives_data(torch: Any, tmp_path: Path) -> None:
    from edgekit_converters.pytorch.pickles import Instance, read_pickle

    class Evil:
        def __reduce__(self) -> Any:
            return (Path.write_text, (tmp_path / "hacked", "x"))

    import pickle

    found = read_pickle(pickle.dumps({"a": [1, 2.5, "x", None, True, (1,)], "b": Evil()}))
    assert found["a"] == [1, 2.5, "x", None, True, (1,)] and isinstance(found["b"], Instance)
    assert not (tmp_path / "hacked").exists()
    with pytest.raises(MalformedModelError):
        read_pickle(b"\x80\x02}q\x00(X\xff\xff\xff\x7f")
