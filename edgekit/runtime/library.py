"""Finds and opens the C library, and turns its failures into exceptions."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import cffi

from edgekit.errors import RuntimeLibraryError
from edgekit.runtime._cdef_gen import CDEF, STATUS

ENVIRONMENT_VARIABLE = "EDGEKIT_LIBRARY"

ffi: Any = cffi.FFI()
ffi.cdef(CDEF)


def library_path() -> Path:
    """Where the C library is: ``$EDGEKIT_LIBRARY``, else the one installed with the package.

    Raises:
        RuntimeLibraryError: there is none.
    """
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        path = Path(named).resolve()
        if not path.is_file():
            raise RuntimeLibraryError(f"${ENVIRONMENT_VARIABLE} names {path}, which does not exist; build it or unset the variable")
        return path
    name = {"win32": "edgekit.dll", "darwin": "libedgekit.dylib"}.get(sys.platform, "libedgekit.so")
    for path in _candidates(name):
        if path.is_file():
            return path
    raise RuntimeLibraryError(
        f"the C library {name} is not installed with the package; run `make build`, or set ${ENVIRONMENT_VARIABLE} to a built one"
    )


def _candidates(name: str) -> Iterator[Path]:
    """Beside this module in an installed package; where the distribution put it in an editable install."""
    with resources.as_file(resources.files("edgekit.runtime") / "lib" / name) as path:
        yield path
    with contextlib.suppress(metadata.PackageNotFoundError):
        yield Path(str(metadata.distribution("edgekit").locate_file(f"edgekit/runtime/lib/{name}")))


@cache
def lib() -> Any:
    """The opened library.

    Raises:
        RuntimeLibraryError: it is missing, cannot be opened, or is another version's.
    """
    path = library_path()
    try:
        opened = ffi.dlopen(str(path))
        version = ffi.string(opened.ek_version()).decode()
    except (OSError, AttributeError) as e:
        raise RuntimeLibraryError(f"cannot open the C library {path}: {e}; rebuild it with `make build`") from e
    expected = f"{opened.EK_VERSION_MAJOR}.{opened.EK_VERSION_MINOR}."
    if not version.startswith(expected):
        raise RuntimeLibraryError(
            f"the C library {path} is version {version}, but this package needs {expected}x; rebuild it with `make build`"
        )
    return opened


def library_version() -> str:
    """Version of the C library."""
    return str(ffi.string(lib().ek_version()).decode())


def cpu_features(isa: str | None = None) -> tuple[str, ...]:
    """Names of the CPU features that sessions use, e.g. ``("avx2", "avx512")``; with ``isa``, of those that level leaves.

    Raises:
        RuntimeLibraryError: there is no ISA of that name.
    """
    env = create_env(isa)
    return tuple(ffi.string(lib().ek_env_cpu_features(env)).decode().split())


def create_env(isa: str | None, cache_dir: str | None = None) -> Any:
    """An ``ek_env`` that is destroyed with its last reference."""
    options = ffi.new("ek_env_options *")
    options.struct_size = ffi.sizeof("ek_env_options")
    keep = []
    for field, value in (("isa", isa), ("cache_dir", cache_dir)):
        if value is not None:
            keep.append(ffi.new("char[]", os.fsencode(value)))
            setattr(options, field, keep[-1])
    out = ffi.new("ek_env **")
    status = lib().ek_env_create(options, out)
    if status != 0:
        names = "'scalar', 'avx2', 'avx512', 'avx512vnni', 'neon', 'neondot' ..."
        why = f"no ISA is called {isa!r}; use {names}" if status == lib().EK_ERR_INVALID_ARGUMENT else "out of memory"
        raise RuntimeLibraryError(f"cannot create the runtime environment: {why}", int(status))
    return ffi.gc(out[0], lib().ek_env_destroy)


def backend_handle(name: str) -> Any:
    """The ``ek_backend`` called ``name``.

    Raises:
        RuntimeLibraryError: there is none of that name in this build.
    """
    known = {"cpu": "ek_backend_cpu", "opencl": "ek_backend_opencl"}
    if name not in known:
        raise RuntimeLibraryError(f"no back end called {name!r}; use one of {sorted(known)}")
    handle = getattr(lib(), known[name])()
    if handle == ffi.NULL:
        raise RuntimeLibraryError(
            f"the C library {library_path()} was built without the back end {name!r}; use backend='cpu' or build it in"
        )
    return handle


def devices(backend: str) -> list[tuple[str, str, str]]:
    """Devices a back end sees: index, name and driver of each.

    Raises:
        RuntimeLibraryError: there is no such back end in this build.
    """
    handle = backend_handle(backend)
    size = lib().ek_backend_devices(handle, ffi.NULL, 0)
    text = ffi.new("char[]", size)
    lib().ek_backend_devices(handle, text, size)
    rows = [line.split("\t") for line in ffi.string(text).decode(errors="replace").splitlines()]
    return [(r[0], r[1], r[2]) for r in rows if len(r) == 3]


def failure(what: str, status: int, detail: str) -> RuntimeLibraryError:
    """The exception for a status other than EK_OK."""
    name = STATUS.get(int(status), str(status))
    return RuntimeLibraryError(f"{what}: {detail or 'no further detail'} ({name})", int(status))


def env_error(env: Any) -> str:
    """The text of the last failure of a call that took this env."""
    text = ffi.new("char[]", 1024)
    lib().ek_env_error(env, text, 1024)
    return str(ffi.string(text).decode(errors="replace"))
