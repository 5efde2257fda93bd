"""Operators that grappler and the TensorFlow.js converter fuse: a convolution or product, a bias, an activation."""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tensorflow.context import NodeContext
from edgekit_converters.tensorflow.operators.convolution import convolve, convolve_depthwise, layout_of
from edgekit_converters.tensorflow.operators.linear import product
from edgekit_converters.tensorflow.registry import converts

ACTIVATIONS = {
    "Relu": "Relu", "Elu": "Elu", "Tanh": "Tanh", "Sigmoid": "Sigmoid", "Selu": "Selu", "Softplus": "Softplus", "Softsign": "Softsign",
}  # fmt: skip


@converts("_FusedConv2D", "FusedDepthwiseConv2dNative", "_FusedDepthwiseConv2dNative")
def fused_conv(ctx: NodeContext) -> Value:
    """A convolution, then what ``fused_ops`` lists."""
    steps, extra = _steps(ctx, 2)
    bias = extra.pop(0) if steps and steps[0] == "BiasAdd" else None
    y = (convolve if ctx.op == "_FusedConv2D" else convolve_depthwise)(ctx, ctx.input(0), bias)
    return _finish(ctx, y, steps[1:] if bias is not None else steps, extra)


@converts("_FusedMatMul", "_MklFusedMatMul")
def fused_mat_mul(ctx: NodeContext) -> Value:
    """A product of matrices, then what ``fused_ops`` lists."""
    steps, extra = _steps(ctx, 2)
    y = product(ctx, ctx.input(0), ctx.input(1), ctx.attr_bool("transpose_a", False), ctx.attr_bool("transpose_b", False))
    return _finish(ctx, y, steps, extra)


def _steps(ctx: NodeContext, first: int) -> tuple[list[str], list[Value]]:
    """The fused operators, and the inputs behind the two of the product."""
    return ctx.attr_strings("fused_ops"), [ctx.input(i) for i in range(first, len(ctx.items))]


def _finish(ctx: NodeContext, y: Value, steps: list[str], extra: list[Value]) -> Value:
    """Bias, batch normalization, sums and activations, in order; each takes its inputs from the front of ``extra``."""

    def take() -> Value:
        if not extra:
            raise MalformedModelError(f"fused_ops {steps} need more inputs than there are")
        return extra.pop(0)

    for step in steps:
        if step in ("BiasAdd", "Add"):
            y = ctx.call("Add", y, take())
        elif step == "FusedBatchNorm":
            scale, offset, mean, variance = (take() for _ in range(4))
            y = ctx.call("BatchNorm", y, scale, offset, mean, variance, epsilon=ctx.attr_float("epsilon", 1e-4), layout=layout_of(ctx))
        elif step in ("Prelu", "PRelu"):
            y = ctx.call("PRelu", y, take())
        elif step == "LeakyRelu":
            y = ctx.call("LeakyRelu", y, alpha=ctx.attr_float("leakyrelu_alpha", 0.2))
        elif step == "Relu6":
            y = ctx.call("Clip", y, min=0.0, max=6.0)
        elif step in ("GeluApproximate", "GeluExact"):
            y = ctx.call("Gelu", y, approximate="tanh" if step == "GeluApproximate" else "none")
        elif step in ACTIVATIONS:
            y = ctx.call(ACTIVATIONS[step], y)
        else:
            raise Unsupported(f"the fused operator {step} is not supported.")
    return y
