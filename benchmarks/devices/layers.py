"""A minimal builder of layer tables: what each operator of a network computes and moves, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgekit.simulate.cost_model import OpWork

BYTES = {"f32": 4, "f16": 2, "int8": 1}
Shape = tuple[int, int, int]
"""Height, width, channels of one activation (batch 1)."""


@dataclass(frozen=True)
class Layer:
    """One operator, in elements; bytes follow from the dtype."""

    family: str
    macs: int
    read: int
    weights: int
    written: int
    fully_connected: bool = False

    def work(self, dtype: str, *, half_weights: bool = False) -> OpWork:
        """This layer as the cost model sees it when activations and weights are `dtype`.

        `half_weights` stores the weights of fully connected layers as f16, as ncnn does even where it computes in f32.
        """
        size = BYTES[dtype]
        weight_size = min(size, 2) if half_weights and self.fully_connected else size
        return OpWork(
            family=self.family,
            dtype=dtype,
            macs=self.macs,
            bytes_read=self.read * size + self.weights * weight_size,
            bytes_written=self.written * size,
            elements=max(self.read, self.written),
        )


@dataclass
class Net:
    """A network under construction: `shape` is the activation the next layer reads."""

    shape: Shape
    layers: list[Layer] = field(default_factory=list)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Weights (biases and normalisation left out: they are folded or negligible)."""
        return sum(layer.weights for layer in self.layers)

    def works(self, dtype: str, *, half_weights: bool = False) -> tuple[OpWork, ...]:
        """Every layer in execution order; `half_weights` as in `Layer.work`."""
        return tuple(layer.work(dtype, half_weights=half_weights) for layer in self.layers)

    def conv(self, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, *, valid: bool = False) -> Net:
        """Convolution with `same` (or `valid`) padding; an activation fused into it costs nothing."""
        height, width, channels = self.shape
        rows, cols = _extent(height, kernel, stride, valid), _extent(width, kernel, stride, valid)
        macs = rows * cols * out * (channels // groups) * kernel * kernel
        weights = out * (channels // groups) * kernel * kernel
        family = _family(channels, out, kernel, stride, groups)
        # Runtimes run a convolution of few groups as that many ordinary convolutions.
        parts = groups if 1 < groups <= 4 and family != "depthwise" else 1
        for _ in range(parts):
            self._add(
                family, macs // parts, height * width * channels // parts, weights // parts, rows * cols * out // parts
            )
        self.shape = (rows, cols, out)
        return self

    def depthwise(self, kernel: int, stride: int = 1) -> Net:
        """Depthwise convolution, multiplier 1."""
        return self.conv(self.shape[2], kernel, stride, self.shape[2])

    def fully_connected(self, out: int) -> Net:
        """Fully connected layer on the flattened activation."""
        elements = self._size()
        self.layers.append(Layer("pointwise", elements * out, elements, elements * out, out, fully_connected=True))
        self.shape = (1, 1, out)
        return self

    def pool(self, kernel: int, stride: int, *, ceil: bool = False) -> Net:
        """Maximum or average pooling; `ceil` rounds the extent up, as Caffe does."""
        height, width, channels = self.shape
        up = stride - 1 if ceil else 0
        rows, cols = (height - kernel + up) // stride + 1, (width - kernel + up) // stride + 1
        return self._memory(self._size(), (rows, cols, channels))

    def pool_same(self, stride: int) -> Net:
        """Pooling with `same` padding."""
        height, width, channels = self.shape
        return self._memory(self._size(), (-(-height // stride), -(-width // stride), channels))

    def global_pool(self) -> Net:
        """Global average pooling."""
        return self._memory(self._size(), (1, 1, self.shape[2]))

    def elementwise(self, inputs: int = 1) -> Net:
        """Addition, gating or a costly activation over the current shape."""
        return self._memory(inputs * self._size(), self.shape)

    def concat(self, channels: int) -> Net:
        """Join branches into `channels` channels at the current extent (one copy)."""
        shape = (self.shape[0], self.shape[1], channels)
        return self._memory(shape[0] * shape[1] * channels, shape)

    def upsample(self, factor: int) -> Net:
        """Nearest-neighbour enlargement."""
        height, width, channels = self.shape
        return self._memory(self._size(), (height * factor, width * factor, channels))

    def squeeze_excite(self, reduced: int, inner_activations: int = 1) -> Net:
        """Squeeze-and-excitation: pool, two 1x1 convolutions, gate."""
        full = self.shape
        self.global_pool().conv(reduced)
        for _ in range(inner_activations):
            self.elementwise()
        self.conv(full[2])
        self.shape = full
        return self.elementwise()

    def _memory(self, read: int, shape: Shape) -> Net:
        self._add("memory", 0, read, 0, shape[0] * shape[1] * shape[2])
        self.shape = shape
        return self

    def _add(self, family: str, macs: int, read: int, weights: int, written: int) -> None:
        self.layers.append(Layer(family, macs, read, weights, written))

    def _size(self) -> int:
        return self.shape[0] * self.shape[1] * self.shape[2]


def _extent(size: int, kernel: int, stride: int, valid: bool) -> int:
    return (size - kernel) // stride + 1 if valid else -(-size // stride)


def _family(channels: int, out: int, kernel: int, stride: int, groups: int) -> str:
    if groups == channels and groups > 1:
        return "depthwise"
    if groups > 4:
        return "grouped"
    if kernel == 1:
        return "pointwise"
    # Every runtime in the published rows uses Winograd transforms here.
    if kernel == 3 and stride == 1 and min(channels, out) >= 16:
        return "winograd"
    return "dense"
