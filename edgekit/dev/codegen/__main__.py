"""``python -m edgekit.dev.codegen [--check]``."""

from __future__ import annotations

import argparse
import sys

from edgekit.dev import codegen


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the files that follow from the operator table.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is out of date")
    args = parser.parse_args()
    paths = codegen.stale() if args.check else codegen.write()
    for p in paths:
        print(("out of date: " if args.check else "wrote ") + str(p.relative_to(codegen.ROOT)))
    return 1 if args.check and paths else 0


if __name__ == "__main__":
    sys.exit(main())
