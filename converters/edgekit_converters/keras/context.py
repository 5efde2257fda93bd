"""What one layer converter sees: configuration, arrays, inputs with their masks, and the builder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, F32, I64, Array, Dim, DType
from edgekit_converters.importing.composer import Composer
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.config import Layer
from edgekit_converters.keras.tensors import Call, Tensor, compute_type, flatten, policy_name

if TYPE_CHECKING:
    from edgekit_converters.keras.importer import ModelImporter

MISSING = object()


class LayerContext(Composer):
    """One call of a layer while it is imported.

    Attributes:
        layer: its place in the configuration. config: its settings.
        arguments: of the call.
        tensors: those of the first argument, flat.
        inputs: their values, floats in the layer's compute type.
        arrays: all arrays of the layer, by creation.
        masks_out: a mask for each output, where the converter sets them itself.
        importer: of the model around it.
    """

    def __init__(self, importer: ModelImporter, layer: Layer, call: Call, name: str) -> None:
        self.importer = importer
        self.layer = layer
        self.config: Mapping[str, Any] = layer.config
        self.arguments = call
        first = call.args[0] if call.args else next(iter(call.kwargs.values()), None)
        self.tensors = [t for t in flatten(first) if isinstance(t, Tensor)]
        self.masks_out: list[Value | None] | None = None
        super().__init__(importer.problems, importer.builder, layer.class_name, name, [t.value for t in self.tensors])
        if not layer.is_operation and not layer.is_model:
            self.inputs = [None if v is None else self.autocast(v) for v in self.inputs]

    # -- settings -------------------------------------------------------------------------------------------------------

    def get(self, *names: str, default: Any = MISSING) -> Any:
        """A setting by the first of its names (they changed between versions) that is there.

        Raises:
            MalformedModelError: it has none of them and no default is given.
        """
        for name in names:
            if name in self.config:
                return self.config[name]
        if default is MISSING:
            raise MalformedModelError(f"the setting {names[0]!r} is missing")
        return default

    def flag(self, *names: str, default: bool = False) -> bool:
        """A setting that is true or false."""
        return bool(self.get(*names, default=default))

    def integer(self, *names: str, default: Any = MISSING) -> int:
        """A whole number."""
        value = self.get(*names, default=default)
        if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value:
            raise MalformedModelError(f"the setting {names[0]!r} is {value!r}, no whole number")
        return int(value)

    def number(self, *names: str, default: Any = MISSING) -> float:
        """A number, also where the file wraps it as a numpy scalar."""
        value = self.get(*names, default=default)
        if isinstance(value, Mapping):
            config = value.get("config", value)
            value = config.get("value") if isinstance(config, Mapping) else config
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise MalformedModelError(f"the setting {names[0]!r} is {value!r}, no number")
        return float(value)

    def integers(self, rank: int, *names: str, default: Any = MISSING) -> list[int]:
        """``rank`` whole numbers; one stands for all."""
        value = self.get(*names, default=default)
        values = [value] * rank if isinstance(value, int) else value
        if (
            not isinstance(values, list | tuple)
            or len(values) != rank
            or any(isinstance(v, bool) or not isinstance(v, int) for v in values)
        ):
            raise MalformedModelError(f"the setting {names[0]!r} is {value!r}, not {rank} whole numbers")
        return [int(v) for v in values]

    def choice(self, choices: Sequence[str], *names: str, default: Any = MISSING) -> str:
        """One of some words."""
        value = self.get(*names, default=default)
        if value not in choices:
            raise Unsupported(f"{names[0]}={value!r} is not supported; {', '.join(choices)} are.")
        return str(value)

    @property
    def layout(self) -> str:
        """``NHWC`` or ``NCHW``, from ``data_format`` or Keras 1's ``dim_ordering``."""
        value = self.get("data_format", "dim_ordering", default=None) or "channels_last"
        found = {"channels_last": "NHWC", "tf": "NHWC", "channels_first": "NCHW", "th": "NCHW", "default": "NHWC"}.get(str(value))
        if found is None:
            raise MalformedModelError(f"data_format {value!r} is not known")
        return found

    @property
    def dtype(self) -> DType:
        """The element type the layer computes in."""
        name = policy_name(self.config.get("dtype"))
        if "bfloat16" in name:
            self.problems.note(f"{self.op} {self.name!r}: bfloat16 is computed in float32")
        found = compute_type(self.config.get("dtype"))
        return found if found.is_float else F32

    # -- inputs ---------------------------------------------------------------------------------------------------------

    @property
    def x(self) -> Value:
        """The first input."""
        return self.input(0)

    @property
    def mask(self) -> Value | None:
        """The mask of the first input, or the one the call names."""
        given = self.arguments.kwargs.get("mask")
        if isinstance(given, Tensor):
            return given.value
        return self.tensors[0].mask if self.tensors else None

    def autocast(self, value: Value) -> Value:
        """Floats in the layer's compute type, anything else as it is, as Keras does with inputs."""
        return self.cast(value, self.dtype) if value.dtype.is_float and self.config.get("autocast", True) is not False else value

    def real(self, value: Value) -> Value:
        """A value as floats of the compute type, whatever it is."""
        return self.cast(value, self.dtype)

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """An argument of the call, by position or name."""
        if position < len(self.arguments.args):
            return self.arguments.args[position]
        return self.arguments.kwargs.get(name, default)

    def keyword(self, name: str, default: Any = None) -> Any:
        """An argument that calls give by name."""
        return self.arguments.kwargs.get(name, default)

    def tensor_argument(self, position: int, name: str) -> Tensor | None:
        """A tensor argument in the compute type; None where it is absent."""
        found = self.argument(position, name)
        if not isinstance(found, Tensor):
            return None
        return Tensor(None if found.value is None else self.autocast(found.value), found.mask)

    # -- arrays ---------------------------------------------------------------------------------------------------------

    @property
    def arrays(self) -> list[Array]:
        """Every array of the layer, by creation."""
        return list(self.layer.arrays.values()) or list(self.layer.extra)

    def weight(self, role: str) -> Array:
        """One of the layer's arrays.

        Raises:
            MalformedModelError: it has none of that role.
        """
        found = self.layer.arrays.get(role)
        if found is None:
            raise MalformedModelError(f"the array {role!r} is missing")
        return found

    def shaped(self, role: str, *shape: int) -> Array:
        """One of the layer's arrays, of a shape that follows from the settings (-1: any size).

        Raises:
            MalformedModelError: it has another one.
        """
        found = self.weight(role)
        if found.ndim != len(shape) or any(want not in (-1, got) for want, got in zip(shape, found.shape, strict=True)):
            raise MalformedModelError(f"the array {role!r} has the shape {list(found.shape)}, {list(shape)} is needed")
        return found

    def has(self, role: str) -> bool:
        """Whether the layer has an array."""
        return role in self.layer.arrays

    def parameter(self, array: Array, name: str) -> Value:
        """An array as a constant of the compute type; calls of a shared layer share it."""
        key = (id(self.builder.graph), self.layer.path, name, array.shape, self.dtype)
        found = self.importer.constants.get(key)
        if found is None:
            found = self.const(np.ascontiguousarray(array).astype(self.dtype.numpy, copy=False), name=f"{self.name}/{name}")
            self.importer.constants[key] = found
        return found

    def bias(self, role: str = "bias") -> Value | None:
        """The bias as a constant; None where the layer has none."""
        return self.parameter(self.weight(role).reshape(-1), role) if self.has(role) else None

    # -- building -------------------------------------------------------------------------------------------------------

    def inner(self, child: Layer, *args: Any, mask: Value | None = None) -> list[Tensor]:
        """Call an inner layer on values."""
        tensors = [Tensor(a, mask) if isinstance(a, Value) else a for a in args]
        found = self.importer.apply(child, Call(list(tensors), {}), f"{self.name}/{child.name}")
        return found

    def number_like(self, value: float, x: Value) -> Value:
        """A scalar constant in ``x``'s element type."""
        return self.const(np.asarray(value, x.dtype.numpy))

    def clip(self, x: Value, low: float = -np.inf, high: float = np.inf) -> Value:
        """``x`` held between two numbers."""
        return self.call("Clip", x, min=low, max=high)

    def scaled(self, x: Value, factor: float, offset: float = 0.0) -> Value:
        """``x * factor + offset``."""
        y = x if factor == 1.0 else self.call("Mul", x, self.number_like(factor, x))
        return y if offset == 0.0 else self.call("Add", y, self.number_like(offset, x))

    def shape_values(self, x: Value, start: int = 0, end: int | None = None) -> Value:
        """Some dimensions of ``x`` as an int64 list."""
        return self.call("Shape", x, start=start, end=len(x.shape) if end is None else end)

    def to_shape(self, x: Value, dims: Sequence[Dim | int]) -> Value:
        """Reshape to dimensions of which at most one is open."""
        if tuple(dims) == tuple(x.shape):
            return x
        numbers = [d if isinstance(d, int) else -1 for d in dims]
        if numbers.count(-1) > 1:
            raise Unsupported("more than one dimension is open.", self.problems.shape_hint(), "dynamic-shape")
        return self.reshape(x, numbers)

    def drop(self, x: Value, axis: int) -> Value:
        """Take out a dimension of 1."""
        axis %= len(x.shape)
        return self.regroup(x, [[i] for i in range(len(x.shape)) if i != axis])

    def flip(self, x: Value, axis: int) -> Value:
        """Reverse one dimension."""
        low = int(np.iinfo(np.int64).min)
        return self.call("Slice", x, self.i64(-1), self.i64(low), self.i64(axis), self.i64(-1))

    def slice(self, x: Value, axis: int, start: int, end: int) -> Value:
        """A range of one dimension."""
        return self.call("Slice", x, self.i64(start), self.i64(end), self.i64(axis), self.i64(1))

    def logical_not(self, x: Value) -> Value:
        return self.call("Not", self.cast(x, BOOL))

    def dims(self, x: Value) -> list[Dim]:
        """The shape of ``x``."""
        return list(x.shape)

    def length(self, x: Value, axis: int) -> Value:
        """One dimension as an int64 scalar."""
        d = x.shape[axis % len(x.shape)]
        if isinstance(d, int):
            return self.const(np.asarray(d, np.int64))
        axis %= len(x.shape)
        return self.scalar(self.cast(self.call("Shape", x, start=axis, end=axis + 1), I64))
