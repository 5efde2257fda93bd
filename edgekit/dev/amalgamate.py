"""Writes the C runtime as two files: ``edgekit.c`` and ``edgekit.h``. ``cc -O2 -c edgekit.c`` compiles them, with every ISA inside.

Each source file becomes a section: headers are pasted where they are first needed, file-local names get the section's number, and
micro-kernels stand between pragmas that name their ISA, so that the choice at run time works as in the library.

Run as a script it needs nothing but Python; ``--model`` (only the operators that one model uses) also needs the package.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "runtime_c"
SEARCH = (RUNTIME / "include", RUNTIME / "src", RUNTIME / "gen")
FOLDERS = ("base", "ukernels", "ops", "model", "backends", "session", "api")

#: ISA suffix of a micro-kernel file -> (processor, GCC target string, clang target string). In an order in which each may use the
#: inline functions of those before it.
ISAS: dict[str, tuple[str, str, str]] = {
    "scalar": ("", "", ""),
    "avx2": ("x86", "avx2,fma,f16c", "avx2,fma,f16c"),
    "avxvnni": ("x86", "avx2,fma,f16c,avxvnni", "avx2,fma,f16c,avxvnni"),
    "avx512": ("x86", *("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl",) * 2),
    "avx512vnni": ("x86", *("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni",) * 2),
    "neon": ("arm64", "", ""),
    "neonfp16": ("arm64", "arch=armv8.2-a+fp16", "fullfp16"),
    "neondot": ("arm64", "arch=armv8.2-a+dotprod", "dotprod"),
    "neoni8mm": ("arm64", "arch=armv8.2-a+dotprod+i8mm", "dotprod,i8mm"),
}

_PROLOGUE = """/* EdgeKit, the C runtime in one file. Written by edgekit/dev/amalgamate.py; do not edit.
 *
 *   cc -O2 -c edgekit.c          link with -lm, and -lpthread -ldl on older systems
 *
 * Define EK_AMALGAMATION_SCALAR to leave out everything but portable C.
 *
 * Licensed under the Apache License, Version 2.0. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1
#endif
/* The contract on floating-point results: a*b+c is rounded twice unless a kernel asks for an fma by name. */
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
#if !defined(EK_AMALGAMATION_SCALAR) && defined(__GNUC__) && defined(__x86_64__)
#define EK_AMALGAMATION_X86 1
#include <immintrin.h>
#elif !defined(EK_AMALGAMATION_SCALAR) && defined(__GNUC__) && defined(__aarch64__)
#define EK_AMALGAMATION_ARM64 1
#include <arm_neon.h>
#endif
"""

_TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[A-Za-z_]\w*|->|\s+|.""", re.DOTALL)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"[^\n]*\n?', re.MULTILINE)
_SYSTEM_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]+<(immintrin|arm_neon)\.h>[^\n]*\n?", re.MULTILINE)


def _find(name: str, includer: Path) -> Path:
    for folder in (*SEARCH, includer.parent):
        if (folder / name).is_file():
            return (folder / name).resolve()
    raise SystemExit(f"{includer}: cannot find {name}")


def _guard(text: str) -> str | None:
    """The include guard of a header that has one."""
    found = re.search(r"^#ifndef (EK_\w+_H)\n#define \1\n", text, re.MULTILINE)
    return found.group(1) if found else None


def _is_shared(text: str) -> bool:
    """True for headers that are pasted once: those with a guard whose meaning does not hang on the includer."""
    return _guard(text) is not None and "EK_VECTOR_ISA" not in text


def _is_for_isa(path: Path, text: str) -> bool:
    return "immintrin.h" in text or "arm_neon.h" in text or path.stem.rpartition("_")[2] in ISAS


def _isa_of(source: Path) -> str:
    suffix = source.stem.rpartition("_")[2]
    return suffix if "ukernels" in source.parts and suffix in ISAS else ""


def file_local_names(text: str) -> set[str]:
    """Names that a section defines for itself: static functions and variables, and types, macros aside.

    Args:
        text: the section, headers of its own pasted in.
    """
    bare = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)
    names = set()
    for m in re.finditer(r"^(?:__attribute__\(\([^\n]*?\)\)\s*)?static\b([^;{=(]*?)(\w+)\s*(?:\[[^\]]*\]\s*)*[(;=]", bare, re.MULTILINE):
        names.add(m.group(2))
    for m in re.finditer(r"^(?:typedef )?(?:struct|union|enum)\s+(\w+)\s*\{", bare, re.MULTILINE):
        names.add(m.group(1))
    for m in re.finditer(r"^\}\s*(\w+);", bare, re.MULTILINE):
        names.add(m.group(1))
    for m in re.finditer(r"^typedef\s+[^;{]*?(\w+)(?:\s*__attribute__\(\([^;]*\)\))?;", bare, re.MULTILINE):
        names.add(m.group(1))
    for m in re.finditer(r"^typedef\s+[^;{]*?\(\*?(\w+)\)\s*\([^;]*\);|^typedef\s+[^;{(]*?\b(\w+)\([^;]*\);", bare, re.MULTILINE):
        names.add(m.group(1) or m.group(2))
    for m in re.finditer(r"^(?:typedef )?enum\b\s*\w*\s*\{([^}]*)\}", bare, re.MULTILINE):
        names |= {part.split("=")[0].strip() for part in m.group(1).split(",") if part.strip()}
    return names - {"__attribute__"}


def rename(text: str, names: set[str], suffix: str) -> str:
    """Give file-local names a suffix. Members of structs (behind ``.`` and ``->``) keep theirs."""
    tokens = _TOKEN.findall(text)
    is_code = [not t.isspace() and not t.startswith(("/*", "//")) for t in tokens]
    out, previous, before = [], "", ""
    braces: list[bool] = []  # of each open brace: does it hold members?
    for i, token in enumerate(tokens):
        following = next((tokens[k] for k in range(i + 1, min(i + 4, len(tokens))) if is_code[k]), "")
        is_member = previous in (".", "->") or (bool(braces) and braces[-1] and following in (";", ",", "["))
        out.append(token + suffix if token in names and not is_member else token)
        if not is_code[i]:
            continue
        if token == "{":
            braces.append(previous in ("struct", "union") or before in ("struct", "union"))
        elif token == "}" and braces:
            braces.pop()
        before, previous = previous, token
    return "".join(out)


@dataclass
class Amalgamation:
    """The text so far.

    Attributes:
        parts: finished pieces.
        pasted: shared headers that are in already.
        own: names defined by the headers pasted into the present section alone.
    """

    parts: list[str] = field(default_factory=list)
    pasted: set[Path] = field(default_factory=set)
    own: set[str] = field(default_factory=set)

    def _expand(self, path: Path, hoisted: list[str], isa_headers: list[str]) -> str:
        """The text of a file with its own headers pasted in; shared ones go to ``hoisted`` or, for one ISA, ``isa_headers``."""

        def paste(m: re.Match[str]) -> str:
            target = _find(m.group(1), path)
            text = target.read_text()
            if target.name == "edgekit.h":
                return ""
            if not _is_shared(text):
                expanded = self._expand(target, hoisted, isa_headers)
                self.own |= file_local_names(expanded)
                return expanded
            if target not in self.pasted:
                self.pasted.add(target)
                body = self._expand(target, hoisted, isa_headers)
                (isa_headers if _is_for_isa(target, text) else hoisted).append(f"/* ---- {target.name} ---- */\n{body}\n")
            return ""

        return _INCLUDE.sub(paste, _SYSTEM_INCLUDE.sub("", path.read_text()))

    def add(self, source: Path, number: int, edit: dict[str, str]) -> None:
        """Append one source file.

        Args:
            source: the file.
            number: distinguishes its local names.
            edit: texts to replace.
        """
        hoisted: list[str] = []
        isa_headers: list[str] = []
        self.own = set()
        body = self._expand(source, hoisted, isa_headers)
        for old, new in edit.items():
            body = body.replace(old, new)
        statics = set(re.findall(r"^static\b[^;{=(]*?(ek_\w+)\s*(?:\[[^\]]*\]\s*)*[(;=]", body, re.MULTILINE))
        local = {n for n in file_local_names(body) if not n.startswith(("ek_", "EK_"))} | statics | self.own
        body = rename(body, local, f"_{number}")
        macros = sorted(set(re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", body, re.MULTILINE)))
        undefine = "".join(f"#undef {m}\n" for m in macros)
        self.parts.extend(hoisted)
        section = f"/* ---- {source.relative_to(RUNTIME).as_posix()} ---- */\n{''.join(isa_headers)}{body}\n{undefine}"
        self.parts.append(_wrap(section, _isa_of(source)))


def _wrap(section: str, isa: str) -> str:
    """Put a micro-kernel between the pragmas of its ISA."""
    processor, gcc, clang = ISAS.get(isa, ("", "", ""))
    if not processor:
        return section
    begin = end = ""
    if gcc:
        attribute = f'__attribute__((target("{clang}")))'
        begin = (
            f"#if defined(__clang__)\n#pragma clang attribute push({attribute}, apply_to = function)\n"
            f'#else\n#pragma GCC push_options\n#pragma GCC target("{gcc}")\n#endif\n'
        )
        end = "#if defined(__clang__)\n#pragma clang attribute pop\n#else\n#pragma GCC pop_options\n#endif\n"
    return f"#if EK_HAVE_{isa.upper()}\n{begin}{section}{end}#endif\n"


def _availability(isas: set[str]) -> str:
    """Definitions of EK_HAVE_<ISA>: the processor is right, and the compiler new enough."""
    compilers = {"avxvnni": (11, 12), "avx512vnni": (8, 6), "neonfp16": (8, 6), "neondot": (8, 6), "neoni8mm": (10, 11)}
    lines = []
    for isa, (processor, _, _) in ISAS.items():
        name = f"EK_HAVE_{isa.upper()}"
        if isa not in isas:
            lines.append(f"#define {name} 0")
        elif not processor:
            lines.append(f"#define {name} 1")
        else:
            gcc, clang = compilers.get(isa, (7, 5))
            lines.append(_version_check(name, f"EK_AMALGAMATION_{processor.upper()}", gcc, clang))
    return "\n".join(lines) + "\n"


def _version_check(name: str, processor: str, gcc: int, clang: int) -> str:
    return (
        f"#if defined({processor}) && ((defined(__clang__) && __clang_major__ >= {clang}) || "
        f"(!defined(__clang__) && __GNUC__ >= {gcc}))\n#define {name} 1\n#else\n#define {name} 0\n#endif"
    )


def sources(isas: set[str], opencl: bool = False) -> list[Path]:
    """Every source file of the library, ISAs in their order; the OpenCL back end or the file that stands for its absence."""
    rank = list(ISAS)
    found = [p for f in FOLDERS for p in sorted((RUNTIME / "src" / f).rglob("*.c"))] + sorted((RUNTIME / "gen").rglob("*.c"))
    found = [p for p in found if p.stem != "opencl_absent" and (opencl or "opencl" not in p.relative_to(RUNTIME).as_posix())]
    if not opencl:
        found.append(RUNTIME / "src" / "backends" / "opencl_absent.c")
    kept = [p for p in found if _isa_of(p) in {"", *isas}]
    kernels = sorted((p for p in kept if _isa_of(p)), key=lambda p: (rank.index(_isa_of(p)), p))
    return [p for p in kept if not _isa_of(p)] + kernels


def needed_sources(all_sources: list[Path], op_files: set[str]) -> list[Path]:
    """The files that some operators and the API need, by the names they mention.

    Args:
        all_sources: every file.
        op_files: stems of the operator files to keep.
    """
    texts = {p: _expanded_once(p) for p in all_sources}
    defines: dict[str, set[Path]] = {}
    for p in all_sources:
        for name in re.findall(r"^(?!static\b)(?:const )?\w[\w \*]*?\b(ek_\w+)\s*(?:\(|=|\[)", texts[p], re.MULTILINE):
            defines.setdefault(name, set()).add(p)
        for family in re.findall(r"EK_UKERNEL_TABLE_BEGIN\((\w+)\)", texts[p]):
            for name in (f"ek_{family}_rows", f"ek_{family}_select"):
                defines.setdefault(name, set()).add(p)
        if _isa_of(p):
            for name in re.findall(r"\b(ek_\w+_ukernel_\w+)", texts[p]):
                defines.setdefault(name, set()).add(p)
    ops = RUNTIME / "src" / "ops"
    is_op = {p: p.parent == ops and re.search(rf"const ek_op ek_op_{p.stem} =", p.read_text()) is not None for p in all_sources}
    keep = {p for p in all_sources if not is_op[p] and p.parent.parts[-1] in ("api", "session", "model", "cpu", "gen", "base", "backends")}
    keep |= {p for p in all_sources if is_op[p] and p.stem in op_files}
    keep -= {p for p in keep if p.stem == "ek_opencl_kernels_gen"}  # devices are not part of what one model needs
    todo = list(keep)
    while todo:
        for name in set(re.findall(r"\bek_\w+", texts[todo.pop()])):
            for target in defines.get(name, ()):
                if target not in keep and not is_op[target]:
                    keep.add(target)
                    todo.append(target)
    return [p for p in all_sources if p in keep or p.stem == "opencl_absent"]


def _expanded_once(path: Path) -> str:
    """A file with its tables (``.inc``) and templates pasted in: what it mentions beyond its own text."""

    def paste(m: re.Match[str]) -> str:
        target = _find(m.group(1), path)
        text = target.read_text()
        return "" if _guard(text) is not None else text

    return _INCLUDE.sub(paste, path.read_text())


def operators_of(model: Path) -> set[str]:
    """File stems of the operators that a model uses, its subgraphs included."""
    sys.path[:0] = [str(ROOT), str(ROOT / "converters")]
    from edgekit.dev.codegen.names import snake
    from edgekit.format import read_model

    return {snake(n.op) for g in read_model(model).walk() for n in g.nodes}


def amalgamate(isas: set[str], op_files: set[str] | None = None, opencl: bool = False) -> str:
    """The text of ``edgekit.c``.

    Args:
        isas: ISA suffixes to keep.
        op_files: operators to keep; None for all.
        opencl: keep the OpenCL back end (with all operators only).
    """
    files = sources(isas, opencl and op_files is None)
    edit: dict[str, str] = {}
    if op_files is not None:
        files = needed_sources(files, op_files)
        kept = {p.stem for p in files}
        table = (RUNTIME / "gen" / "ek_ops_gen.c").read_text()
        for stem in set(re.findall(r"^extern const ek_op ek_op_(\w+);", table, re.MULTILINE)) - kept:
            edit[f"extern const ek_op ek_op_{stem};\n"] = ""
            edit[f"&ek_op_{stem},"] = "NULL,"
    without = "" if op_files is None else "#define EK_NO_OPENCL 1\n"
    a = Amalgamation([_PROLOGUE, without, _availability(isas | {"scalar"}), '#include "edgekit.h"\n'])
    for number, path in enumerate(files):
        a.add(path, number, edit)
    return "\n".join(a.parts)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for edgekit.c and edgekit.h")
    parser.add_argument("--model", type=Path, action="append", help="keep only the operators of this .ekm file (may be repeated)")
    parser.add_argument("--isa", help=f"comma-separated ISAs to keep, of {', '.join(ISAS)}; all by default")
    parser.add_argument("--opencl", action="store_true", help="with the OpenCL back end; without --model only")
    args = parser.parse_args()
    isas = set(ISAS) if args.isa is None else set(args.isa.split(",")) | {"scalar"}
    if unknown := isas - set(ISAS):
        parser.error(f"no ISA called {', '.join(sorted(unknown))}")
    ops = None if not args.model else set().union(*(operators_of(m) for m in args.model))
    text = amalgamate(isas, ops, args.opencl)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "edgekit.c").write_text(text)
    (args.output / "edgekit.h").write_text((RUNTIME / "include" / "edgekit" / "edgekit.h").read_text())


if __name__ == "__main__":
    main()
