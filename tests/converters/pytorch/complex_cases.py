"""Complex numbers and Fourier transforms of torch, as cases; see ``cases``."""

from __future__ import annotations

import torch

from tests.converters.pytorch.cases import CASES, _t, case


def _z(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.complex(_t(*shape, seed=seed), _t(*shape, seed=seed + 100))


Z, W, R = _z(3, 4), _z(3, 4, seed=7), _t(3, 4, seed=9)
ROW = _z(4, seed=3)
CUBE = _z(2, 3, 4, seed=4)
PAIRS, PAIRS2 = _t(3, 4, 2, seed=11), _t(3, 4, 2, seed=12)
AUDIO, HANN = _t(2, 100, seed=13), torch.hann_window(16)
MASK = R > 0


# -- making and taking apart --------------------------------------------------------------------------------------------
case(
    "complex view_as_complex, view_as_real",
    lambda a, b: torch.view_as_real(torch.view_as_complex(a) * torch.view_as_complex(b)),
    PAIRS,
    PAIRS2,
)
case("complex parts", lambda z: (z.real, z.imag, z.abs(), z.angle(), torch.view_as_real(z)[..., 1]), Z)
case("complex from parts", lambda a, b: (torch.complex(a, b), torch.polar(a.abs(), b)), R, R[0].expand(3, 4).contiguous())
case("complex conj", lambda z: (z.conj(), z.conj().real, z.conj() * z, torch.conj_physical(z), z.conj().resolve_conj() + 1), Z)
case("complex adjoint", lambda z, x: (z.mH, z.H, x.mH, torch.adjoint(z)), Z, R)
case("complex casts", lambda z, x: (x.to(torch.complex64) + z, z.to(torch.complex128), x.type_as(z) * z, x.double().cdouble().abs()), Z, R)
case(
    "complex new",
    lambda z: (torch.zeros_like(z) + z, torch.ones_like(z) * z, z.new_zeros(2), z.new_full((2,), 3), z.new_full((2,), 1 + 2j)),
    Z,
)
case(
    "complex filled",
    lambda x: (torch.zeros(3, dtype=torch.complex64), torch.full((2, 2), 2j) + x, torch.full((3,), 1, dtype=torch.complex64)),
    R[:2, :2],
)
case("complex angle of real", lambda x: torch.angle(x), R)
case("complex 128", lambda z: (z * z, z.abs(), z + 1, torch.exp(z)), Z.to(torch.complex128))

# -- element by element -------------------------------------------------------------------------------------------------
case("complex arithmetic", lambda z, w: (z + w, z - w, z * w, z / w, -z), Z, W)
case("complex and real", lambda z, x: (z + x, x + z, z - x, x - z, z * x, x * z, z / x, x / z), Z, R)
case("complex and broadcast", lambda z, x: (z + x, x - z, z * x, z / x, x / z), ROW, R)
case("complex and numbers", lambda z: (z + 1, 1 - z, z * 2.5, z / 2, 1 / z, z * (1 + 2j), z + 3j, z / (1 - 1j)), Z)
case("complex numbers and real", lambda x: (x * 1j, x + (1 + 2j), (1 - 1j) / x, torch.exp(x * 1j)), R)
case("complex numbers and integers", lambda n: (n * 1j, n + (1 + 2j)), torch.arange(5))
case(
    "complex alpha",
    lambda z, w: (torch.add(z, w, alpha=2), torch.sub(z, w, alpha=0.5), torch.add(z, w, alpha=1 + 1j), torch.rsub(z, w)),
    Z,
    W,
)
case("complex functions", lambda z: (z.exp(), z.log(), z.sqrt(), z.sgn(), z.reciprocal(), z.square()), Z)
case("complex powers", lambda z: (z**2, z**3, z**-1, z**0.5, z**1.5, 2**z), Z, tolerance=3e-5)
case("complex exponent", lambda z, w: z**w, Z, W, tolerance=3e-5)
case("complex zeros", lambda z: (z.sgn(), z.abs(), z.sqrt(), z.angle()), torch.zeros(3, dtype=torch.complex64))
case("complex compare", lambda z, w: (z == w, z != w, torch.isfinite(z), torch.isnan(z / 0.0)), Z, torch.where(MASK, Z, W))
case("complex norm", lambda z: (torch.linalg.vector_norm(z), torch.linalg.vector_norm(z, dim=1), torch.norm(z)), Z)
case("complex range", lambda z, w: z / w, Z * 1e18, W * 1e19)

# -- shapes -------------------------------------------------------------------------------------------------------------
case(
    "complex views",
    lambda z: (z.reshape(4, 3), z.view(-1), z.t(), z.unsqueeze(1), z[:, None].squeeze(1), z.flatten(), z.expand(2, 3, 4)),
    Z,
)
case("complex permute", lambda z: (z.permute(2, 0, 1), z.transpose(0, 2).contiguous(), z.movedim(0, 2)), CUBE)
case("complex join", lambda z, w, x: (torch.cat([z, w], 1), torch.stack([z, w]), torch.cat([z, x], 0)), Z, W, R)
case("complex cut", lambda z: (*z.chunk(2, 1), *z.split([1, 3], 1), z[1], z[:, 1:3], z[..., -1], *z.unbind(0), z.narrow(1, 1, 2)), Z)
case("complex order", lambda z: (z.flip(1), z.roll(1, 0), z[torch.tensor([2, 0])], z.index_select(1, torch.tensor([3, 3, 0]))), Z)
case("complex pad", lambda z: torch.nn.functional.pad(z, (1, 2)), Z)
case("complex sums", lambda z: (z.sum(), z.sum(1), z.mean(0), z.mean(), z.cumsum(1), z.sum(1, keepdim=True)), Z)
case("complex where", lambda z, w, m: (torch.where(m, z, w), z.masked_fill(m, 0), z * m), Z, W, MASK)
case("complex sizes", lambda z: z.reshape(z.shape[1], z.size(0)) * z.dim() * z.numel(), Z)


def _written(z: torch.Tensor) -> torch.Tensor:
    z = z.clone()
    z[0] = 1j
    z[:, 1] *= 2
    z.mul_(1 + 1j)
    torch.view_as_real(z)[..., 0].add_(1)
    z[1:].imag.neg_()
    return z


case("complex written in place", _written, Z)


def _written_parts(z: torch.Tensor) -> torch.Tensor:
    out = torch.zeros(3, 4, 2)
    torch.view_as_complex(out)[1:] = z[1:]
    return out


case("complex written to pairs", _written_parts, Z)

# -- products -----------------------------------------------------------------------------------------------------------
RIGHT = (_z(4, 5, seed=20), _z(2, 4, 5, seed=21))
case("complex products", lambda z, y, b, c: (z @ y, torch.mm(z, y), torch.bmm(c, b), z @ b, z @ y[:, 0]), Z, *RIGHT, CUBE)
case("complex and real products", lambda z, y, x: (z @ x.t().to(z.dtype), x.to(z.dtype) @ y, torch.outer(z[0], z[1])), Z, RIGHT[0], R)
case("complex dot", lambda a, b: (torch.dot(a, b), torch.vdot(a, b)), ROW, Z[1])
case(
    "complex einsum",
    lambda z, y, c: (torch.einsum("ij,jk->ik", z, y), torch.einsum("bij,jk->bik", c, y), torch.einsum("ij->j", z)),
    Z,
    RIGHT[0],
    CUBE,
)
case("complex einsum of three", lambda a, b, c: torch.einsum("i,ij,j->i", a, b, c), _z(3, seed=31), Z, ROW)
case("complex addmm", lambda x, z, y: torch.addmm(x, z, y, beta=0.5, alpha=2), _z(3, 5, seed=33), Z, RIGHT[0])
case("complex linear", lambda z, w, b: torch.nn.functional.linear(z, w, b), Z, _z(6, 4, seed=35), _z(6, seed=36))
case(
    "complex conv",
    lambda z, w, b: torch.nn.functional.conv1d(z, w, b, padding=1),
    CUBE,
    _z(5, 3, 3, seed=37),
    _z(5, seed=38),
    tolerance=2e-5,
)

# -- Fourier transforms -------------------------------------------------------------------------------------------------
for _norm in ("backward", "ortho", "forward"):
    case(
        f"complex fft {_norm}",
        lambda z, x, n=_norm: (torch.fft.fft(z, norm=n), torch.fft.ifft(z, norm=n), torch.fft.fft(x, norm=n), torch.fft.ifft(x, norm=n)),
        Z,
        R,
    )
    case(
        f"complex rfft {_norm}",
        lambda z, x, n=_norm: (torch.fft.rfft(x, norm=n), torch.fft.irfft(z, norm=n), torch.fft.irfft(z, n=5, norm=n)),
        Z,
        R,
    )
    case(
        f"complex fft2 {_norm}",
        lambda c, x, n=_norm: (
            torch.fft.fft2(c, norm=n),
            torch.fft.ifft2(c, norm=n),
            torch.fft.rfft2(x, norm=n),
            torch.fft.irfft2(c, s=(3, 7), norm=n),
        ),
        CUBE,
        CUBE.real.contiguous(),
    )
    case(
        f"complex fftn {_norm}",
        lambda c, x, n=_norm: (
            torch.fft.fftn(c, norm=n),
            torch.fft.ifftn(c, dim=(0, 2), norm=n),
            torch.fft.rfftn(x, norm=n),
            torch.fft.irfftn(c, norm=n),
        ),
        CUBE,
        CUBE.real.contiguous(),
    )
    case(
        f"complex hfft {_norm}",
        lambda z, x, n=_norm: (torch.fft.hfft(z, norm=n), torch.fft.hfft(z, n=9, norm=n), torch.fft.ihfft(x, norm=n)),
        Z,
        R,
    )
case(
    "complex fft lengths",
    lambda z, x: (torch.fft.fft(z, n=7), torch.fft.fft(z, n=3, dim=0), torch.fft.rfft(x, n=9), torch.fft.rfft(x, n=3, dim=0)),
    Z,
    R,
)
case("complex fft prime", lambda x: torch.fft.rfft(x).abs() ** 2, _t(2, 97, seed=40), tolerance=2e-5)
case(
    "complex fft sizes",
    lambda x: (torch.fft.rfft2(x, s=(5, 6)), torch.fft.rfftn(x, s=(2, 3)), torch.fft.rfft2(x, dim=(0, 1))),
    CUBE.real.contiguous(),
)
case(
    "complex fft shift",
    lambda z, x: (
        torch.fft.fftshift(z),
        torch.fft.ifftshift(z, dim=1),
        torch.fft.fftshift(x),
        torch.fft.fftfreq(5, 0.5),
        torch.fft.rfftfreq(6),
    ),
    Z,
    R,
)
case("complex stft", lambda x: torch.stft(x, 16, 4, window=HANN, return_complex=True), AUDIO)
case(
    "complex stft options",
    lambda x: (
        torch.stft(x, 16, 4, 12, center=False, normalized=True, return_complex=True),
        torch.stft(x, 15, 5, window=HANN[:15], pad_mode="constant", onesided=False, return_complex=True),
    ),
    AUDIO,
)
case(
    "complex stft of one signal", lambda x: torch.view_as_real(torch.stft(x, 32, window=HANN, win_length=16, return_complex=True)), AUDIO[0]
)
case(
    "complex stft of complex",
    lambda x: torch.stft(x, 16, 4, window=HANN, return_complex=True, onesided=False),
    torch.complex(AUDIO, AUDIO.flip(1)),
)
SPECTRA = torch.stft(AUDIO, 16, 4, window=HANN, return_complex=True)
case("complex istft", lambda z: torch.istft(z, 16, 4, window=HANN), SPECTRA)
case(
    "complex istft options",
    lambda z: (
        torch.istft(z, 16, 4, window=HANN, length=90),
        torch.istft(z[0], 16, 4, 12, normalized=True),
        torch.istft(z, 16, 4, window=HANN + 0.1, center=False),
    ),
    SPECTRA,
)
case(
    "complex istft round trip",
    lambda x: torch.istft(torch.stft(x, 16, 4, window=HANN, return_complex=True) * 0.5, 16, 4, window=HANN, length=100),
    AUDIO,
)

__all__ = ["CASES"]
