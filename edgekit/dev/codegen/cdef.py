"""``edgekit/runtime/_cdef_gen.py``: the public C header as cffi reads it, and the status codes."""

from __future__ import annotations

import re
from pathlib import Path

_BANNER = '"""Written by ``python -m edgekit.dev.codegen`` from ``edgekit.h``. Do not edit."""\n\nfrom __future__ import annotations\n'


def text(header: Path) -> str:
    """The text of ``_cdef_gen.py``."""
    source = header.read_text()
    statuses = re.findall(r"\bEK_(OK|ERR_\w+) = (\d+)", source)
    lines = [_BANNER, 'CDEF = """\\', declarations(source), '"""\n', "#: Status codes of the C API by value.", "STATUS = {"]
    lines += [f'    {value}: "EK_{name}",' for name, value in statuses]
    return "\n".join(lines) + "\n}\n"


def declarations(source: str) -> str:
    """The header without comments and preprocessor lines; integer constants stay."""
    s = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    s = s.replace('extern "C" {', "").replace("EK_API ", "")
    kept = []
    depth = 0
    for line in s.splitlines():
        if re.match(r"#define EK_\w+ \d+$", line.strip()):
            kept.append(line.strip())
        elif line.startswith("#"):
            continue
        elif line.strip():
            depth += line.count("{") - line.count("}")
            if depth < 0:  # the brace that closes extern "C"
                depth = 0
                continue
            kept.append(line.rstrip())
    return "\n".join(kept) + "\n"
