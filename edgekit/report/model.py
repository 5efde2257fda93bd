"""The report as data: everything the HTML, Markdown and JSON forms show. The JSON form is this structure and nothing else."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgekit.report.compare import Comparison, ErrorFigures

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class PortRecord:
    """An input, output or state (``kind``): name, element type, shape (integers or names)."""

    kind: str
    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class SizeRecord:
    """Bytes of one constant tensor or of all constants of one operator."""

    name: str
    detail: str
    nbytes: int


@dataclass(frozen=True)
class MemoryPoint:
    """Activation memory in use while one node runs."""

    node: str
    nbytes: int


@dataclass(frozen=True)
class MemoryRecord:
    """Memory over time.

    Attributes:
        arena_bytes: what the plan reserves.
        peak_node: where most is alive at once.
        peak_tensors: (name, bytes) of what is alive there, largest first.
        points: one a node.
    """

    arena_bytes: int
    peak_node: str
    peak_tensors: tuple[tuple[str, int], ...]
    points: tuple[MemoryPoint, ...]


@dataclass(frozen=True)
class NodeTime:
    """Time of one node in seconds, with the band where it is an estimate."""

    name: str
    op: str
    seconds: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class LatencyRecord:
    """Where the time goes.

    Attributes:
        source: ``"measured"`` or ``"simulated"``.
        where: machine or device, threads, back end.
        seconds: of one inference; low and high: the band of an estimate.
        warning: what must be said about an uncalibrated estimate.
        nodes: by node.
    """

    source: str
    where: str
    seconds: float
    low: float | None
    high: float | None
    warning: str
    nodes: tuple[NodeTime, ...]


@dataclass(frozen=True)
class PlacementRecord:
    """Who runs a node, with which kernel, and why not the preferred back end."""

    node: str
    op: str
    backend: str
    kernel: str
    fallback: str


@dataclass(frozen=True)
class SourceRuntimeRecord:
    """The source model on its own runtime, beside the file on ours.

    Attributes:
        name: and version, e.g. ``"onnxruntime 1.20.0"``; ``"the numpy reference of the imported graph"`` where that stands in.
        outputs: errors of ours against theirs.
        seconds, our_seconds: median time of one inference on this machine, one thread each, taken in turns; ``seconds`` is None for the
            numpy reference, whose time says nothing.
        runs: timed inferences of each.
        reason: why the numpy reference stands in: what the source's own runtime said; "" where that ran.
    """

    name: str
    outputs: tuple[ErrorFigures, ...]
    seconds: float | None
    our_seconds: float
    runs: int
    reason: str = ""


@dataclass(frozen=True)
class VariantRecord:
    """One version of the model in the summary table.

    Attributes:
        name: e.g. ``"float32"``, ``"int8"``.
        nbytes: file size.
        arena_bytes: peak activation memory.
        accuracy: share of right answers where labels were given, else None.
        seconds: (where, seconds) of measured latencies.
    """

    name: str
    nbytes: int
    arena_bytes: int
    accuracy: float | None = None
    seconds: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Report:
    """The whole report. All sections a run could not fill are empty or None."""

    title: str
    metadata: dict[str, str]
    versions: dict[str, str]
    hashes: dict[str, str]
    ports: tuple[PortRecord, ...]
    parameters: int
    macs: int
    file_bytes: int
    sizes_by_tensor: tuple[SizeRecord, ...]
    sizes_by_operator: tuple[SizeRecord, ...]
    operators: tuple[tuple[str, int], ...]
    transposes: int
    transposes_at: dict[str, int]
    memory: MemoryRecord
    latencies: tuple[LatencyRecord, ...] = ()
    comparison: Comparison | None = None
    source_runtime: SourceRuntimeRecord | None = None
    placement: tuple[PlacementRecord, ...] = ()
    variants: tuple[VariantRecord, ...] = ()
    log: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def to_dict(self) -> dict[str, Any]:
        """The JSON form's structure."""
        return asdict(self)
