"""Small inline SVG plots: no script, no font, a few kilobytes each."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from edgekit.report.formatting import size
from edgekit.report.model import MemoryRecord, NodeTime

_WIDTH = 860
_BAR = 16


def memory_plot(memory: MemoryRecord) -> str:
    """Activation memory over the nodes in execution order; the peak and the planned arena are marked."""
    points = memory.points
    if not points:
        return ""
    height, bottom, left = 220, 24, 70
    most = max(memory.arena_bytes, *(p.nbytes for p in points), 1)
    top = most * 1.15  # room for the label above the highest point

    def x(i: float) -> float:
        return left + (_WIDTH - left - 10) * i / len(points)

    def y(nbytes: float) -> float:
        return 12 + (height - bottom - 12) * (1 - nbytes / top)

    path = [f"M{x(0):.1f},{y(0):.1f}"]
    for i, p in enumerate(points):
        path.append(f"L{x(i):.1f},{y(p.nbytes):.1f}L{x(i + 1):.1f},{y(p.nbytes):.1f}")
    path.append(f"L{x(len(points)):.1f},{y(0):.1f}Z")
    peak = max(range(len(points)), key=lambda i: points[i].nbytes)
    grid = "".join(
        f'<line class="grid" x1="{left}" x2="{_WIDTH - 10}" y1="{y(most * k / 4):.1f}" y2="{y(most * k / 4):.1f}"/>'
        f'<text class="axis" x="{left - 6}" y="{y(most * k / 4) + 4:.1f}" text-anchor="end">{size(most * k / 4)}</text>'
        for k in range(5)
    )
    label_x = min(max(x(peak + 0.5), left + 60), _WIDTH - 200)
    marks = (
        f'<circle class="peak" cx="{x(peak + 0.5):.1f}" cy="{y(points[peak].nbytes):.1f}" r="4"/>'
        f'<text class="label" x="{label_x + 8:.1f}" y="{y(points[peak].nbytes) - 8:.1f}">'
        f"peak {size(points[peak].nbytes)} at {escape(points[peak].node[:60])}</text>"
        f'<line class="arena" x1="{left}" x2="{_WIDTH - 10}" y1="{y(memory.arena_bytes):.1f}" y2="{y(memory.arena_bytes):.1f}"/>'
    )
    title = "<title>Activation memory while each node runs</title>"
    axis = f'<text class="axis" x="{_WIDTH / 2}" y="{height - 6}" text-anchor="middle">{len(points)} nodes in execution order</text>'
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img">{title}{grid}<path class="area" d="{"".join(path)}"/>{marks}{axis}</svg>'


def bars(rows: Sequence[tuple[str, float, str]], limit: int = 24) -> str:
    """Horizontal bars of (label, value, text), largest first; what does not fit is summed up in a last bar."""
    kept = sorted(rows, key=lambda r: -r[1])
    rest = kept[limit:]
    kept = kept[:limit]
    if rest:
        kept.append((f"{len(rest)} others", sum(r[1] for r in rest), ""))
    if not kept:
        return ""
    largest = max(r[1] for r in kept) or 1.0
    left, right = 300, 130
    out = []
    for i, (label, value, text) in enumerate(kept):
        y = 4 + i * (_BAR + 4)
        width = (_WIDTH - left - right) * value / largest
        out.append(
            f'<text class="axis" x="{left - 8}" y="{y + 12}" text-anchor="end">'
            f"{escape(_shorten(label))}<title>{escape(label)}</title></text>"
            f'<rect class="bar" x="{left}" y="{y}" width="{max(width, 1):.1f}" height="{_BAR}"/>'
            f'<text class="label" x="{left + max(width, 1) + 6:.1f}" y="{y + 12}">{escape(text)}</text>'
        )
    height = 8 + len(kept) * (_BAR + 4)
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img">{"".join(out)}</svg>'


def _shorten(label: str, length: int = 44) -> str:
    return label if len(label) <= length else "…" + label[1 - length :]


def times_by_operator(nodes: Sequence[NodeTime]) -> list[tuple[str, float, int]]:
    """(operator, seconds, nodes), most time first."""
    sums: dict[str, tuple[float, int]] = {}
    for n in nodes:
        seconds, count = sums.get(n.op, (0.0, 0))
        sums[n.op] = (seconds + n.seconds, count + 1)
    return sorted(((op, s, c) for op, (s, c) in sums.items()), key=lambda r: -r[1])
