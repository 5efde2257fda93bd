"""The ``edgekit`` command: one module a command; every public function named ``command`` in them becomes one."""

from __future__ import annotations

import os

# one thread for numpy's matrix products: as many as there are cores spin against each other in containers that own fewer, and the bits
# of folded constants would follow their number
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
# weights are read once and written once: cleared pages of 2 MiB, which the kernel may have to make room for, cost more than they save
os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")

from edgekit.cli.app import main  # noqa: E402

__all__ = ["main"]
