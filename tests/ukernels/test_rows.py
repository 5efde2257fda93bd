"""The rules of micro-kernel files, checked on the sources: names, rows, includes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UKERNELS = ROOT / "runtime_c" / "src" / "ukernels"
ISAS = set(
    re.search(r"set\(EK_ISA_NAMES ([^)]*)\)", (ROOT / "runtime_c/cmake/EkIsa.cmake").read_text()).group(1).split()
)
ROW = re.compile(r"^EK_UKERNEL\(\s*(\w+),\s*(\w+),\s*(\w+),\s*(\d+),\s*(\d+),\s*(\d+),\s*([\w\s|]+)\)", re.M)
FAMILIES = sorted(path.stem for path in UKERNELS.glob("*/*.inc"))
KERNEL_FILES = sorted(path for path in UKERNELS.glob("*/*.c") if path.stem.rpartition("_")[2] in ISAS)


def rows(family: str) -> list[tuple[str, ...]]:
    return ROW.findall((UKERNELS / family / f"{family}.inc").read_text())


@pytest.mark.parametrize("family", FAMILIES)
def test_rows(family: str) -> None:
    found = rows(family)
    assert len(found) == (UKERNELS / family / f"{family}.inc").read_text().count("EK_UKERNEL(")
    assert found[0][2] == "0", "the first row needs no CPU feature"
    for row_family, function, feature, *_ in found:
        assert row_family == family
        name = re.fullmatch(rf"ek_{family}(?:_\w+)?_ukernel_\w+__([a-z0-9]+)", function)
        assert name, f"{function}: not ek_<family>[_<fused>]_ukernel_<tile>__<isa>"
        isa = name.group(1)
        assert feature == ("0" if isa == "scalar" else f"EK_CPU_{isa.upper()}")
        source = UKERNELS / family / f"{family}_{isa}.c"
        assert re.search(rf"\b{function}\b", source.read_text()), f"{function} is not in {source.name}"


@pytest.mark.parametrize("path", KERNEL_FILES, ids=lambda path: path.name)
def test_kernel_file(path: Path) -> None:
    text = path.read_text()
    allowed = re.compile(r"<(stddef|stdint|arm_neon|immintrin)\.h>|\"ukernels/[\w/]+\.h\"|\"base/(requantize|fixed_point)\.h\"")
    for include in re.findall(r"#include (.*)", text):
        assert allowed.fullmatch(include), f"{path.name} may not include {include}"
    assert not re.search(r"\b(malloc|calloc|free|memcpy|memset|printf)\(", text.replace("__builtin_memcpy", ""))
    # The file or the body it includes undefines its macros: the amalgamation joins all files.
    bodies = [ROOT / "runtime_c" / "src" / name for name in re.findall(r"#include \"(ukernels/[\w/]+\.h)\"", text)]
    undefined = {name for source in (path, *bodies) for name in re.findall(r"#undef (\w+)", source.read_text())}
    assert set(re.findall(r"#define (\w+)", text)) <= undefined
