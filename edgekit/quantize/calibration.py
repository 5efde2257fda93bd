"""Calibration data: a folder or an iterable of samples, read one at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.arrays import read_arrays
from edgekit.errors import EdgekitError, QuantizationError
from edgekit.ir import Graph, Value
from edgekit.preprocessing import IMAGE_SUFFIXES, Preprocessing, for_caller, read_image
from edgekit.quantize.observers import Observer, make_observer
from edgekit.reference import ReferenceSession, SequenceStart, explaining_failures
from edgekit.types import Array, Dim, format_shape

Feeds = Mapping[str, Array]
Progress = Callable[[int, int | None], None]
#: runs one sample and reports every computed value: (feeds, observe)
Runner = Callable[[Feeds, Callable[[str, Array], None]], None]


class CalibrationData:
    """Samples as feeds by input name, read lazily.

    Args:
        source: a folder of ``.npy``, ``.npz``, ``.png``, ``.jpg``, ``.bmp`` files (read in name order), one such file, or an iterable of
            arrays or of dictionaries by input name. For a model with states the samples are the runs of a sequence, one after the other.
            Several sequences are the subfolders of a folder, lists of samples in an iterable, or files and arrays with one more dimension
            in front, which counts the runs; the states begin anew with each.
        graph: whose inputs the samples must fit.
        images: how image files become tensors; by default as the model's metadata says, else pixels from 0 to 1.
        limit: read at most that many samples.

    Raises:
        QuantizationError: the folder is missing or holds nothing usable.
    """

    def __init__(
        self, source: str | os.PathLike[str] | Iterable[Any], graph: Graph, images: Preprocessing | None = None, limit: int | None = None
    ) -> None:
        self.graph = graph
        self.images = images
        self.limit = limit
        self.files: list[Path] | None = None
        self.iterable: Iterable[Any] = ()
        if isinstance(source, str | os.PathLike):
            root = Path(source)
            usable = {*IMAGE_SUFFIXES, ".npy", ".npz"}
            if not root.exists():
                raise QuantizationError(f"calibration data {root} is neither a folder nor a file")
            found = [root] if root.is_file() else sorted(p for p in root.iterdir() if p.suffix.lower() in usable)
            if graph.states and root.is_dir():
                below = sorted(p for p in root.glob("*/*") if p.suffix.lower() in usable)
                found = [p for p in found if p.is_file()] + [p for p in below if p.is_file()]
            if not found:
                raise QuantizationError(f"calibration folder {root} holds no .npy, .npz, .png, .jpg or .bmp file")
            self.files = found if graph.states else found[:limit]
        else:
            self.iterable = source

    @property
    def replayable(self) -> bool:
        """Whether the samples can be read a second time: not so for a generator."""
        return self.files is not None or iter(self.iterable) is not self.iterable

    def __len__(self) -> int:
        """Number of samples, 0 where it is not known beforehand."""
        if self.graph.states:
            return 0  # a file may hold a sequence
        known = len(self.files) if self.files is not None else len(self.iterable) if isinstance(self.iterable, Sized) else 0
        return known if self.limit is None else min(known, self.limit)

    def __iter__(self) -> Iterator[Feeds]:
        found = self._sequences() if self.graph.states else self._samples()
        return found if self.limit is None else islice(found, self.limit)

    def _samples(self) -> Iterator[Feeds]:
        if self.files is None:
            for i, sample in enumerate(self.iterable):
                yield self._fit(sample, f"sample {i}")
            return
        for path in self.files:
            yield self._fit(self._read(path), str(path))

    def _sequences(self) -> Iterator[Feeds]:
        """The samples of a model with states; the first of each sequence is marked."""
        if self.files is None:
            for i, item in enumerate(self.iterable):
                if isinstance(item, list | tuple):
                    for k, sample in enumerate(item):
                        yield self._marked(self._fit(sample, f"sequence {i}, sample {k}"), k == 0)
                else:
                    yield from self._frames(item, f"sample {i}", i == 0)
            return
        folder = None
        for path in self.files:
            yield from self._frames(self._read(path), str(path), path.parent != folder)
            folder = path.parent

    def _frames(self, sample: Any, where: str, first: bool) -> Iterator[Feeds]:
        """One sample, or those that lie along one more dimension in front of all inputs."""
        arrays = list(sample.values()) if isinstance(sample, Mapping) else [np.asarray(sample)]
        ranks = [len(v.shape) for v in self.graph.user_inputs if not isinstance(sample, Mapping) or v.name in sample]
        if not arrays or not all(np.ndim(a) == rank + 1 and len(a) == len(arrays[0]) for a, rank in zip(arrays, ranks, strict=False)):
            yield self._marked(self._fit(sample, where), first)
            return
        for k in range(len(arrays[0])):
            frame = {n: a[k] for n, a in sample.items()} if isinstance(sample, Mapping) else arrays[0][k]
            yield self._marked(self._fit(frame, f"{where}, run {k}"), k == 0)

    @staticmethod
    def _marked(feeds: Feeds, first: bool) -> Feeds:
        return SequenceStart(feeds) if first else feeds

    def _read(self, path: Path) -> Any:
        try:
            if path.suffix.lower() in IMAGE_SUFFIXES:
                return self._read_image(path)
            return read_arrays(path)
        except (OSError, ValueError) as e:
            raise QuantizationError(f"calibration file {path} cannot be read: {e}") from e

    def _read_image(self, path: Path) -> Array:
        inputs = self.graph.user_inputs
        if len(inputs) != 1:
            raise QuantizationError(f"{path}: images feed models with one input; this one has {len(inputs)}, use .npz files")
        try:
            preprocessing = for_caller(self.graph.metadata, inputs[0].name, self.images)
            return read_image(path, inputs[0].shape, inputs[0].dtype, preprocessing)
        except EdgekitError as e:
            raise QuantizationError(str(e)) from e

    def _fit(self, sample: Any, where: str) -> Feeds:
        inputs = self.graph.user_inputs
        if not isinstance(sample, Mapping):
            if len(inputs) != 1:
                names = [v.name for v in inputs]
                raise QuantizationError(f"{where}: the model has {len(inputs)} inputs {names}; give a dictionary or an .npz by name")
            sample = {inputs[0].name: sample}
        missing = [v.name for v in inputs if v.name not in sample]
        if missing:
            raise QuantizationError(f"{where}: no data for input {missing}; it has {sorted(sample)}")
        return {v.name: self._fit_one(np.asarray(sample[v.name]), v, where) for v in inputs}

    @staticmethod
    def _fit_one(a: Array, v: Value, where: str) -> Array:
        if a.dtype != v.dtype.numpy:
            if a.dtype.kind not in "fiub":
                raise QuantizationError(f"{where}: input {v.name!r} needs {v.dtype.label}, got {a.dtype}")
            a = a.astype(v.dtype.numpy)
        if a.ndim == len(v.shape) - 1 and _holds(v.shape[0], 1):
            a = a[None]
        if a.ndim != len(v.shape) or not all(_holds(d, n) for d, n in zip(v.shape, a.shape, strict=True)):
            raise QuantizationError(f"{where}: input {v.name!r} needs the shape {format_shape(v.shape)}, got {list(a.shape)}")
        return a


def _holds(dim: Dim, n: int) -> bool:
    """Whether a dimension may have the size ``n``."""
    if isinstance(dim, int):
        return dim == n
    low, high = dim.limits()
    return (low is None or n >= low) and (high is None or n <= high)


def reference_runner(graph: Graph) -> Runner:
    """Runs samples through the numpy reference, states going on from sample to sample."""
    session = ReferenceSession(graph)

    def run(feeds: Feeds, observe: Callable[[str, Array], None]) -> None:
        with explaining_failures():
            session.run(feeds, lambda v, a: observe(v.name, a))

    return run


def observe_ranges(
    graph: Graph,
    data: Iterable[Feeds],
    observer: str,
    *,
    run: Runner | None = None,
    progress: Progress | None = None,
    total: int | None = None,
) -> dict[str, tuple[float, float]]:
    """The range of every floating-point value of the graph over the samples.

    Args:
        graph: the float graph.
        data: feeds, taken one at a time.
        observer: an observer's name.
        run: how to run a sample; the numpy reference by default.
        progress: called with (samples done, total or None).
        total: number of samples, if known.

    Raises:
        QuantizationError: no samples, or a value that is not finite.
    """
    watched: dict[str, Observer] = {v.name: make_observer(observer) for v in graph.values() if not v.is_constant and v.dtype.is_float}
    run = run or reference_runner(graph)
    count = 0

    def observe(name: str, a: Array) -> None:
        if name not in watched:
            return
        if not np.isfinite(a).all():
            raise QuantizationError(
                f"calibration sample {count}: {name!r} is not finite (inf or nan); check the preprocessing of the samples"
            )
        watched[name].observe(a)

    for feeds in data:
        run(feeds, observe)
        count += 1
        if progress is not None:
            progress(count, total)
    if count == 0:
        raise QuantizationError("calibration needs at least one sample; 50 to 500 typical inputs are a good number")
    return {name: o.range() for name, o in watched.items()}
