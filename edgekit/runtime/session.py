"""Runs ``.ekm`` models on the C runtime."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from edgekit.errors import RuntimeLibraryError
from edgekit.runtime.library import backend_handle, create_env, env_error, failure, ffi, lib
from edgekit.types import Array, DType, QuantParams


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a session.

    Attributes:
        name: the source model's own name.
        shape: an integer a dimension, or the name of one that may change from run to run.
        dtype: element type.
        quant: scale and zero point of an integer tensor, or None.
        max_shape: the largest shape the memory plan provides for.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: DType
    quant: QuantParams | None
    max_shape: tuple[int, ...]

    @property
    def is_dynamic(self) -> bool:
        """True when a dimension may change from run to run."""
        return any(isinstance(d, str) for d in self.shape)

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype.label}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class MemoryReport:
    """Bytes a session holds.

    Attributes:
        activation_bytes: the planned arena: the model's peak, the same on every device.
        packed_bytes: weights in the layout of this CPU's kernels.
        scratch_bytes: the largest workspace of one node.
        overhead_bytes: the session's own records.
        total_bytes: all of them.
    """

    activation_bytes: int
    packed_bytes: int
    scratch_bytes: int
    overhead_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class NodeReport:
    """Where a node runs, and how long it took.

    Attributes:
        name: of the node.
        op: its operator.
        backend: who runs it.
        kernel: the micro-kernel or device kernel chosen, or "".
        fallback: why a preferred back end declined it, or "".
        run_count: times it ran.
        total_ns: nanoseconds over all runs; 0 unless the session profiles.
    """

    name: str
    op: str
    backend: str
    kernel: str
    fallback: str
    run_count: int
    total_ns: int


class Session:
    """A model ready to run.

    Args:
        model: path of an ``.ekm`` file, or its bytes.
        backend: ``"cpu"`` or ``"opencl"``; the CPU takes the nodes that a device declines.
        threads: CPU threads, the calling one included.
        isa: the highest ISA level to use (``"scalar"``, ``"avx2"`` ...); None: all the CPU has. Results on integers are the same.
        profile: keep the time of every node, see ``nodes``.
        cache_dir: where back ends keep compiled programs; None: nowhere.

    Raises:
        RuntimeLibraryError: the library is missing, the model is broken, or this build cannot run it.

    A session may be used from several threads; runs then wait for each other.

    A model with ``states`` goes on from run to run: a successful run replaces them, a failed one leaves them, ``reset`` sets them to the
    model's first values.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> import edgekit
        >>> from edgekit.ir import GraphBuilder
        >>> from edgekit.types import F32
        >>> b = GraphBuilder("relu")
        >>> b.output(b.call("Relu", b.input("x", F32, (1, 3))), "y")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = edgekit.convert(b.graph, Path(folder) / "relu.ekm").path
        ...     with edgekit.Session(path, threads=1) as session:
        ...         print(*session.inputs, *session.outputs)
        ...         print(session.run({"x": np.array([[-1, 0, 2]], np.float32)})["y"])
        x: float32[1, 3] y: float32[1, 3]
        [[0. 0. 2.]]
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes,
        backend: str = "cpu",
        threads: int = 1,
        isa: str | None = None,
        profile: bool = False,
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        self._handle: Any = None
        self._lock = threading.Lock()
        self._env = create_env(isa, None if cache_dir is None else os.fspath(cache_dir))
        self._what = f"model of {len(model)} bytes" if isinstance(model, bytes) else f"model {os.fspath(model)!r}"
        self._model = self._load(model)
        self._handle = self._create(backend, threads, profile)
        self.inputs: tuple[TensorSpec, ...] = self._specs(lib().ek_session_input_count, lib().ek_session_input_info)
        self.outputs: tuple[TensorSpec, ...] = self._specs(lib().ek_session_output_count, lib().ek_session_output_info)
        self.states: tuple[TensorSpec, ...] = self._specs(lib().ek_session_state_count, lib().ek_session_state_info)

    def _load(self, model: str | os.PathLike[str] | bytes) -> Any:
        out = ffi.new("ek_model **")
        if isinstance(model, bytes):
            self._bytes = ffi.from_buffer(model)  # stays alive as long as the model
            status = lib().ek_model_load_memory(self._env, self._bytes, len(model), out)
        else:
            status = lib().ek_model_load_file(self._env, os.fsencode(model), out)
        if status != 0:
            raise failure(f"cannot load the {self._what}", status, env_error(self._env))
        return ffi.gc(out[0], lib().ek_model_destroy)

    def _create(self, backend: str, threads: int, profile: bool) -> Any:
        chain = [backend_handle(backend)] + ([backend_handle("cpu")] if backend != "cpu" else [])
        handles = ffi.new("ek_backend *[]", [ffi.cast("ek_backend *", h) for h in chain])
        options = ffi.new("ek_session_options *")
        options.struct_size = ffi.sizeof("ek_session_options")
        options.threads = threads
        options.backends = handles
        options.backend_count = len(chain)
        options.profile = profile
        out = ffi.new("ek_session **")
        status = lib().ek_session_create(self._env, self._model, options, out)
        if status != 0:
            raise failure(f"cannot create a session for the {self._what}", status, env_error(self._env))
        return out[0]

    def _specs(self, count: Any, info_of: Any) -> tuple[TensorSpec, ...]:
        return tuple(_spec(self._info(info_of, i)) for i in range(count(self._handle)))

    def _info(self, info_of: Any, index: int) -> Any:
        info = ffi.new("ek_tensor_info *")
        info.struct_size = ffi.sizeof("ek_tensor_info")
        self._check(info_of(self._handle, index, info), "cannot describe a tensor")
        return info

    def _check(self, status: int, what: str) -> None:
        if status != 0:
            raise failure(f"{what} ({self._what})", status, _text(lib().ek_session_error(self._handle)))

    def _open_handle(self) -> Any:
        if self._handle is None:
            raise RuntimeLibraryError(f"the session of the {self._what} is closed; create another one")
        return self._handle

    @property
    def peak_memory_bytes(self) -> int:
        """Activation memory: the peak that the converter planned."""
        return self.memory.activation_bytes

    @property
    def memory(self) -> MemoryReport:
        """All memory of the session."""
        info = ffi.new("ek_memory_info *")
        info.struct_size = ffi.sizeof("ek_memory_info")
        self._check(lib().ek_session_memory(self._open_handle(), info), "cannot read the session's memory")
        return MemoryReport(
            int(info.activation_bytes), int(info.packed_bytes), int(info.scratch_bytes), int(info.overhead_bytes), int(info.total_bytes)
        )

    @property
    def nodes(self) -> tuple[NodeReport, ...]:
        """Placement and profile of every node of the main graph, in execution order."""
        handle = self._open_handle()
        info = ffi.new("ek_node_info *")
        out = []
        for i in range(lib().ek_session_node_count(handle)):
            info.struct_size = ffi.sizeof("ek_node_info")
            self._check(lib().ek_session_node_info(handle, i, info), "cannot describe a node")
            texts = [_text(t) for t in (info.name, info.op, info.backend, info.kernel, info.fallback)]
            out.append(NodeReport(texts[0], texts[1], texts[2], texts[3], texts[4], int(info.run_count), int(info.total_ns)))
        return tuple(out)

    @property
    def metadata(self) -> dict[str, str]:
        """The facts that travel with the model: source format and hash, labels ..."""
        key, value = ffi.new("const char **"), ffi.new("const char **")
        out = {}
        self._open_handle()
        for i in range(lib().ek_model_metadata_count(self._model)):
            lib().ek_model_metadata(self._model, i, key, value)
            out[_text(key[0])] = _text(value[0])
        return out

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        """One inference; a model's states go on from the last one.

        Args:
            inputs: an array for each input, by name, of exactly its element type, and of its shape (or a smaller one in
                dimensions that may change).

        Returns:
            the outputs by name, in the model's own order; the arrays are the caller's.

        Raises:
            RuntimeLibraryError: names, shapes or element types do not fit the model, or a node failed.
        """
        arrays = self._check_inputs(inputs)
        with self._lock:
            handle = self._open_handle()
            for i, (spec, a) in enumerate(zip(self.inputs, arrays, strict=True)):
                if spec.is_dynamic:
                    self._check(lib().ek_session_resize_input(handle, i, list(a.shape), a.ndim), f"cannot resize input {spec.name!r}")
                self._check(lib().ek_session_set_input(handle, i, _pointer(a), a.nbytes), f"cannot set input {spec.name!r}")
            self._check(lib().ek_session_run(handle), "the run failed")
            return {spec.name: self._output(i, spec) for i, spec in enumerate(self.outputs)}

    def reset(self) -> None:
        """Set every state to its first value: the next run is like that of a new session."""
        with self._lock:
            self._check(lib().ek_session_reset_state(self._open_handle()), "cannot reset the states")

    def get_state(self, name: str) -> Array:
        """A copy of a state's present value.

        Raises:
            RuntimeLibraryError: no state has that name.
        """
        index, spec = self._state(name)
        a = np.empty(spec.max_shape, spec.dtype.numpy)
        with self._lock:
            self._check(lib().ek_session_get_state(self._open_handle(), index, _pointer(a), a.nbytes), f"cannot read state {name!r}")
        return a

    def set_state(self, name: str, value: Any) -> None:
        """Give a state another value: of its shape and element type.

        Raises:
            RuntimeLibraryError: no state has that name, or the value does not fit.
        """
        index, spec = self._state(name)
        a = np.require(value, requirements="C")
        if a.dtype != spec.dtype.numpy or a.shape != spec.max_shape:
            raise RuntimeLibraryError(f"state {spec} of the {self._what} cannot be {a.dtype}{list(a.shape)}", 1)
        with self._lock:
            self._check(lib().ek_session_set_state(self._open_handle(), index, _pointer(a), a.nbytes), f"cannot set state {name!r}")

    def _state(self, name: str) -> tuple[int, TensorSpec]:
        for i, spec in enumerate(self.states):
            if spec.name == name:
                return i, spec
        raise RuntimeLibraryError(f"the {self._what} has no state {name!r}; its states: {[s.name for s in self.states]}", 1)

    def _output(self, index: int, spec: TensorSpec) -> Array:
        info = self._info(lib().ek_session_output_info, index)
        a = np.empty(tuple(info.dims[0 : info.rank]), spec.dtype.numpy)
        self._check(lib().ek_session_get_output(self._handle, index, _pointer(a), a.nbytes), f"cannot read output {spec.name!r}")
        return a

    def _check_inputs(self, inputs: Mapping[str, Any]) -> list[Array]:
        problems = []
        wanted = [s.name for s in self.inputs]
        if unknown := [n for n in inputs if n not in wanted]:
            problems.append(f"no input is called {', '.join(map(repr, unknown))}")
        arrays = []
        for spec in self.inputs:
            if spec.name not in inputs:
                problems.append(f"{spec.name!r} is missing")
                continue
            a = np.asarray(inputs[spec.name])
            if a.dtype != spec.dtype.numpy:
                problems.append(f"{spec.name!r} is {a.dtype}, not {spec.dtype.label}: convert it with .astype(np.{spec.dtype.label})")
            if not _fits(a.shape, spec):
                problems.append(f"{spec.name!r} has shape {list(a.shape)}")
            arrays.append(np.require(a, requirements="C"))
        if problems:
            expected = "; ".join(str(s) + (f" (up to {list(s.max_shape)})" if s.is_dynamic else "") for s in self.inputs)
            raise RuntimeLibraryError(f"wrong inputs for the {self._what}: {'; '.join(problems)}. It takes {expected or 'none'}", 1)
        return arrays

    def close(self) -> None:
        """Free the session's memory. Further use raises."""
        with self._lock:
            handle, self._handle = self._handle, None
            if handle is not None:
                lib().ek_session_destroy(handle)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()

    def __repr__(self) -> str:
        return f"<Session of the {self._what}: {', '.join(map(str, self.inputs))} -> {', '.join(map(str, self.outputs))}>"


def _text(c_string: Any) -> str:
    return str(ffi.string(c_string).decode(errors="replace"))


def _pointer(a: Array) -> Any:
    return ffi.cast("void *", a.ctypes.data)


def _fits(shape: tuple[int, ...], spec: TensorSpec) -> bool:
    return len(shape) == len(spec.shape) and all(
        n == d if isinstance(d, int) else n <= most for n, d, most in zip(shape, spec.shape, spec.max_shape, strict=True)
    )


def _spec(info: Any) -> TensorSpec:
    quant = None
    if info.quant_count:
        n = int(info.quant_count)
        scale = tuple(float(info.quant_scale[i]) for i in range(n))
        zero_point = tuple(int(info.quant_zero_point[i]) for i in range(n))
        quant = QuantParams(scale, zero_point, None if info.quant_axis < 0 else int(info.quant_axis))
    most = tuple(int(info.max_dims[i]) for i in range(info.rank))
    symbols = [_text(info.dim_symbols[i]) for i in range(info.rank)]
    shape = tuple(s or d for s, d in zip(symbols, most, strict=True))
    return TensorSpec(_text(info.name), shape, DType(int(info.dtype)), quant, most)
