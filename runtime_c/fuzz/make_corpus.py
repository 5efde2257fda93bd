"""Writes the seed corpus of the fuzz target: small operator cases as model files.

Run from the root of the repository: ``python -m runtime_c.fuzz.make_corpus`` or ``python runtime_c/fuzz/make_corpus.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

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
    return out


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
