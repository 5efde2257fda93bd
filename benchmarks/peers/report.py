"""Markdown tables from results files (JSON lines). Run ``python -m benchmarks.peers.report FILE...``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def read(paths: Iterable[Path]) -> list[Record]:
    """Join records cell by cell; of two of one peer, the one with more quiet rounds stays, else the later."""
    cells: dict[tuple[str, str, int], Record] = {}
    for path in paths:
        for text in path.read_text().splitlines():
            record = json.loads(text)
            key = record["model"], record["precision"], record["threads"]
            joined = cells.setdefault(key, {**record, "peers": {}})["peers"]
            for name, new in record["peers"].items():
                old = joined.get(name, {})
                keep, drop = (old, new) if old.get("rounds_quiet", -1) > new.get("rounds_quiet", -1) else (new, old)
                if "accuracy" in drop:
                    keep.setdefault("accuracy", drop["accuracy"])
                joined[name] = keep
    for record in cells.values():
        timed = [peer for peer in record["peers"].values() if "median_ms" in peer]
        for peer in timed:
            peer["ratio"] = peer["median_ms"] / min(p["median_ms"] for p in timed)
    return list(cells.values())


def line(record: Record) -> str:
    """One cell on one line, as progress."""
    parts = []
    for name, peer in record["peers"].items():
        if "median_ms" in peer:
            rounds = f"{peer['rounds_quiet']}/{peer['rounds_all']} quiet"
            parts.append(f"{name} {peer['median_ms']:.3f} ms x{peer['ratio']:.2f} ({rounds})")
        else:
            parts.append(f"{name} failed: {peer.get('error', 'not timed')[:80]}")
    what = f"{record['model']} {record['precision']} {record['threads']} thread(s)"
    return f"{what}: " + (", ".join(parts) or "no peer has a file")


def _latency(peer: Record) -> str:
    if "median_ms" not in peer:
        return "failed"
    median = f"{peer['median_ms']:.3f}" if peer["median_ms"] < 1 else f"{peer['median_ms']:.2f}"
    median = f"**{median}**" if peer["ratio"] < 1.0001 else median
    noisy = "" if peer["rounds_quiet"] >= 2 else " ~"
    return f"{median} / {peer['min_ms']:.2f} / {peer['p90_ms']:.2f} (x{peer['ratio']:.2f}){noisy}"


def _memory(peer: Record) -> str:
    if "memory_first" not in peer:
        return "failed"
    base = peer["memory_base"]["VmRSS"]
    return f"{peer['memory_first']['VmHWM'] - base:.0f} ({peer['memory_import']['VmRSS'] - base:.0f})"


def _loading(peer: Record) -> str:
    return f"{peer['load_s'] * 1e3:.0f} + {peer['first_s'] * 1e3:.1f}" if "load_s" in peer else "failed"


def _size(peer: Record) -> str:
    return f"{peer['bytes'] / 1024:.0f}" if "bytes" in peer else "failed"


def _accuracy(peer: Record) -> str:
    measured = peer.get("accuracy") or {}
    if "sqnr_db" not in measured:
        return str(measured.get("error", "-"))[:40]
    errors = f"max {measured['max_abs']:.2g} ({measured['max_rel']:.1e})"
    return f"{measured['sqnr_db']:.1f} dB, {errors}, top-1 {measured['top1'] * 100:.1f} %"


def _grid(title: str, rows: list[Record], names: list[str], cell: Callable[[Record], str]) -> str:
    lines = [f"### {title}", "", "| model | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for row in rows:
        cells = (cell(row["peers"][name]) if name in row["peers"] else "-" for name in names)
        lines.append(f"| {row['model']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def tables(records: list[Record]) -> str:
    """Every table of the results; ``~`` marks a cell with fewer than two quiet rounds."""
    names = list(dict.fromkeys(name for record in records for name in record["peers"]))
    parts = []
    for precision in dict.fromkeys(record["precision"] for record in records):
        for threads in sorted({record["threads"] for record in records}):
            rows = [r for r in records if r["precision"] == precision and r["threads"] == threads]
            if not rows:
                continue
            what = f"{precision}, {threads} thread(s)"
            parts.append(_grid(f"Latency, ms: median / min / p90 (ratio to best), {what}", rows, names, _latency))
            if threads > 1:
                continue
            title = "Peak resident memory through the first inference over the bare worker, MiB (of which import)"
            parts.append(_grid(f"{title}, {what}", rows, names, _memory))
            parts.append(_grid(f"Load + first inference, ms, {what}", rows, names, _loading))
            parts.append(_grid(f"Model file, KiB, {precision}", rows, names, _size))
            if any("accuracy" in peer for row in rows for peer in row["peers"].values()):
                title = f"Output against the source framework's float32, {precision}"
                parts.append(_grid(title, rows, names, _accuracy))
    return "\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables of the files named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.report", description="Print results as tables.")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="results of python -m benchmarks.peers")
    print(tables(read(parser.parse_args(arguments).files)))


if __name__ == "__main__":
    main()
