"""The C tests under the address and undefined-behaviour sanitizers, the thread pool under the thread sanitizer, and the fuzz target."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgekit.format import write_bytes
from runtime_c.fuzz.make_corpus import CORPUS, LARGEST
from tests.c.build import TEST_SOURCES, build, clang, run
from tests.cases import all_cases

SANITIZER_ENV = {
    **os.environ,
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


def sanitized() -> Path:
    """The C tests and the fuzz target in one build: compiling everything under sanitizers takes longer than all else here."""
    options = ("-DEK_BUILD_TESTS=ON", "-DEK_BUILD_FUZZ=ON", "-DEK_BUILD_TOOLS=OFF", "-DEK_SANITIZE=address,undefined,fuzzer-no-link")
    return build("sanitize", f"-DCMAKE_C_COMPILER={clang()}", *options)


@pytest.mark.parametrize("source", TEST_SOURCES, ids=lambda p: p.stem)
def test_sanitized(source: Path) -> None:
    run([str(sanitized() / source.stem)], env=SANITIZER_ENV)


def test_thread_pool_has_no_races(tmp_path: Path) -> None:
    sources = ["test/base/test_thread_pool.c", "src/base/thread_pool.c", "src/base/allocator.c", "src/base/error.c"]
    program = str(tmp_path / "test_thread_pool")
    folders = ["-Iruntime_c/include", "-Iruntime_c/src", "-Iruntime_c/test"]
    flags = ["-std=gnu11", "-O1", "-g", "-fsanitize=thread", "-pthread"]
    run([clang(), *flags, *folders, *(f"runtime_c/{s}" for s in sources), "-o", program])
    run([program], env={**os.environ, "TSAN_OPTIONS": "halt_on_error=1"})


def test_fuzz(tmp_path: Path) -> None:
    """As long as EDGEKIT_FUZZ_SECONDS says (10 by default)."""
    seconds = int(os.environ.get("EDGEKIT_FUZZ_SECONDS", "10"))
    found = tmp_path / "found"
    found.mkdir()
    limits = [f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048", f"-artifact_prefix={tmp_path}/"]
    output = run([str(sanitized() / "fuzz_model"), *limits, str(found), str(CORPUS)], timeout=seconds + 300, env=SANITIZER_ENV)
    assert "Done " in output


def test_corpus_covers_the_operators() -> None:
    """Every operator with a small case has a seed (``python runtime_c/fuzz/make_corpus.py`` writes them)."""
    covered = {p.name.split("-")[0] for p in CORPUS.glob("*.ekm")}
    missing = {c.op for c in all_cases() if c.op not in covered and len(write_bytes(c.graph)) <= LARGEST}
    assert not missing
    assert "States" in covered
