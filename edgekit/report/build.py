"""Gathers a report: from the graph alone, from a session on this machine, and from simulated devices."""

from __future__ import annotations

import hashlib
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekit.format import read_model
from edgekit.interface import remaining_transposes
from edgekit.ir import Graph, Value
from edgekit.ir.macs import graph_macs
from edgekit.plan import plan_memory
from edgekit.report.beside_source import compare_with_source
from edgekit.report.compare import Comparison, compare_graphs
from edgekit.report.model import (
    LatencyRecord,
    MemoryPoint,
    MemoryRecord,
    NodeTime,
    PlacementRecord,
    PortRecord,
    Report,
    SizeRecord,
    VariantRecord,
)
from edgekit.runtime import Session, cpu_features, library_version
from edgekit.simulate import simulate_graph
from edgekit.types import Array
from edgekit.version import __version__


@dataclass(frozen=True)
class ReportOptions:
    """What a report looks at besides the model.

    Attributes:
        reference: the float graph to compare a quantized model with, or None.
        source: path of the source model, to run on its own runtime where that is installed.
        imported: gives the source's graph as it was imported, to run where that runtime refuses the model.
        frozen: values of the source's inputs that are constants in the model.
        samples: feeds for the comparisons; they are gone through several times.
        devices: names of simulated devices.
        backend, threads: of the measurement on this machine.
        runs: timed runs; 0 measures nothing.
        log: the conversion log.
        variants: versions of the model for the summary table.
    """

    reference: Graph | None = None
    source: Path | None = None
    imported: Callable[[], Graph] | None = None
    frozen: Mapping[str, Array] | None = None
    samples: Sequence[Mapping[str, Array]] = ()
    devices: tuple[str, ...] = ()
    backend: str = "cpu"
    threads: int = 1
    runs: int = 20
    log: tuple[str, ...] = ()
    variants: tuple[VariantRecord, ...] = ()


def build_report(model: Path, feeds: Mapping[str, Array], options: ReportOptions | None = None) -> Report:
    """Everything there is to say about a ``.ekm`` file.

    Args:
        model: the file.
        feeds: inputs for the measurement on this machine.
        options: what else to look at.
    """
    o = options or ReportOptions()
    graph = read_model(model)
    latencies, placement = _measure(model, feeds, o)
    latencies += [_simulate(graph, d) for d in o.devices]
    comparison: Comparison | None = None
    if o.reference is not None and o.samples:
        comparison = compare_graphs(o.reference, graph, o.samples)
    theirs = compare_with_source(o.source, model, o.samples, o.imported, o.frozen) if o.source is not None and o.samples else None
    constants = list({id(v): v for g in graph.walk() for v in g.constants()}.values())
    return Report(
        title=graph.name or model.stem,
        metadata=dict(sorted(graph.metadata.items())),
        versions=_versions(),
        hashes={model.name: _sha256(model)} | ({o.source.name: _sha256(o.source)} if o.source is not None and o.source.is_file() else {}),
        ports=_ports(graph),
        parameters=sum(v.const.size for v in constants if v.const is not None),
        macs=graph_macs(graph),
        file_bytes=model.stat().st_size,
        sizes_by_tensor=tuple(sorted((_tensor_size(v) for v in constants), key=lambda s: (-s.nbytes, s.name))),
        sizes_by_operator=_operator_sizes(graph),
        operators=tuple(Counter(n.op for g in graph.walk() for n in g.nodes).most_common()),
        transposes=sum(remaining_transposes(graph).values()),
        transposes_at=remaining_transposes(graph),
        memory=_memory(graph),
        latencies=tuple(latencies),
        comparison=comparison,
        source_runtime=theirs,
        placement=tuple(placement),
        variants=o.variants,
        log=o.log,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as f:
        digest = hashlib.sha256()
        while chunk := f.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    out = {
        "edgekit": __version__,
        "C library": library_version(),
        "Python": platform.python_version(),
        "CPU features": " ".join(cpu_features()),
    }
    for package in ("numpy", "onnx", "onnxruntime", "ai-edge-litert", "torch"):
        try:
            out[package] = version(package)
        except PackageNotFoundError:
            continue
    return out


def _ports(graph: Graph) -> tuple[PortRecord, ...]:
    def record(kind: str, name: str, v: Value) -> PortRecord:
        return PortRecord(kind, name, v.dtype.label, tuple(d if isinstance(d, int) else str(d) for d in v.shape))

    outs = zip(graph.user_output_names, graph.user_outputs, strict=True)
    states = (record("state", s.name, s.input) for s in graph.states)
    return (*(record("input", v.name, v) for v in graph.user_inputs), *(record("output", name, v) for name, v in outs), *states)


def _tensor_size(v: Value) -> SizeRecord:
    return SizeRecord(v.name, f"{v.dtype.label}{list(v.shape)}", v.type.nbytes_max())


def _operator_sizes(graph: Graph) -> tuple[SizeRecord, ...]:
    sums: dict[str, int] = {}
    counts: Counter[str] = Counter()
    seen: set[int] = set()
    for g in graph.walk():
        for n in g.nodes:
            for v in n.inputs:
                if v is not None and v.is_constant and id(v) not in seen:
                    seen.add(id(v))
                    sums[n.op] = sums.get(n.op, 0) + v.type.nbytes_max()
            counts[n.op] += 1
    rows = [SizeRecord(op, f"{counts[op]} node" + "s" * (counts[op] != 1), nbytes) for op, nbytes in sums.items()]
    return tuple(sorted(rows, key=lambda s: (-s.nbytes, s.name)))


def _memory(graph: Graph) -> MemoryRecord:
    plan = plan_memory(graph)
    points = tuple(MemoryPoint(node, nbytes) for node, nbytes in plan.timeline)
    return MemoryRecord(sum(plan_memory(g).arena_bytes for g in graph.walk()), plan.peak_node, tuple(plan.peak), points)


def _measure(model: Path, feeds: Mapping[str, Array], o: ReportOptions) -> tuple[list[LatencyRecord], list[PlacementRecord]]:
    with Session(model, backend=o.backend, threads=o.threads, profile=True) as session:
        if o.runs:
            session.run(dict(feeds))
        totals = [[n.total_ns for n in session.nodes]]
        for _ in range(o.runs):
            session.reset()  # thousands of runs on one input may drive a state out of all bounds
            session.run(dict(feeds))
            totals.append([n.total_ns for n in session.nodes])
        nodes = session.nodes
    placement = [PlacementRecord(n.name, n.op, n.backend, n.kernel, n.fallback) for n in nodes]
    if not o.runs:
        return [], placement
    # medians: another process taking the core for a moment must not look like a slow operator
    each = np.diff(np.asarray(totals, np.float64), axis=0) / 1e9
    times = tuple(NodeTime(n.name, n.op, float(s)) for n, s in zip(nodes, np.median(each, axis=0), strict=True))
    where = f"this machine, {o.backend}, {o.threads} thread(s), medians of {o.runs} runs"
    return [LatencyRecord("measured", where, float(np.median(each.sum(axis=1))), None, None, "", times)], placement


def _simulate(graph: Graph, device: str) -> LatencyRecord:
    s = simulate_graph(graph, device)
    nodes = tuple(NodeTime(n.name, n.op, n.seconds, n.low, n.high) for n in s.nodes)
    where = f"{s.title}, {s.unit}, {s.threads} thread(s), profile {s.device} ({s.calibration})"
    return LatencyRecord("simulated", where, s.seconds, s.low, s.high, s.warning, nodes)


def samples_list(samples: Iterable[Mapping[str, Array]], limit: int) -> list[Mapping[str, Array]]:
    """The first ``limit`` samples as a list, for the comparisons that go through them several times."""
    out: list[Mapping[str, Array]] = []
    for s in samples:
        out.append(s)
        if len(out) == limit:
            break
    return out
