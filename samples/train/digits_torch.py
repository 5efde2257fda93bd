"""Train the digits classifier in PyTorch and write it as ONNX, as .pt2 and as plain weights.

Run ``python -m samples.train.digits_torch`` first, then ``python -m samples.train.digits_keras``, which gives the same
weights to Keras. One thread and fixed seeds: the same machine and versions give the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from samples import digits_data

MODELS = Path(__file__).resolve().parent.parent / "models"
WEIGHTS = Path("build") / "digits_weights.npz"
_SEED = 7


class Separable(nn.Module):  # type: ignore[misc, unused-ignore]  # untyped where torch is not installed
    """Depthwise 3x3 and pointwise 1x1 convolution, each with batch norm and ReLU (MobileNet, arXiv:1704.04861)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels_in, channels_in, 3, stride, 1, groups=channels_in, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(channels_in)
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1, bias=False)
        self.pointwise_norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H / stride, W / stride)."""
        x = torch.relu(self.depthwise_norm(self.depthwise(x)))
        return torch.relu(self.pointwise_norm(self.pointwise(x)))


class InvertedResidual(nn.Module):  # type: ignore[misc, unused-ignore]  # untyped where torch is not installed
    """Expand, depthwise, project and add, with ReLU6 (MobileNetV2, arXiv:1801.04381)."""

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.expand = nn.Conv2d(channels, wide, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(wide)
        self.depthwise = nn.Conv2d(wide, wide, 3, 1, 1, groups=wide, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(wide)
        self.project = nn.Conv2d(wide, channels, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        y = nn.functional.relu6(self.expand_norm(self.expand(x)))
        y = nn.functional.relu6(self.depthwise_norm(self.depthwise(y)))
        return x + self.project_norm(self.project(y))


class DigitsNet(nn.Module):  # type: ignore[misc, unused-ignore]  # untyped where torch is not installed
    """A small mobile classifier: image (N, 1, 8, 8) in 0..1 to logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 32, 3, 1, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(32)
        self.block1 = Separable(32, 64)
        self.block2 = Separable(64, 64)
        self.pool = nn.MaxPool2d(2)
        self.block3 = InvertedResidual(64, 2)
        self.block4 = Separable(64, 128, stride=2)
        self.classifier = nn.Linear(128, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of a batch of images."""
        x = torch.relu(self.stem_norm(self.stem(image)))
        x = self.pool(self.block2(self.block1(x)))
        x = self.block4(self.block3(x))
        x = nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
        logits: Tensor = self.classifier(x)
        return logits


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, turn and scale each image a little, as handwriting varies; same shape and range."""
    count = len(images)

    def uniform(limit: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * limit

    angle, scale = uniform(0.2), 1 + uniform(0.1)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = (torch.stack([cosine, -sine, uniform(0.15)], 1), torch.stack([sine, cosine, uniform(0.15)], 1))
    grid = nn.functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return nn.functional.grid_sample(images, grid, align_corners=False)


def train(images: NDArray[np.float32], labels: NDArray[np.int64], epochs: int) -> DigitsNet:
    """Train on (N, 1, 8, 8) images for a number of passes; the model comes back in evaluation mode."""
    torch.manual_seed(_SEED)
    generator = torch.Generator().manual_seed(_SEED)
    model, batch = DigitsNet(), 64
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.02)
    steps = epochs * (len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    for epoch in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        total = 0.0
        for start in range(0, len(x) - batch + 1, batch):
            index = order[start : start + batch]
            optimizer.zero_grad()
            loss = loss_of(model(augment(x[index], generator)), y[index])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1} of {epochs}: mean loss {total / (len(x) // batch):.4f}")
    model.eval()
    return model


def write_onnx(model: DigitsNet, path: Path) -> None:
    """Write one self-contained ONNX file: input ``image`` (batch, 1, 8, 8), output ``logits`` (batch, 10)."""
    import onnx

    program = torch.onnx.export(
        model,
        (torch.zeros(2, 1, 8, 8),),
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes={"image": {0: torch.export.Dim("batch")}},
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    proto = program.model_proto
    # The exporter notes the source line of every node, with the paths of this machine.
    del proto.metadata_props[:], proto.graph.metadata_props[:]
    for item in (*proto.graph.node, *proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del item.metadata_props[:]
        item.doc_string = ""
    proto.graph.name = "digits"
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def write_pt2(model: DigitsNet, path: Path) -> None:
    """Write the exported program, with the batch size left open."""
    shapes: Any = {"image": {0: torch.export.Dim("batch")}}
    program = torch.export.export(model, (torch.zeros(2, 1, 8, 8),), dynamic_shapes=shapes)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    torch.export.save(program, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, report the held-out accuracy and write the files."""
    parser = argparse.ArgumentParser(description="Train the digits classifier; write digits.onnx and digits.pt2.")
    parser.add_argument("--output", type=Path, default=MODELS, metavar="DIR", help="(default: %(default)s)")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, metavar="NPZ", help="weights (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=80, help="passes over the training part (default: %(default)s)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    digits = digits_data.load()
    model = train(*digits.train(), options.epochs)
    images, labels = digits.held_out()
    with torch.no_grad():
        logits = model(torch.from_numpy(images)).numpy()
    count = sum(p.numel() for p in model.parameters())
    print(f"{count} parameters; held-out accuracy {digits_data.accuracy(logits, labels):.3f} on {len(labels)} images")
    options.output.mkdir(parents=True, exist_ok=True)
    options.weights.parent.mkdir(parents=True, exist_ok=True)
    np.savez(options.weights, **{k: v.numpy() for k, v in model.state_dict().items()})
    onnx_path, pt2_path = options.output / "digits.onnx", options.output / "digits.pt2"
    write_onnx(model, onnx_path)
    write_pt2(model, pt2_path)
    for path in (options.weights, onnx_path, pt2_path):
        print(f"wrote {path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
