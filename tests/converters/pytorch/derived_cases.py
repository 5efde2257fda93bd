"""Operators that torch composes from others, as cases; see ``cases``."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tests.converters.pytorch.cases import IMAGE, SIGNAL, VOLUME, B, N, P, X, Y, _i, _t
from tests.converters.pytorch.complex_cases import CASES, case

__all__ = ["CASES"]

V, W, THREE, SQUARE = _t(5), _t(4, seed=21), _t(4, 3, seed=22), _t(3, 3, seed=23)

case("dropout in place", lambda x: F.dropout(x + 1, 0.5, training=False, inplace=True) * 2, X)
case("dropout of channels in place", lambda x: F.dropout2d(x + 1, 0.5, training=False, inplace=True) * 2, IMAGE)
case(
    "ravel and atleast",
    lambda x, v: (x.ravel(), torch.atleast_2d(v), torch.atleast_3d(v), torch.atleast_3d(x), *torch.atleast_2d(v, x)),
    X,
    V,
)
case(
    "stacks of columns",
    lambda x, v: (torch.column_stack((v, x)), torch.dstack((x, x)), torch.row_stack((x, x)), torch.dstack((v, v))),
    X,
    _t(3),
)
case("cartesian_prod", lambda a, b, c: (torch.cartesian_prod(a, b), torch.cartesian_prod(a, b, c), torch.cartesian_prod(a)), V, W, V[:2])
case("fliplr, flipud, rot90", lambda x: (x.fliplr(), x.flipud(), x.rot90(), x.rot90(2), x.rot90(-1), x.rot90(1, (1, 0)), x.rot90(4)), X)
case("diag", lambda v, x: (torch.diag(v), torch.diag(v, 2), torch.diag(v, -1), torch.diag(x), torch.diag(x, 1), torch.diag(x, -1)), V, X)
case("diag_embed", lambda x: (torch.diag_embed(x), torch.diag_embed(x, 1), torch.diag_embed(x, -2, 0, 2), torch.diagflat(x)), X)
case("trace and block_diag", lambda x, y, v: (torch.trace(x), torch.block_diag(x, y, v)), SQUARE, X, V)
case("argwhere", torch.argwhere, B)
case("diff", lambda x, y: (torch.diff(x), x.diff(2), x.diff(dim=0), x.diff(prepend=y[:, :1]), x.diff(append=y, prepend=y)), X, Y)
case("diff of others", lambda n, b: (n.diff(), b.diff(), n.diff(dim=0, prepend=n[:1])), N, B)
case(
    "logaddexp",
    lambda x, y: (torch.logaddexp(x * 30, y * 30), torch.logaddexp2(x * 30, y * 30)),
    torch.tensor([1.0, float("inf"), float("-inf"), 0.0, 0.2]),
    torch.tensor([2.0, float("inf"), float("-inf"), 9.0, 0.1]),
)
case("cross", lambda a: (torch.linalg.cross(a, a.flip(0)), torch.cross(a.T, a.flip(0).T, 0), torch.linalg.cross(a, a[:1])), THREE)
case(
    "inner products",
    lambda a, b, v: (torch.inner(a, b), torch.inner(v, v), torch.tensordot(a, b, ([0, 1], [0, 1])), torch.tensordot(a, b.T, 1)),
    X,
    Y,
    V,
)
case("tensordot", lambda a, b: torch.tensordot(a, b, ([1, 3], [0, 1])), IMAGE, _t(4, 8, 3))
case(
    "vecdot and kron",
    lambda a, b, v: (torch.linalg.vecdot(a, b), torch.linalg.vecdot(a, b, dim=0), torch.kron(a, b), torch.kron(v, a)),
    X,
    Y,
    V,
)
case("chains of products", lambda a, b: (torch.linalg.multi_dot((a, b, a)), torch.chain_matmul(a, b), torch.matrix_power(a @ b, 3)), X, Y.T)
case("addr", lambda x, a, b: (torch.addr(x, a, b), torch.addr(x, a, b, beta=0.5, alpha=2)), X, V[:3], W)
case("weight_norm", lambda v, g, d: (torch._weight_norm(v, g), torch._weight_norm(v, d, 2)), SIGNAL, _t(2, 1, 1), _t(1, 1, 11))
case("degrees", lambda x, n: (torch.deg2rad(x), torch.rad2deg(x), torch.deg2rad(n)), X, N)
case("signs", lambda x, y: (torch.signbit(x), torch.copysign(x, y), torch.copysign(x, -2.0)), X, Y)
case("xlogy", lambda n, p: (torch.xlogy(n, p), torch.xlogy(2.0, p), torch.xlogy(n, 3.0), torch.special.xlogy(n * 0, p * 0)), N, P)
case("sinc and heaviside", lambda x, y: (torch.sinc(x), torch.sinc(x * 0), torch.heaviside(x.round(), y)), X, Y)
case("float_power", lambda p, x: (torch.float_power(p, x), torch.float_power(p, 2), torch.float_power(2.0, x)), P, X)
case("isin", lambda n, m: (torch.isin(n, m), torch.isin(n, 3), torch.isin(n, m, invert=True)), N, _i(4))
case("losses", lambda x, y: (F.mse_loss(x, y), F.l1_loss(x, y), F.mse_loss(x, y, reduction="sum"), F.l1_loss(x, y, reduction="none")), X, Y)
case(
    "distances",
    lambda x, y: (F.pairwise_distance(x, y), F.pairwise_distance(x, y, 1, keepdim=True), torch.dist(x, y), torch.dist(x, y, 3)),
    X,
    Y,
)
case(
    "norms",
    lambda x, v: (
        torch.linalg.norm(x), torch.linalg.norm(x, dim=1), torch.linalg.norm(x, ord=1, dim=-1, keepdim=True), torch.linalg.norm(v, 3),
        torch.linalg.norm(x, "fro"), torch.linalg.matrix_norm(x, keepdim=True),
    ),
    X,
    V,
)  # fmt: skip
case("nanmean", lambda x: (torch.nanmean(x), torch.nanmean(x, 1), torch.nanmean(x, 0, True)), torch.where(X > 1, float("nan"), X))
case(
    "quantile",
    lambda x: (
        torch.quantile(x, 0.3), torch.quantile(x, 0.5, dim=1), torch.quantile(x, torch.tensor([0.1, 0.9]), dim=0, keepdim=True),
        torch.quantile(x, 0.4, 1, True, interpolation="lower"), torch.quantile(x, torch.tensor([0.2, 1.0]), interpolation="nearest"),
        torch.quantile(x, 0.4, 1, interpolation="higher"), torch.quantile(x, 0.4, 0, interpolation="midpoint"),
        torch.quantile(x, 0.5, keepdim=True),
    ),
    X,
)  # fmt: skip
case("sizes of a volume", lambda x: (x.ravel().diff(), torch.linalg.norm(x, dim=(2))), VOLUME)

# -- mixtures of experts ------------------------------------------------------------------------------------------------
case("histc", lambda x: (torch.histc(x, 4, -1, 1), torch.histc(x.round(), 5, -2, 2), torch.histc(x, 3, 5, 9)), X)
