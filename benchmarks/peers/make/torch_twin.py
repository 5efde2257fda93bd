"""PyTorch twins (NCHW, idiomatic modules) of the Keras models, with the same weights; then ONNX and TorchScript.

A graph translated node by node is full of layout leftovers that no user would ship; a twin gives each runtime the graph
that its own users would give it. Run ``python -m benchmarks.peers.make.torch_twin [--models-dir DIR] [NAME...]`` where
torch, onnx and onnxruntime are installed, after ``keras_models``. Writes ``fp32.onnx`` and ``trace.pt``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.peers import suite
from benchmarks.peers.make import common

Operation = dict[str, Any]
Step = tuple[int, Callable[..., Tensor], list[int]]
_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "hard_silu": nn.Hardswish,
    "hard_swish": nn.Hardswish,
    "hard_sigmoid": nn.Hardsigmoid,
}


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Padding before and after one axis that TensorFlow's "same" means."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _sources(operation: Operation) -> list[int]:
    args = operation["args"]
    args = args[0] if len(args) == 1 and isinstance(args[0], list) else args
    return [item["t"] for item in args if isinstance(item, dict)]


class Affine(nn.Module):  # type: ignore[misc, unused-ignore]  # untyped where torch is not installed
    """A fixed scale and shift of each channel."""

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        """Keep both, of shape (1, C, 1, 1)."""
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, x: Tensor) -> Tensor:
        """Scale and shift."""
        return x * self.scale + self.shift


class Twin(nn.Module):  # type: ignore[misc, unused-ignore]  # untyped where torch is not installed
    """A dumped Keras model as PyTorch modules, run in order."""

    def __init__(self, folder: Path) -> None:
        """Read ``graph.json`` and ``weights.npz``."""
        super().__init__()
        graph = json.loads((folder / "graph.json").read_text())
        self._weights: dict[str, dict[str, Tensor]] = {}
        for key, value in np.load(folder / "weights.npz").items():
            name, _, variable = key.rpartition("/")
            self._weights.setdefault(name, {})[variable] = torch.from_numpy(np.array(value, np.float32))
        self._by: dict[int, Operation] = {operation["out"]: operation for operation in graph["ops"]}
        self._steps: list[Step] = []
        self._result: int = graph["output"]
        self.modules_in_order = nn.ModuleList()
        for operation in graph["ops"]:
            add = getattr(self, f"_add_{operation['cls'].lower()}", None)
            if add is None:
                raise NotImplementedError(f"no twin of the Keras layer {operation['cls']}")
            add(operation, operation["cfg"], self._weights.get(operation["name"], {}))
        self._weights.clear()

    def forward(self, x: Tensor) -> Tensor:
        """Run every step on an NCHW image."""
        values = {out: x for out, operation in self._by.items() if operation["cls"] == "InputLayer"}
        for out, function, sources in self._steps:
            values[out] = function(*[values[source] for source in sources])
        return values[self._result]

    def _module(self, operation: Operation, module: nn.Module) -> None:
        self.modules_in_order.append(module)
        self._steps.append((operation["out"], module, _sources(operation)))

    def _function(self, operation: Operation, function: Callable[..., Tensor]) -> None:
        self._steps.append((operation["out"], function, _sources(operation)))

    def _padding(self, operation: Operation, kernel: tuple[int, int], stride: tuple[int, int]) -> tuple[Any, Any]:
        """Padding for the module and explicit padding before it; a ZeroPadding2D before it is absorbed."""
        source = self._by[_sources(operation)[0]]
        if operation["cfg"]["padding"] == "same":
            h, w = (_same(n, k, s) for n, k, s in zip(source["shape"][1:3], kernel, stride, strict=True))
        elif source["cls"] == "ZeroPadding2D":
            h, w = source["cfg"]["padding"]
            operation["args"] = source["args"]
        else:
            return 0, None
        return ((h[0], w[0]), None) if h[0] == h[1] and w[0] == w[1] else (0, (w[0], w[1], h[0], h[1]))

    def _add_inputlayer(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        pass

    _add_zeropadding2d = _add_inputlayer  # the convolution or pool after it takes the padding

    def _add_dropout(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        self._function(operation, lambda x: x)

    def _add_conv2d(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        depthwise = operation["cls"] == "DepthwiseConv2D"
        kernel = weights["kernel"].permute((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)).contiguous()
        channels, size, stride = kernel.shape[0], tuple(kernel.shape[2:]), tuple(config["strides"])
        padding, extra = self._padding(operation, size, stride)
        groups = channels if depthwise else 1
        inputs = channels if depthwise else kernel.shape[1]
        module = nn.Conv2d(inputs, channels, size, stride, padding, groups=groups, bias="bias" in weights)
        module.weight.data = kernel
        if "bias" in weights:
            module.bias.data = weights["bias"]
        modules = [nn.ZeroPad2d(extra), module] if extra else [module]
        if config.get("activation", "linear") != "linear":
            modules.append(_ACTIVATIONS[config["activation"]]())
        self._module(operation, nn.Sequential(*modules) if len(modules) > 1 else module)

    _add_depthwiseconv2d = _add_conv2d

    def _add_conv2dtranspose(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        kernel = weights["kernel"].permute(3, 2, 0, 1).contiguous()
        size, stride = tuple(kernel.shape[2:]), tuple(config["strides"])
        if size != stride:
            raise NotImplementedError("a transposed convolution whose kernel is not its stride")
        module = nn.ConvTranspose2d(kernel.shape[0], kernel.shape[1], size, stride)
        module.weight.data, module.bias.data = kernel, weights["bias"]
        self._module(operation, module)

    def _add_dense(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        module = nn.Linear(*weights["kernel"].shape)
        module.weight.data, module.bias.data = weights["kernel"].T.contiguous(), weights["bias"]
        self._module(operation, module)

    def _add_batchnormalization(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        module = nn.BatchNorm2d(len(weights["gamma"]), eps=config["epsilon"])
        module.weight.data, module.bias.data = weights["gamma"], weights["beta"]
        module.running_mean, module.running_var = weights["moving_mean"], weights["moving_variance"]
        self._module(operation, module)

    def _add_activation(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        self._module(operation, _ACTIVATIONS[config["activation"]]())

    def _add_relu(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        source = self._by[_sources(operation)[0]]
        six = config.get("max_value") == 6.0
        if six and source["cls"] == "Add" and 3.0 in source["args"]:
            # relu6(x + 3) and the multiplication by 1/6 after it are a hard sigmoid
            operation["hard_sigmoid"], operation["args"] = True, source["args"]
            self._steps = [step for step in self._steps if step[0] != source["out"]]
            self._module(operation, nn.Hardsigmoid())
        else:
            self._module(operation, nn.ReLU6() if six else nn.ReLU())

    def _add_add(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        args = operation["args"][0] if len(operation["args"]) == 1 else operation["args"]
        constants = [float(item) for item in args if not isinstance(item, dict)]
        multiply = operation["cls"] == "Multiply"
        if multiply and constants and self._by[_sources(operation)[0]].get("hard_sigmoid"):
            self._function(operation, lambda x: x)
        elif constants:
            value = constants[0]
            self._function(operation, (lambda x: x * value) if multiply else (lambda x: x + value))
        else:
            self._function(operation, torch.mul if multiply else torch.add)

    _add_multiply = _add_add

    def _add_concatenate(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        axis = 1 if len(operation["shape"]) == 4 else config["axis"]
        self._function(operation, lambda *x: torch.cat(x, axis))

    def _add_globalaveragepooling2d(
        self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]
    ) -> None:
        pool = nn.AdaptiveAvgPool2d(1)
        self._module(operation, pool if config.get("keepdims") else nn.Sequential(pool, nn.Flatten()))

    def _add_maxpooling2d(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        size, stride = tuple(config["pool_size"]), tuple(config["strides"])
        padding, extra = self._padding(operation, (size[0], size[1]), (stride[0], stride[1]))
        if extra:
            raise NotImplementedError("a pool whose padding differs from side to side")
        self._module(operation, nn.MaxPool2d(size, stride, padding))

    def _add_upsampling2d(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        self._module(operation, nn.Upsample(scale_factor=2, mode="nearest"))

    def _add_flatten(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        self._function(operation, lambda x: x.flatten(1))

    def _add_reshape(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        shape, source = operation["shape"][1:], self._by[_sources(operation)[0]]["shape"]
        if len(shape) == 3:  # a 1 x 1 map
            self._function(operation, lambda x: x.reshape(1, shape[2], shape[0], shape[1]))
        elif len(source) == 4 and len(shape) == 2:  # a detector's head: rows in NHWC order
            self._function(operation, lambda x: x.permute(0, 2, 3, 1).reshape(1, shape[0], shape[1]))
        else:
            self._function(operation, lambda x: x.flatten(1))

    def _add_rescaling(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        parts = (torch.tensor(config[key], dtype=torch.float32).reshape(1, -1, 1, 1) for key in ("scale", "offset"))
        self._module(operation, Affine(*parts))

    def _add_normalization(self, operation: Operation, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        scale = 1 / torch.clamp(torch.sqrt(weights["variance"].reshape(1, -1, 1, 1)), min=1e-7)
        self._module(operation, Affine(scale, -weights["mean"].reshape(1, -1, 1, 1) * scale))


def tidy_onnx(source: Path, target: Path) -> None:
    """Fold batch norms, constants and pads with ONNX Runtime's basic level; standard operators only."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    model = onnx.load(target)
    standard = [item for item in model.opset_import if item.domain in ("", "ai.onnx")]
    foreign = {node.domain for node in model.graph.node} - {"", "ai.onnx"}
    if foreign:
        raise RuntimeError(f"{target} holds operators of {', '.join(sorted(foreign))}")
    del model.opset_import[:]
    model.opset_import.extend(standard)
    onnx.save(model, target)


def main() -> None:
    """Make the twins named on the command line and print how far each is from its source."""
    for spec, folder in common.folders("Make ONNX and TorchScript twins.", common.keras_models()):
        model = Twin(folder).eval()
        x = torch.from_numpy(suite.to_nchw(spec, suite.make_input(spec.name, 0)))
        with torch.no_grad(), tempfile.TemporaryDirectory() as temporary:
            y = model(x)
            y = y.permute(0, 2, 3, 1) if spec.image_out else y
            exported = Path(temporary) / "export.onnx"
            names: dict[str, Any] = {"input_names": ["input"], "output_names": ["output"]}
            torch.onnx.export(model, (x,), exported, opset_version=17, dynamo=False, **names)
            tidy_onnx(exported, folder / "fp32.onnx")
            torch.jit.trace(model, x).save(str(folder / "trace.pt"))
        expected = np.load(folder / "ref.npy", mmap_mode="r")[0]
        error = float(np.abs(y.numpy()[0] - expected).max())
        print(f"{folder}: largest difference to Keras {error:.1e} of {float(np.abs(expected).max()):.1f}", flush=True)


if __name__ == "__main__":
    main()
