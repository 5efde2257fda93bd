"""The ``edgekit`` command: one module a command; every public function named ``command`` in them becomes one.

Little is imported here, so that an interrupt finds :func:`main` in charge as early as can be.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

__all__ = ["EXIT_INTERRUPTED", "end_when_interrupted", "main"]

EXIT_INTERRUPTED = 130

# one thread for numpy's matrix products: as many as there are cores spin against each other in containers that own fewer, and the bits
# of folded constants would follow their number
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
# weights are read once and written once: cleared pages of 2 MiB, which the kernel may have to make room for, cost more than they save
os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")


def main() -> None:
    """Entry point of the console script.

    While modules are loaded an interrupt ends the process at once: nothing is there yet to clean up, and a ``KeyboardInterrupt`` out of
    the middle of an import is shown by whoever imports, or lost.
    """
    try:
        import signal

        # a shell that starts a command in the background has it ignore interrupts
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, end_when_interrupted)
        from edgekit.cli import app

        app.main()
    except KeyboardInterrupt:
        end_when_interrupted()


def end_when_interrupted(number: int = 0, frame: FrameType | None = None) -> None:
    """A signal handler: says that the command was interrupted, and ends the process without any cleaning up."""
    if "--json" in sys.argv[1:]:
        os.write(1, b'{"error": {"kind": "Interrupted", "message": "interrupted"}}\n')
    os.write(2, b"interrupted\n")
    os._exit(EXIT_INTERRUPTED)
