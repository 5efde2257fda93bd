"""Answers on a desktop what a device would do: the same bits, the memory it needs, and an estimate of the time it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgekit.ir import Graph
from edgekit.ir.macs import node_macs
from edgekit.plan import plan_memory
from edgekit.reference import run_graph
from edgekit.simulate.cost_model import estimate_seconds, estimate_total
from edgekit.simulate.profile import DeviceProfile, load_profile
from edgekit.simulate.work import node_work
from edgekit.types import Array


@dataclass(frozen=True)
class NodeEstimate:
    """Expected time of one node.

    Attributes:
        name, op: of the node.
        macs: multiply-accumulates.
        seconds, low, high: the estimate and its band.
    """

    name: str
    op: str
    macs: int
    seconds: float
    low: float
    high: float


@dataclass(frozen=True)
class Simulation:
    """What a model would do on a device.

    Attributes:
        device, title: of the profile.
        threads, unit: what was simulated.
        calibration: ``"fitted"``, ``"derived"`` or ``"none"``: where the time parameters come from.
        calibrated: False when no number of this device was ever measured.
        warning: what every output must say where the profile is not calibrated for this model's types, else "".
        arena_bytes: exact peak of activation memory.
        weight_bytes: constants.
        memory_limit_bytes: what the device grants a model.
        fits: whether arena and weights stay below the limit.
        seconds, low, high: expected time of one inference, and the interval that should hold it nine times in ten.
        nodes: the same by node.
    """

    device: str
    title: str
    threads: int
    unit: str
    calibration: str
    calibrated: bool
    warning: str
    arena_bytes: int
    weight_bytes: int
    memory_limit_bytes: int
    fits: bool
    seconds: float
    low: float
    high: float
    nodes: tuple[NodeEstimate, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def simulate_graph(graph: Graph, device: str | DeviceProfile, *, threads: int | None = None, unit: str = "cpu") -> Simulation:
    """Memory and time of a model on a device. Bodies of control flow are charged once.

    Args:
        graph: a planned model, e.g. ``read_model(path)``.
        device: name of a profile, path of one, or the profile.
        threads: threads on the device; by default those the profile was measured with.
        unit: ``"cpu"`` or ``"gpu"``.

    Raises:
        EdgekitError: unknown device, or one whose profile does not cover the model's types or the thread count.
    """
    profile = device if isinstance(device, DeviceProfile) else load_profile(device)
    if threads is None:
        types = [w.dtype for g in graph.walk() for n in g.nodes for w in node_work(n)]
        threads = profile.parameters("int8" if "int8" in types else "f32", unit).base_threads
    nodes, works = [], []
    for g in graph.walk():
        for n in g.nodes:
            parts = node_work(n)
            works += parts
            each = [estimate_seconds(w, profile, threads=threads, unit=unit) for w in parts]
            nodes.append(NodeEstimate(n.name, n.op, node_macs(n), *(sum(e[i] for e in each) for i in range(3))))
    total = estimate_total(works, profile, threads=threads, unit=unit)
    arena = sum(plan_memory(g).arena_bytes for g in graph.walk())
    weights = sum({id(v): v.type.nbytes_max() for g in graph.walk() for v in g.constants()}.values())
    warning = ""
    if not total.calibrated:
        warning = f"The profile {profile.name!r} is not calibrated: its times are assumptions, not fitted to measurements of this device."
    elif total.calibration == "derived":
        warning = f"The profile {profile.name!r} has no measurement for these element types; its times are derived from another type."
    return Simulation(
        profile.name, profile.title, threads, unit, total.calibration, total.calibrated, warning, arena, weights,
        profile.arena_limit_bytes, arena + weights <= profile.arena_limit_bytes, total.seconds, total.low, total.high, tuple(nodes),
    )  # fmt: skip


def run_simulated(graph: Graph, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs a device would give: integers to the bit, because the numeric contract makes them the same everywhere."""
    return run_graph(graph, feeds)
