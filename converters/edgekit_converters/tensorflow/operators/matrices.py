"""Diagonals and bands of matrices."""

from __future__ import annotations

import numpy as np

from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tensorflow.context import NodeContext
from edgekit_converters.tensorflow.registry import converts


def _main_diagonal(ctx: NodeContext, i: int) -> None:
    """Refuse diagonals other than the main one."""
    if len(ctx.items) > i and set(ctx.constant_ints(i, "the diagonal")) != {0}:
        raise Unsupported("only the main diagonal is supported.")


@converts("MatrixDiag", "MatrixDiagV2", "MatrixDiagV3", "Diag")
def matrix_diag(ctx: NodeContext) -> Value:
    """Vectors as diagonals of square matrices."""
    x = ctx.input(0)
    if ctx.op == "Diag" and len(x.shape) != 1:
        raise Unsupported("only a vector becomes a diagonal.")
    _main_diagonal(ctx, 1)
    n = ctx.static(x.shape[-1], "the diagonal")
    ctx.computed((n, n))
    eye = ctx.const(np.eye(n, dtype=np.bool_))
    return ctx.call("Where", eye, ctx.unsqueeze(x, [len(x.shape)]), ctx.like(0, x))


@converts("MatrixBandPart")
def matrix_band_part(ctx: NodeContext) -> Value:
    """A matrix with what lies outside a band around the diagonal set to 0."""
    x = ctx.input(0)
    (lower,), (upper,) = ctx.constant_ints(1, "the band"), ctx.constant_ints(2, "the band")
    rows, columns = ctx.static(x.shape[-2], "the rows"), ctx.static(x.shape[-1], "the columns")
    ctx.computed((rows, columns))
    distance = np.arange(rows)[:, None] - np.arange(columns)[None, :]
    keep = ((lower < 0) | (distance <= lower)) & ((upper < 0) | (-distance <= upper))
    return ctx.call("Where", ctx.const(keep), x, ctx.like(0, x))


@converts("MatrixDiagPart", "MatrixDiagPartV2", "MatrixDiagPartV3", "DiagPart")
def matrix_diag_part(ctx: NodeContext) -> Value:
    """The main diagonals of matrices."""
    x = ctx.input(0)
    rank = len(x.shape)
    if ctx.op == "DiagPart" and rank != 2:
        raise Unsupported("only the diagonal of a matrix is supported.")
    _main_diagonal(ctx, 1)
    n = min(ctx.static(d, "a matrix") for d in x.shape[-2:])
    ctx.computed((n, 2))
    back = (rank - 2, rank - 1, *range(rank - 2))
    points = ctx.const(np.stack([np.arange(n)] * 2, axis=1))
    y = ctx.call("GatherND", ctx.transpose(x, back), points)
    return ctx.transpose(y, (*range(1, rank - 1), 0))


@converts("MatrixSetDiag", "MatrixSetDiagV2", "MatrixSetDiagV3")
def matrix_set_diag(ctx: NodeContext) -> Value:
    """Matrices with other main diagonals."""
    x, diagonal = ctx.input(0), ctx.input(1)
    _main_diagonal(ctx, 2)
    rows, columns = (ctx.static(d, "a matrix") for d in x.shape[-2:])
    if rows > columns:
        raise Unsupported("matrices with more rows than columns are not supported.")
    ctx.computed((rows, columns))
    return ctx.call("Where", ctx.const(np.eye(rows, columns, dtype=np.bool_)), ctx.unsqueeze(diagonal, [len(x.shape) - 1]), x)
