"""Writes every file that follows from the operator table. Run ``python -m edgekit.dev.codegen``; ``--check`` only compares."""

from __future__ import annotations

from pathlib import Path

from edgekit.dev.codegen import cdef, docs_cli, docs_importers, docs_ops, docs_python, opencl, ops_c, schema, schema_c, schema_py

ROOT = Path(__file__).resolve().parents[3]


def outputs() -> dict[Path, str]:
    """Path and text of every generated file."""
    gen = ROOT / "runtime_c" / "gen"
    kernels = ROOT / "runtime_c" / "src" / "backends" / "opencl" / "kernels"
    return {
        gen / "ek_ops_gen.h": ops_c.header(),
        gen / "ek_ops_gen.c": ops_c.source(ROOT / "runtime_c" / "src" / "ops"),
        gen / "ek_schema_gen.h": schema_c.header(),
        gen / "ek_schema_gen.c": schema_c.source(),
        gen / "ek_opencl_kernels_gen.h": opencl.header(kernels),
        gen / "ek_opencl_kernels_gen.c": opencl.source(kernels),
        ROOT / "edgekit" / "format" / "edgekit.fbs": schema.text(),
        ROOT / "edgekit" / "format" / "generated" / "schema.py": schema_py.text(),
        ROOT / "docs" / "reference" / "ops.md": docs_ops.text(
            ROOT / "runtime_c" / "src" / "ops", ROOT / "runtime_c" / "src" / "backends" / "opencl"
        ),
        **{ROOT / "docs" / "reference" / name: text for name, text in docs_importers.pages().items()},
        ROOT / "docs" / "reference" / "cli.md": docs_cli.text(),
        ROOT / "docs" / "reference" / "python.md": docs_python.text(),
        ROOT / "edgekit" / "runtime" / "_cdef_gen.py": cdef.text(ROOT / "runtime_c" / "include" / "edgekit" / "edgekit.h"),
    }


def stale() -> list[Path]:
    """Generated files that are missing or differ from what the table gives."""
    return [p for p, text in outputs().items() if not p.exists() or p.read_text() != text]


def write() -> list[Path]:
    """Bring the generated files up to date; returns those that changed."""
    changed = stale()
    texts = outputs()
    for p in changed:
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_text(texts[p])
    return changed
