"""Complex numbers in PyTorch models: files without torch, what is refused, and whole blocks against torch on the C runtime."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit.converters import Example, LoadOptions
from edgekit.errors import ConversionError, MalformedModelError, UnsupportedOpError
from edgekit.reference import run_graph
from edgekit_converters.pytorch import PyTorchConverter
from edgekit_converters.pytorch.pt2 import read_torch_archive
from tests.converters.pytorch.models import ProgramFile, meta
from tests.require import require_module

pytestmark = pytest.mark.filterwarnings("ignore")  # torch warns of its own future
R = np.random.default_rng(6)
FILTER = (R.standard_normal((3, 5)) + 1j * R.standard_normal((3, 5))).astype(np.complex64)


def _spectral_file() -> ProgramFile:
    """A complex filter between two transforms, and complex numbers in and out."""
    p = ProgramFile()
    w = p.weight("filter", FILTER)
    x, z = p.input("x", "float32", (3, 8)), p.input("z", "complex64", (3, 5))
    p.metas["spectrum"] = meta("complex64", (3, 5))
    f = p.node("aten._fft_r2c.default", "spectrum", {"self": x, "dim": [1], "normalization": 1, "onesided": True})
    f = p.node("aten.mul.Tensor", "filtered", {"self": f, "other": w})
    p.node("aten._fft_c2r.default", "y", {"self": f, "dim": [1], "normalization": 1, "last_dim_size": 8})
    p.node("aten.mul.Tensor", "twice", {"self": z, "other": 2 - 1j})
    p.outputs += ["y", "twice"]
    return p


def test_a_file_with_complex_weights_is_read_without_torch(tmp_path: Path) -> None:
    graph = edgekit.load(_spectral_file().save(tmp_path / "filter.pt2"))
    assert [v.shape for v in graph.inputs] == [(3, 8), (3, 5, 2)]
    assert "'z' is complex" in graph.metadata["source.notes"] and "'out1' is complex" in graph.metadata["source.notes"]
    x, z = R.standard_normal((3, 8)).astype(np.float32), R.standard_normal((3, 5, 2)).astype(np.float32)
    got = run_graph(graph, {"x": x, "z": z})
    want = np.fft.irfft(np.fft.rfft(x, norm="ortho") * FILTER, 8, norm="ortho")
    np.testing.assert_allclose(got["out0"], want, rtol=0, atol=1e-5)
    twice = (z[..., 0] + 1j * z[..., 1]) * (2 - 1j)
    np.testing.assert_allclose(got["out1"], np.stack([twice.real, twice.imag], -1), rtol=0, atol=1e-5)


def test_a_complex_buffer_is_a_state_of_pairs(tmp_path: Path) -> None:
    p = ProgramFile()
    b = p.weight("history", np.zeros(3, np.complex64), buffer=True)
    z = p.input("z", "complex64", (3,))
    p.node("aten.add.Tensor", "added", {"self": b, "other": z})
    p.mutations["history"] = "added"
    p.node("aten.abs.default", "size", {"self": "%added"})
    p.outputs.append("size")
    source = p.save(tmp_path / "history.pt2")
    done = edgekit.convert(source, tmp_path / "history.ekm")
    with edgekit.Session(done.path) as session:
        for k in (1, 2, 3):
            got = session.run({"z": np.full((3, 2), 1, np.float32)})["out0"]
            np.testing.assert_allclose(got, np.full(3, k * 2**0.5), rtol=1e-5)


@pytest.mark.parametrize(
    ("target", "args"),
    [
        ("aten.tan.default", {"self": "%z"}),
        ("aten.sort.default", {"self": "%z"}),
        ("aten.relu.default", {"self": "%z"}),
        ("aten.maximum.default", {"self": "%z", "other": "%x"}),
        ("aten.view_as_real.default", {"self": "%x"}),
        ("aten.imag.default", {"self": "%x"}),
        ("aten.clamp.default", {"self": "%x", "min": 1j}),
        ("aten.div.Tensor_mode", {"self": "%z", "other": "%x", "rounding_mode": "floor"}),
        ("aten.fft_rfft.default", {"self": "%z"}),
        ("aten.mul_.Tensor", {"self": "%x", "other": "%z"}),
    ],
)
def test_real_and_complex_where_they_do_not_belong_are_blockers(tmp_path: Path, target: str, args: dict[str, Any]) -> None:
    p = ProgramFile()
    p.input("x", "float32", (2, 4))
    p.input("z", "complex64", (2, 4))
    p.node(target, "y", args)
    p.outputs.append("y")
    with pytest.raises(UnsupportedOpError) as e:
        edgekit.load(p.save(tmp_path / "wrong.pt2"))
    assert [b.reason for b in e.value.blockers] == ["complex-number"]


def test_broken_complex_files(tmp_path: Path) -> None:
    p = ProgramFile()
    x = p.input("x", "float32", (2, 3))
    p.node("aten.view_as_complex.default", "z", {"self": x})
    p.outputs.append("z")
    with pytest.raises(MalformedModelError, match="does not end with pairs"):
        edgekit.load(p.save(tmp_path / "pairs.pt2"))
    spectral = _spectral_file()
    spectral.metas["spectrum"] = meta("float32", (3, 5))  # the source says a complex tensor is real
    with pytest.raises(MalformedModelError, match="declares float32"):
        edgekit.load(spectral.save(tmp_path / "declared.pt2"))
    spectral = _spectral_file()
    spectral.metas["p_filter"] = meta("float32", (3, 5))
    with pytest.raises(MalformedModelError, match="declared as float32"):
        edgekit.load(spectral.save(tmp_path / "weight.pt2"))
    document = _spectral_file().document()
    number = document["graph_module"]["graph"]["nodes"][-1]["inputs"][1]["arg"]["as_complex"]
    for value in ("one", None, [1]):
        number["imag"] = value
        with pytest.raises(MalformedModelError, match="expected, got"):
            edgekit.load(_spectral_file().save(tmp_path / "number.pt2", document))


# -- whole blocks against torch -----------------------------------------------------------------------------------------
@pytest.fixture(name="torch")
def _torch() -> Any:
    require_module("torch", "torch", "pip install torch")
    import torch

    torch.manual_seed(0)
    return torch


def _everywhere(torch: Any, net: Any, x: Any, path: Path, tolerance: float = 2e-5) -> None:
    """The module live, as a file broken into core operators, and as TorchScript: on the C runtime it gives what torch does."""
    want = net.eval()(x).detach().numpy()
    program = torch.export.export(net, (x,))
    torch.export.save(program.run_decompositions(), path / "core.pt2")
    script = io.BytesIO()
    torch.jit.save(torch.jit.trace(net, (x,)), script)
    (path / "net.pt").write_bytes(script.getvalue())
    sources = [(program, None), (path / "core.pt2", None), (path / "net.pt", (x,))]
    for k, (source, example) in enumerate(sources):
        options = edgekit.ConvertOptions(example_inputs=example)
        done = edgekit.convert(source, path / f"{k}.ekm", options=options)
        with edgekit.Session(done.path) as session:
            (name,) = session.inputs if isinstance(session.inputs, dict) else [i.name for i in session.inputs]
            (got,) = session.run({name: x.numpy()}).values()
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * float(np.abs(want).max()))


def test_complex_tensors_of_state_dicts(torch: Any) -> None:
    z = torch.randn(3, 4, dtype=torch.cfloat)
    file = io.BytesIO()
    tensors = {"turned": z.t(), "double": z.to(torch.cdouble), "conj": z.conj(), "neg": z.clone().conj().imag}
    torch.save(tensors, file)
    found = read_torch_archive(file.getvalue(), "weights.pth")
    for name, t in tensors.items():
        np.testing.assert_array_equal(found[name], t.resolve_conj().resolve_neg().numpy(), err_msg=name)


def test_rotary_attention(torch: Any, tmp_path: Path) -> None:
    class Attention(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.qkv = torch.nn.Linear(32, 96)
            turns = torch.outer(torch.arange(6).float(), 10000.0 ** (-torch.arange(0, 8, 2).float() / 8))
            self.register_buffer("turns", torch.polar(torch.ones_like(turns), turns))

        def rotated(self, x: Any) -> Any:
            pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
            return torch.view_as_real(pairs * self.turns[: x.shape[1]][None, :, None]).flatten(3)

        def forward(self, x: Any) -> Any:
            q, k, v = (t.reshape(*x.shape[:2], 4, 8) for t in self.qkv(x).chunk(3, -1))
            q, k, v = (t.transpose(1, 2) for t in (self.rotated(q), self.rotated(k), v))
            return torch.nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    _everywhere(torch, Attention(), torch.randn(2, 6, 32), tmp_path)


def test_mel_front_end(torch: Any, tmp_path: Path) -> None:
    class Mel(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("window", torch.hann_window(200))
            self.register_buffer("bank", torch.rand(20, 101))

        def forward(self, x: Any) -> Any:
            power = torch.stft(x, 200, 80, window=self.window, return_complex=True).abs() ** 2
            return torch.log10(torch.clamp(self.bank @ power, min=1e-10))

    _everywhere(torch, Mel(), torch.randn(1, 1600), tmp_path, 1e-4)


def test_spectral_blocks(torch: Any, tmp_path: Path) -> None:
    class Block(torch.nn.Module):  # type: ignore[misc]
        """GFNet's global filter, then FNO's spectral convolution."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.randn(7, 4, 6, 2) * 0.2)
            self.modes = torch.nn.Parameter(torch.randn(6, 5, 3, 3, dtype=torch.cfloat) * 0.2)

        def forward(self, x: Any) -> Any:
            b, h, w, _ = x.shape
            z = torch.fft.rfft2(x, dim=(1, 2), norm="ortho") * torch.view_as_complex(self.weight)
            x = x + torch.fft.irfft2(z, s=(h, w), dim=(1, 2), norm="ortho")
            f = torch.fft.rfft2(x.permute(0, 3, 1, 2))
            out = torch.zeros(b, 5, h, w // 2 + 1, dtype=torch.cfloat)
            out[:, :, :3, :3] = torch.einsum("bixy,ioxy->boxy", f[:, :, :3, :3], self.modes)
            out[:, :, -3:, :3] = torch.einsum("bixy,ioxy->boxy", f[:, :, -3:, :3], self.modes.conj())
            return torch.fft.irfft2(out, s=(h, w))

    _everywhere(torch, Block(), torch.randn(2, 7, 6, 6), tmp_path)


def test_open_dimensions(torch: Any) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            z = torch.fft.rfft(x)
            return torch.view_as_real(z * (1 + 1j) + 1).sum(-1), torch.fft.irfft(z.conj() + x.sum())

    x = torch.randn(3, 10)
    graph = edgekit.load(Net(), (x,), dynamic_shapes=({0: torch.export.Dim("batch", max=8)},))
    seven = torch.randn(7, 10)
    for got, want in zip(run_graph(graph, {"x": seven.numpy()}).values(), Net()(seven), strict=True):
        np.testing.assert_allclose(got, want.numpy(), rtol=0, atol=1e-4)


def test_conditions_with_complex_branches(torch: Any) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            z = torch.fft.rfft(x)
            y = torch.cond(x.sum() > 0, lambda v: v * 2j, lambda v: v + 1, (z,))
            return y.abs()

    x = torch.randn(10).abs()
    graph = PyTorchConverter().load(torch.export.export(Net(), (x,)), LoadOptions())
    for feed in (x, -x):
        np.testing.assert_allclose(run_graph(graph, {"x": feed.numpy()})["out0"], Net()(feed).numpy(), rtol=1e-4, atol=1e-5)


def test_a_complex_attribute_of_torchscript_is_refused(torch: Any) -> None:
    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.kept = torch.zeros(3, dtype=torch.cfloat)

        def forward(self, x: torch.Tensor) -> torch.Tensor:  # TorchScript reads annotations
            self.kept = self.kept + x
            return self.kept.abs()

    with pytest.raises(ConversionError, match="keeps complex numbers"):
        PyTorchConverter().load(torch.jit.script(Net()), LoadOptions(example=Example((torch.ones(3),))))
