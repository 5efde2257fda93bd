"""Errors of an import name the model, whatever they were raised as."""

from __future__ import annotations

import pytest

from edgekit.errors import Blocker, ConversionError, GraphError, MalformedModelError, MissingDependencyError, UnsupportedOpError
from edgekit_converters.importing.failures import naming
from edgekit_converters.importing.problems import Unsupported, UnsupportedTypeError

CASES = [
    (MalformedModelError("cut off"), MalformedModelError, "a/m.bin: cut off"),
    (MalformedModelError("a/m.bin: cut off"), MalformedModelError, "a/m.bin: cut off"),
    (MalformedModelError("a/other.bin: cut off"), MalformedModelError, "a/other.bin: cut off"),
    (GraphError("no such value"), MalformedModelError, "a/m.bin: no such value"),
    (Unsupported("no text.", "Cut it."), MalformedModelError, "a/m.bin: no text. Cut it."),
    (UnsupportedTypeError("text"), MalformedModelError, "a/m.bin: text."),
    (RecursionError(), MalformedModelError, "a/m.bin: the model is nested too deeply"),
    (ConversionError("no signature 'x'"), ConversionError, "a/m.bin: no signature 'x'"),
    (MissingDependencyError("pip install x"), MissingDependencyError, "pip install x"),
]


@pytest.mark.parametrize(("raised", "kind", "text"), CASES, ids=lambda v: getattr(v, "__name__", None) or type(v).__name__)
def test_the_model_is_named(raised, kind, text):
    with pytest.raises(kind) as caught, naming("a/m.bin", "a"):
        raise raised
    assert type(caught.value) is kind
    assert str(caught.value) == text


def test_blockers_are_kept():
    blockers = [Blocker("Op", ("n",), "unsupported-op", "no converter.")]
    with pytest.raises(UnsupportedOpError, match=r"a/m\.bin does not convert; 1 kind") as caught, naming("a/m.bin"):
        raise UnsupportedOpError("the model does not convert", blockers)
    assert list(caught.value.blockers) == blockers


def test_what_is_no_error_of_an_import_passes():
    with pytest.raises(ZeroDivisionError), naming("a/m.bin"):
        raise ZeroDivisionError
