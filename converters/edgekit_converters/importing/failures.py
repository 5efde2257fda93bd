"""What an import raises says which model it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgekit.errors import ConversionError, GraphError, MalformedModelError, UnsupportedOpError
from edgekit_converters.importing.problems import Unsupported


@contextmanager
def naming(where: str, around: str = "") -> Iterator[None]:
    """Raise what goes wrong inside as an error of ``edgekit.errors`` whose message begins with ``where``.

    Args:
        where: what the user gave: a path, or words for an object in memory.
        around: the folder that other files of the model lie in; a message that begins with it (or with ``where``) stays as it is.

    Raises:
        UnsupportedOpError: lists every blocker.
        MalformedModelError: the model is broken: a file, an invariant of the graph it became, or what is nested beyond all bounds.
        ConversionError: another reason; its subclasses are passed on.
    """

    def named(text: str) -> str:
        return text if text.startswith(where) or (around and text.startswith(around)) else f"{where}: {text}"

    try:
        yield
    except MalformedModelError as e:
        raise MalformedModelError(named(str(e))) from e
    except UnsupportedOpError as e:
        raise UnsupportedOpError(f"{where} does not convert; {len(e.blockers)} kind(s) of obstacle:", e.blockers) from None
    except GraphError as e:
        raise MalformedModelError(named(str(e))) from e
    except Unsupported as e:
        raise MalformedModelError(named(f"{e.message} {e.hint}".rstrip())) from e
    except RecursionError as e:
        raise MalformedModelError(f"{where}: the model is nested too deeply") from e
    except ConversionError as e:
        if type(e) is not ConversionError:
            raise
        raise ConversionError(named(str(e))) from e
