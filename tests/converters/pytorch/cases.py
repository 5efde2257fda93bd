"""Operators of torch as small functions with inputs: what the importer must agree with torch on. Imports torch; see ``requires_torch``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Case:
    """A function of tensors.

    Attributes:
        name: unique.
        run: the function, as a module's ``forward`` would be.
        inputs: example inputs.
        tolerance: largest error as part of the range of an output.
    """

    name: str
    run: Callable[..., Any]
    inputs: tuple[Any, ...]
    tolerance: float = 1e-5


def _t(*shape: int, seed: int = 0, low: float = -2.0, high: float = 2.0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * (high - low) + low


def _i(*shape: int, low: int = -5, high: int = 6, seed: int = 1, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


X, Y, P = _t(3, 4), _t(3, 4, seed=5), _t(3, 4, seed=2, low=0.1, high=3.0)
U = _t(3, 4, seed=3, low=-0.9, high=0.9)
N, M = _i(3, 4), _i(3, 4, low=1, seed=2)
B = X > 0
IMAGE, SIGNAL, VOLUME = _t(2, 4, 9, 8), _t(2, 4, 11), _t(1, 4, 5, 6, 7)

CASES: list[Case] = []


def case(name: str, run: Callable[..., Any], *inputs: Any, tolerance: float = 1e-5) -> None:
    """Enter a case."""
    CASES.append(Case(name, run, inputs, tolerance))


# -- element by element -------------------------------------------------------------------------------------------------
def each(name: str, functions: str, *inputs: Any, tolerance: float = 1e-5) -> None:
    """Enter one case for several functions of torch."""
    case(name, _several(torch, functions), *inputs, tolerance=tolerance)


def _several(module: Any, functions: str) -> Callable[..., Any]:
    made = [getattr(module, n) for n in functions.split()]
    return lambda *xs: tuple(f(*xs) for f in made)


def _twice(functions: str) -> Callable[..., Any]:
    """Each function over one dimension, without and with that dimension kept."""
    made = [getattr(torch, n) for n in functions.split()]
    return lambda x: tuple(v for f in made for v in (f(x, 1), f(x, -1, True)))


each("trigonometry", "sin cos tan sinh cosh asinh atan tanh", X)
each("exponentials", "exp sigmoid erf expm1 exp2 erfc", X)
each("rounding", "floor ceil round trunc frac sign abs neg square positive", X)
each("truths", "isnan isinf isfinite logical_not", X)
each("functions below 1", "asin acos atanh log1p", U)
each("logarithms and roots", "log sqrt rsqrt reciprocal log2 log10", P)
case("logit and acosh", lambda x: (torch.logit(x / 4), torch.logit(x - 1, eps=0.1), torch.acosh(x + 1)), P)
each("functions of integers", "exp sigmoid abs neg sign floor square bitwise_not isnan isfinite round", N)
case("expm1 near 0", torch.expm1, U * 1e-4)
case("log1p near 0", torch.log1p, U * 1e-4)
case("expm1 far", torch.expm1, U * 30)
case(
    "isinf of infinities",
    lambda x: (torch.isinf(x), torch.isposinf(x), torch.isneginf(x), torch.isnan(x), torch.isfinite(x)),
    torch.tensor([1.0, float("inf"), float("-inf"), float("nan")]),
)
case("nan_to_num", torch.nan_to_num, torch.tensor([1.0, float("inf"), float("-inf"), float("nan")]))
case("round decimals", lambda x: torch.round(x, decimals=2), X)
each("arithmetic", "add sub mul div maximum minimum fmax fmin atan2 hypot floor_divide", X, Y)
each("comparisons", "eq ne lt le gt ge logical_and logical_or logical_xor", X, Y)
each("remainders", "remainder fmod floor_divide", X, P)
each("powers of two", "pow", P, X)
each("arithmetic of integers", "add sub mul div remainder fmod floor_divide bitwise_and bitwise_or bitwise_xor maximum eq lt", N, M)
case("scalars", lambda x: (x + 2, 2 - x, x * 3, x / 4, 1 / (x + 5), x**2, x**3, 2**x, x // 2, x % 2, -x, x - 1.5, x > 0, x <= 1), X)
case("scalars of integers", lambda x: (x + 2, 2 - x, x * 1.5, x / 4, x // 2, x % 3, x + 0.5, x**2, x > 0, x == 1, ~x), N)
case("power", lambda x: (x**0.5, x**-0.5, x**-1, x**1, x**2.5, torch.pow(x, 4)), P)
case("alpha", lambda a, b: (torch.add(a, b, alpha=2), torch.sub(a, b, alpha=0.5), torch.rsub(a, b, alpha=3)), X, Y)
case("promotion", lambda a, b: (a + b, a * b, a / b, a > b, torch.where(a > 0, a, b), torch.maximum(a, b)), X, N)
case("promotion of bool", lambda a, b: (a + b, a * b, a & True, a | (b > 0), a ^ (b > 0), a + 1, a * 2.5), B, N)
case("promotion of rank 0", lambda a, b: (a + b, b * a, torch.where(a > 0, a, b)), X, torch.tensor(2, dtype=torch.int64))
case("int32 and int64", lambda a, b: (a + b, a * 2, a // 3), _i(3, 4, dtype=torch.int32), N)
case("rounding modes", lambda a, b: (torch.div(a, b, rounding_mode="floor"), torch.div(a, b, rounding_mode="trunc")), X, P)
case("rounding modes of integers", lambda a, b: (torch.div(a, b, rounding_mode="floor"), torch.div(a, b, rounding_mode="trunc")), N, M)
case("clamp", lambda x: (x.clamp(-1, 1), x.clamp(min=0.5), x.clamp(max=0.5), torch.clamp(x, 1, -1)), X)
case("clamp with tensors", lambda x, a, b: (torch.clamp(x, a, b), torch.clamp_min(x, a), torch.clamp_max(x, b)), X, U, P)
case("clamp of integers", lambda x: (x.clamp(-1, 2), x.clamp(min=0)), N)
case("where", lambda x, y: (torch.where(x > 0, x, y), torch.where(x > 0, x, 0.0), torch.where(x > 0, 1.0, 2.0)), X, Y)
case("masked_fill", lambda x, m: (x.masked_fill(m, 7.0), x.masked_fill(m[:1], float("-inf"))), X, B)
case("lerp", lambda a, b: torch.lerp(a, b, 0.3), X, Y)
case("addcmul", lambda a, b, c: (torch.addcmul(a, b, c, value=0.5), torch.addcdiv(a, b, c + 5, value=2.0)), X, Y, U)
case("isclose", lambda a: torch.isclose(a, a + torch.tensor([0.0, 1e-9, 1e-2, 1.0])), X)
case("shifts", lambda a: (a << 2, a >> 1), M)
case("casts", lambda x: (x.to(torch.int32), x.long(), x.bool(), x.double().float(), x.half().float(), x.to(torch.uint8).int()), P)
case("casts of integers", lambda x: (x.float(), x.bool(), x.to(torch.int8), x.int() / 2), N)
case("copies", lambda x: (x.clone() + 1, x.contiguous(), x.detach(), x.to(x), x.type_as(x)), X)
case("dropout", lambda x: F.dropout(x, 0.5, training=False), X)

# -- activations --------------------------------------------------------------------------------------------------------
for _names in (
    "relu relu6 elu selu celu gelu hardtanh hardsigmoid hardswish",
    "leaky_relu softplus silu mish softsign logsigmoid tanhshrink",
    "hardshrink softshrink",
):
    case(_names, _several(F, _names), X * 3, tolerance=3e-5)
case("gelu tanh", lambda x: F.gelu(x, approximate="tanh"), X)
case(
    "parameters of activations",
    lambda x: (
        F.elu(x, 0.5),
        F.celu(x, 2.0),
        F.softplus(x, 2.0, 3.0),
        F.threshold(x, 0.2, -1.0),
        F.leaky_relu(x, 0.3),
        F.hardtanh(x, -0.5, 0.7),
        F.rrelu(x, 0.1, 0.3),
    ),
    X,
)
case("prelu", lambda x, w: F.prelu(x, w), IMAGE, _t(4))
case("prelu one slope", lambda x, w: F.prelu(x, w), X, _t(1))
case("glu", lambda x: F.glu(x, 1), X)
case("softmax", lambda x: (F.softmax(x, 1), F.softmax(x, 0), F.log_softmax(x, -1), F.softmin(x, 1)), X)
case("softmax in float", lambda x: F.softmax(x, 1, dtype=torch.float32), N)

# -- shapes -------------------------------------------------------------------------------------------------------------
Z = _t(2, 3, 4, seed=9)
case("views", lambda x: (x.view(6, 4), x.reshape(-1, 2), x.flatten(1), x.view(-1), x.unflatten(2, (2, 2)), x.reshape(2, 12)), Z)
case("squeezes", lambda x: (x.unsqueeze(0), x.unsqueeze(-1), x[:, None], x.unsqueeze(1).squeeze(1), x.unsqueeze(1).squeeze()), Z)
case("transposes", lambda x: (x.permute(2, 0, 1), x.transpose(0, 2), x[0].t(), x.mT, x.movedim(0, 2), x.swapaxes(0, 1), x[0].T), Z)
case("selections", lambda x: (x[0], x[:, 1], x[..., -1], x[:, 1:], x[:, ::2], x[1:, :2, 1:3], x.narrow(2, 1, 2), x.select(1, -2)), Z)
case("splits", lambda x: (*x.split(2, 1), *x.chunk(3, 2), *x.split([1, 3], 2), *x.unbind(0), *torch.tensor_split(x, 2, 2)), Z)
case(
    "joins",
    lambda x, y: (torch.cat([x, y], 1), torch.stack([x, y], 1), torch.cat([x, y, x]), torch.hstack([x, y]), torch.vstack([x, y])),
    X,
    Y,
)
case("join of types", lambda x, y: torch.cat([x, y], 1), X, N)
case("expansions", lambda x: (x[:, None].expand(3, 2, 4), x.expand(2, 3, 4), x.repeat(2, 3), x.tile((2, 1, 2)), x.expand(-1, 4)), X)
case("repeat_interleave", lambda x: (x.repeat_interleave(2, 1), x.repeat_interleave(3)), X)
case("flips", lambda x: (x.flip(0), x.flip(0, 2), torch.roll(x, 1, 1), torch.roll(x, (1, -1), (0, 2)), torch.roll(x, 2)), Z)
case("broadcast_tensors", lambda x, y: torch.broadcast_tensors(x, y), X, _t(3, 1))
case("pixel_shuffle", lambda x: (F.pixel_shuffle(x, 2), F.pixel_unshuffle(x[:, :, :8], 2), F.channel_shuffle(x, 2)), IMAGE)
case("diagonals", lambda x: (torch.diagonal(x, 0, 1, 2), torch.diagonal(x, 1, 2, 0), torch.tril(x), torch.triu(x, 1)), Z)
case("unfold", lambda x: x.unfold(2, 2, 1), Z)
case("as_strided", lambda x: torch.as_strided(x, (3, 2), (1, 4), 1), Z)
case(
    "scatter of slices",
    lambda x, y: (
        torch.slice_scatter(x, y[:, :2], 1, 1, 3),
        torch.select_scatter(x, y[0], 0, 1),
        torch.slice_scatter(x, y[:, :2], 1, 0, 4, 2),
    ),
    X,
    Y,
)

# -- linear -------------------------------------------------------------------------------------------------------------
W = _t(5, 4, seed=11)
case("linear", lambda x, w, b: (F.linear(x, w, b), F.linear(x, w), F.linear(x[0], w, b)), X, W, _t(5))
case(
    "products",
    lambda a, b: (a @ b.T, torch.mm(a, b.t()), torch.mv(a, b[0]), torch.dot(a[0], b[0]), a[0] @ b.T, torch.outer(a[0], b[0])),
    X,
    Y,
)
case("batched products", lambda a, b: (torch.bmm(a, b.mT), torch.matmul(a, b.mT), a @ b[0].T, a[0] @ b.mT), Z, _t(2, 5, 4))
case(
    "fused products",
    lambda x, a, b: (torch.addmm(x, a, b), torch.addmm(x, a, b, beta=0.5, alpha=2), torch.addmm(x[0], a, b)),
    _t(3, 3),
    X,
    Y.T.contiguous(),
)
case("baddbmm", lambda x, a, b: torch.baddbmm(x, a, b.mT, beta=0.5), _t(2, 3, 5), Z, _t(2, 5, 4))
case("product of integers", lambda a, b: (a @ b.T, a[0] @ b[0]), N, M)
case("bilinear", lambda a, b, w: F.bilinear(a, b, w), X, Y, _t(2, 4, 4))
case(
    "einsum",
    lambda a, b: (torch.einsum("bij,bkj->bik", a, b), torch.einsum("bij->bji", a), torch.einsum("bij,bkj->b", a, b)),
    Z,
    _t(2, 5, 4),
)
case(
    "conv2d",
    lambda x, w, b: (F.conv2d(x, w, b), F.conv2d(x, w, b, 2, 1), F.conv2d(x, w, None, (1, 2), (0, 1), (2, 1))),
    IMAGE,
    _t(6, 4, 3, 3),
    _t(6),
)
case("conv2d in groups", lambda x, w: (F.conv2d(x, w, None, 1, 1, 1, 2), F.conv2d(x[0], w, groups=2)), IMAGE, _t(6, 2, 3, 3))
case("conv2d named padding", lambda x, w: (F.conv2d(x, w, padding="same"), F.conv2d(x, w, padding="valid")), IMAGE, _t(6, 4, 2, 3))
case(
    "conv1d and conv3d",
    lambda x, w, y, v: (F.conv1d(x, w, None, 2, 1), F.conv3d(y, v, None, 1, 1)),
    SIGNAL,
    _t(3, 4, 3),
    VOLUME,
    _t(2, 4, 2, 3, 2),
)
case("conv_transpose2d", lambda x, w, b: (F.conv_transpose2d(x, w, b, 2, 1, 1), F.conv_transpose2d(x, w)), IMAGE, _t(4, 3, 3, 3), _t(3))
case("conv_transpose2d in groups", lambda x, w: F.conv_transpose2d(x, w, None, 2, 0, 0, 2, 2), IMAGE, _t(4, 3, 3, 2))
case("conv_transpose1d", lambda x, w: F.conv_transpose1d(x, w, stride=3), SIGNAL, _t(4, 2, 3))
case("conv_transpose3d", lambda x, w: F.conv_transpose3d(x, w, stride=2), VOLUME, _t(4, 2, 2, 2, 3))

# -- pools --------------------------------------------------------------------------------------------------------------
case(
    "max_pool2d",
    lambda x: (F.max_pool2d(x, 2), F.max_pool2d(x, 3, 2, 1), F.max_pool2d(x, (2, 3), 1, 0, (2, 1)), F.max_pool2d(x, 3, 2, ceil_mode=True)),
    IMAGE,
)
case("max_pool with indices", lambda x: F.max_pool2d(x, 3, 2, 1, return_indices=True), IMAGE)
case("max_pool1d and 3d", lambda x, y: (F.max_pool1d(x, 3, 2), F.max_pool3d(y, 2)), SIGNAL, VOLUME)
case(
    "avg_pool2d",
    lambda x: (
        F.avg_pool2d(x, 2),
        F.avg_pool2d(x, 3, 2, 1),
        F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        F.avg_pool2d(x, 3, 2, ceil_mode=True),
        F.avg_pool2d(x, 2, divisor_override=3),
    ),
    IMAGE,
)
case("avg_pool1d and 3d", lambda x, y: (F.avg_pool1d(x, 3, 2, 1), F.avg_pool3d(y, 2)), SIGNAL, VOLUME)
case(
    "adaptive_avg_pool2d",
    lambda x: (
        F.adaptive_avg_pool2d(x, 1),
        F.adaptive_avg_pool2d(x, (3, 4)),
        F.adaptive_avg_pool2d(x, (5, 3)),
        F.adaptive_avg_pool2d(x, (None, 2)),
    ),
    IMAGE,
)
case("adaptive_avg_pool1d and 3d", lambda x, y: (F.adaptive_avg_pool1d(x, 4), F.adaptive_avg_pool3d(y, (2, 3, 1))), SIGNAL, VOLUME)
case(
    "adaptive_max_pool2d",
    lambda x: (F.adaptive_max_pool2d(x, 1), F.adaptive_max_pool2d(x, (3, 4)), F.adaptive_max_pool2d(x, (5, 3))),
    IMAGE,
)
case("lp_pool", lambda x: F.lp_pool2d(x.abs(), 2, 2), IMAGE, tolerance=1e-4)

# -- normalizations -----------------------------------------------------------------------------------------------------
C4, D4 = _t(4, low=0.5, high=1.5), _t(4, seed=4)
case(
    "batch_norm",
    lambda x, w, b: (F.batch_norm(x, b, w, w, b), F.batch_norm(x, b, w), F.batch_norm(x[:, :, 0, 0], b, w, w, b, eps=1e-3)),
    IMAGE,
    C4,
    D4,
)
case("batch_norm by the batch", lambda x, w, b: F.batch_norm(x, None, None, w, b, True), IMAGE, C4, D4, tolerance=5e-5)
case(
    "layer_norm",
    lambda x, w, b: (F.layer_norm(x, (4,), w, b), F.layer_norm(x, (3, 4)), F.layer_norm(x, (4,), None, b), F.layer_norm(x, (4,), w)),
    Z,
    C4,
    D4,
    tolerance=5e-5,
)
case(
    "group_norm",
    lambda x, w, b: (F.group_norm(x, 2, w, b), F.group_norm(x, 4), F.group_norm(x[:, :, 0, 0], 2, w, b)),
    IMAGE,
    C4,
    D4,
    tolerance=5e-5,
)
case("instance_norm", lambda x, w, b: (F.instance_norm(x), F.instance_norm(x, weight=w, bias=b)), IMAGE, C4, D4, tolerance=5e-5)
case("rms_norm", lambda x, w: (F.rms_norm(x, (4,), w, 1e-5), F.rms_norm(x, (4,))), Z, C4, tolerance=5e-5)
case("local_response_norm", lambda x: F.local_response_norm(x, 3), IMAGE)
case("normalize", lambda x: (F.normalize(x), F.normalize(x, 1.0, 0), F.cosine_similarity(x, x + 1)), X)

# -- reductions ---------------------------------------------------------------------------------------------------------
each("reductions of all", "sum mean prod any all std var max min norm", Z, tolerance=3e-5)
for _names in ("sum mean prod amax amin", "any all std var logsumexp"):
    case(f"{_names} over one", _twice(_names), Z, tolerance=3e-5)
case("max and min over one", lambda x: (*x.max(1), *x.min(-1, True)), Z)
case(
    "sums over several",
    lambda x: (x.sum((0, 2)), x.mean((1, 2), True), x.amax((0, 1)), x.var((0, 2), unbiased=False), x.sum(1, dtype=torch.float64).float()),
    Z,
)
case("reductions of integers", lambda x: (x.sum(), x.sum(1), x.prod(0), x.amax(1), x.any(1), x.all(), x.argmax(1), x.cumsum(0)), N)
case("sums of bool", lambda x: (x.sum(), x.any(), x.all(0), x.int().sum(1)), B)
case("arg", lambda x: (x.argmax(), x.argmax(1), x.argmin(2, True), x.argmin()), Z)
case(
    "norms",
    lambda x: (
        x.norm(),
        x.norm(1, 1),
        torch.linalg.vector_norm(x, 3, 1),
        torch.linalg.vector_norm(x, float("inf")),
        x.norm(2, (1, 2), True),
    ),
    Z,
)
case("var_mean", lambda x: (*torch.var_mean(x, 1), *torch.std_mean(x, (0, 1), correction=0)), Z)
case("cumulative", lambda x: (x.cumsum(1), x.cumsum(-1), x.cumprod(1)), Z)
case(
    "sorts",
    lambda x: (*x.sort(1), *x.sort(-1, True), x.argsort(1), *x.topk(2, 2), *x.topk(2, 1, False), *x.kthvalue(2, 2), *x.median(2)),
    Z,
)
case("counts", lambda x: (torch.count_nonzero(x), torch.count_nonzero(x, 1)), N)
case(
    "distances",
    lambda x, y: (torch.cdist(x, y), torch.cdist(x, y, 1.0), torch.pdist(x), torch.cdist(x, y, float("inf"))),
    X,
    Y,
    tolerance=5e-5,
)

# -- indexing -----------------------------------------------------------------------------------------------------------
I4 = torch.tensor([[0, 2, 1, 0], [1, 1, 2, 2]])
case("embedding", lambda i, w: F.embedding(i, w), I4, W)
case("embedding_bag", lambda w: F.embedding_bag(torch.tensor([0, 2, 1, 4, 3]), w, torch.tensor([0, 2]), mode="mean"), W)
case(
    "gathers",
    lambda x, i: (x.gather(0, i), x.index_select(1, i[0]), torch.take(x, i), x[i], x[:, i[0]], x[i[0], i[1]], x[i[0][:, None], i[1]]),
    X,
    I4,
)
case("several indices", lambda x, i: (x[i[0], :, i[1]], x[:, i[0], i[1]], x[i[0], i[0]], x[..., i[0]], x[-1, i[0]]), _t(3, 3, 4), I4)
case("gather smaller", lambda x: x.gather(1, torch.tensor([[1, 0]])), X)
case(
    "scatters",
    lambda x, i, s: (
        x.scatter(0, i, s[:2]),
        x.scatter(0, i, 9.0),
        x.scatter_add(0, i, s),
        x.index_add(0, i[0][:3], s),
        x.index_copy(0, i[0][1:3], s[:2]),
        x.index_fill(1, i[0], 5.0),
    ),
    X,
    I4,
    Y,
)
case(
    "scatter_reduce",
    lambda x, i, s: tuple(
        x.scatter_reduce(0, i, s, n, include_self=w) for n in ("sum", "prod", "amax", "amin", "mean") for w in (True, False)
    ),
    X,
    I4,
    Y,
)
case(
    "index_put",
    lambda x, i, v: (x.index_put((i[0],), v[:1]), x.index_put((i[0], i[1]), v[0, 0], True), x.index_put((torch.tensor([0, 2]),), v[:2])),
    X,
    I4,
    Y,
)
case("index_put of a mask", lambda x: torch.where(x > 0, x, 0).masked_fill(x < -1, 3.0), X)
case("masked_scatter", lambda x, m, s: x.masked_scatter(m, s), X, B, Y)
case("one_hot", lambda i: F.one_hot(i, 3), I4)
case(
    "bucketize",
    lambda x: (torch.bucketize(x, torch.tensor([-1.0, 0.0, 1.0])), torch.bucketize(x, torch.tensor([-1.0, 0.0, 1.0]), right=True)),
    X,
)
case("take_along_dim", lambda x, i: torch.take_along_dim(x, i, 0), X, I4)

# -- creation -----------------------------------------------------------------------------------------------------------
case(
    "constants",
    lambda x: (
        x + torch.zeros(4),
        x * torch.ones(3, 1),
        x + torch.full((4,), 2.5),
        torch.zeros_like(x) + x,
        torch.full_like(x, 3) * x,
        x + x.new_zeros(4),
    ),
    X,
)
case(
    "ranges",
    lambda x: (
        x + torch.arange(4),
        x + torch.arange(1, 3, 0.5),
        x + torch.linspace(0, 1, 4),
        x + torch.eye(3, 4),
        x * torch.tensor([1.0, 2, 3, 4]),
    ),
    X,
)
case("windows", lambda x: (x * torch.hann_window(4), x * torch.hamming_window(4), x * torch.blackman_window(4, periodic=False)), X)
case("meshgrid", lambda x: (torch.meshgrid(x[0], x[:, 0], indexing="ij"), torch.meshgrid(x[0], x[:, 0], indexing="xy")), X)

# -- padding, resizing, sampling ----------------------------------------------------------------------------------------
case(
    "pads",
    lambda x: (
        F.pad(x, (1, 2)),
        F.pad(x, (1, 2, 0, 1), value=3.0),
        F.pad(x, (-1, 2, 1, -2)),
        F.pad(x, (1, 2, 2, 1), "reflect"),
        F.pad(x, (1, 2, 2, 1), "replicate"),
        F.pad(x, (1, 2, 2, 1), "circular"),
    ),
    IMAGE,
)
case(
    "pads of one and three",
    lambda x, y: (F.pad(x, (2, 1), "reflect"), F.pad(y, (1, 1, 1, 1, 1, 1), "replicate"), F.pad(y, (1, 1, 1, 1, 1, 1), "reflect")),
    SIGNAL,
    VOLUME,
)
for _n in ("nearest", "nearest-exact", "bilinear", "bicubic"):
    case(
        f"interpolate {_n}",
        lambda x, n=_n: (
            F.interpolate(x, (5, 11), mode=n),
            F.interpolate(x, scale_factor=2, mode=n),
            F.interpolate(x, scale_factor=(1.5, 0.7), mode=n),
        ),
        IMAGE,
        tolerance=5e-5,
    )
case(
    "interpolate aligned",
    lambda x: (
        F.interpolate(x, (5, 11), mode="bilinear", align_corners=True),
        F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=True),
    ),
    IMAGE,
    tolerance=5e-5,
)
case(
    "interpolate with antialias",
    lambda x: (F.interpolate(x, (5, 4), mode="bilinear", antialias=True), F.interpolate(x, (5, 4), mode="bicubic", antialias=True)),
    IMAGE,
    tolerance=5e-5,
)
case(
    "interpolate of one and three",
    lambda x, y: (F.interpolate(x, 17, mode="linear"), F.interpolate(y, (3, 9, 7), mode="trilinear"), F.interpolate(x, scale_factor=2)),
    SIGNAL,
    VOLUME,
    tolerance=5e-5,
)
for _n in ("bilinear", "nearest", "bicubic"):
    case(
        f"grid_sample {_n}",
        lambda x, g, n=_n: (F.grid_sample(x, g, n, "zeros", False), F.grid_sample(x, g, n, "border", True)),
        IMAGE,
        _t(2, 3, 5, 2, low=-1.2, high=1.2),
        tolerance=1e-4,
    )
case("affine_grid", lambda t: F.affine_grid(t, (2, 3, 4, 5), align_corners=False), _t(2, 2, 3))
case("im2col and back", lambda x: (F.unfold(x, 3, padding=1), F.fold(F.unfold(x, 2, stride=2), (9, 8), 2, stride=2)), IMAGE)

# -- attention ----------------------------------------------------------------------------------------------------------
Q = _t(2, 3, 5, 8)
case(
    "attention",
    lambda q, k: (
        F.scaled_dot_product_attention(q, k, k),
        F.scaled_dot_product_attention(q, k, k, scale=0.2),
        F.scaled_dot_product_attention(q, k, k, is_causal=True),
        F.scaled_dot_product_attention(q, k, k, attn_mask=k[..., :5] > 0.1 - 5),
        F.scaled_dot_product_attention(q, k, k, attn_mask=k[..., :5]),
    ),
    Q,
    _t(2, 3, 5, 8, seed=4),
)
case("attention of rank 3", lambda q, k: F.scaled_dot_product_attention(q, k, k), Q[0], _t(3, 5, 8, seed=4))

# -- writing in place ---------------------------------------------------------------------------------------------------


def _rows(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[0] = 1.0
    y[1:, 2] += 3.0
    y[:, ::2] *= 2.0
    return y


def _views(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    y = x.clone()
    a = y.view(-1)
    b = y.t()
    a[3:6].add_(10.0)
    b[0].zero_()
    y.relu_()
    return y, a, b.contiguous(), y.reshape(2, 6) + 1


def _parts(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    a, b = y.chunk(2, 1)
    a.sub_(b)
    b.fill_(0.5)
    y.unsqueeze(0)[0, 1].mul_(3)
    return y


def _masks(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[y < 0] = 0.25
    y[:, torch.tensor([0, 2])] = 4.0
    y.masked_fill_(y > 3, 1.0).clamp_(0.3, 2.0)
    y.copy_(y + torch.arange(4))
    return y


def _copies(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    y = x + 1
    a = y.t().contiguous()
    a.add_(1)
    z = x * 2
    b = z.t().reshape(-1)
    b.mul_(3)
    c = (x + 2).narrow(1, 1, 2)
    c.zero_()
    d = x.clone()
    d[0].contiguous().fill_(9.0)
    return a, b, c, d


case("copies that look like views", _copies, X)
case("rows in place", _rows, X)
case("views in place", _views, X)
case("parts in place", _parts, X)
case("masks in place", _masks, X)

# -- recurrent ----------------------------------------------------------------------------------------------------------


def _recurrent(kind: str, **options: Any) -> Callable[..., Any]:
    torch.manual_seed(3)
    return getattr(torch.nn, kind)(4, 5, **options).eval()  # type: ignore[no-any-return]


SEQUENCE, H0 = _t(6, 2, 4), _t(1, 2, 5, seed=8)
for _kind in ("LSTM", "GRU", "RNN"):
    _states = (H0, H0 * 0.5) if _kind == "LSTM" else H0
    _net, _deep, _first = (
        _recurrent(_kind),
        _recurrent(_kind, num_layers=2, bidirectional=True),
        _recurrent(_kind, batch_first=True, bias=False),
    )
    case(_kind, lambda x, n=_net, d=_deep, f=_first, s=_states: (n(x), d(x), f(x), n(x, s), n(x[:, 0])), SEQUENCE, tolerance=2e-5)
case("RNN with relu", _recurrent("RNN", nonlinearity="relu"), SEQUENCE)
for _kind in ("LSTMCell", "GRUCell", "RNNCell"):
    _net = _recurrent(_kind)
    case(_kind, lambda x, n=_net: (n(x[0]), n(x[0, 0])), SEQUENCE, tolerance=2e-5)
