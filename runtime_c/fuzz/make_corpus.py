"""Writes the seed corpus of the fuzz target: small operator cases, and a model with states, as model files.

Run from the root of the repository: ``python -m runtime_c.fuzz.make_corpus`` or ``python runtime_c/fuzz/make_corpus.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).resolve().parent / "corpus"
#: Cases of an operator that become seeds, smallest first, and the size above which a case is left out.
PER_OPERATOR, LARGEST = 2, 4096


def seeds() -> dict[str, bytes]:
    """File name and bytes of every seed."""
    sys.path[:0] = [str(ROOT), str(ROOT / "converters")]
    from edgekit.format import write_bytes
    from tests.cases import all_cases

    by_op: dict[str, list[tuple[int, str, bytes]]] = {}
    for case in all_cases():
        data = write_bytes(case.graph)
        by_op.setdefault(case.op, []).append((len(data), case.name, data))
    out = {}
    for candidates in by_op.values():
        for size, name, data in sorted(candidates)[:PER_OPERATOR]:
            if size <= LARGEST:
                out[name.replace("/", "-") + ".ekm"] = data
    out["States-counter.ekm"] = write_bytes(_counter())
    return out


def _counter() -> Any:
    """``y`` is x plus the sum of all x before, from 2.5 on; ``n`` counts the runs from [3, 4]."""
    import numpy as np

    from edgekit.ir import GraphBuilder
    from edgekit.types import F32, I32

    b = GraphBuilder("counter")
    x, total = b.input("x", F32, (4,)), b.state("total", F32, (4,), 2.5)
    count = b.state("count", I32, (2,), np.array([3, 4]))
    y, n = b.call("Add", x, total, name="y"), b.call("Add", count, b.constant(1, dtype=I32), name="n")
    b.set_state(total, y)
    b.set_state(count, n)
    b.output(y, "y")
    b.output(n, "n")
    return b.graph


def main() -> None:
    """Bring the corpus up to date."""
    wanted = seeds()
    CORPUS.mkdir(exist_ok=True)
    for stale in {p.name for p in CORPUS.glob("*.ekm")} - set(wanted):
        (CORPUS / stale).unlink()
    for name, data in wanted.items():
        (CORPUS / name).write_bytes(data)
    print(f"{len(wanted)} seeds, {sum(map(len, wanted.values()))} bytes")


if __name__ == "__main__":
    main()
