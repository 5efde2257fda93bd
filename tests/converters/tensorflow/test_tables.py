"""Hash tables from numbers to numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.errors import MalformedModelError, UnsupportedOpError
from edgekit.types import Array
from tests.converters.tensorflow.models import Function, Maker, Type, compute, load
from tests.require import require_module

I64, F32 = Type("int64"), Type("float32")
FAR = 1 << 40

#: keys, values, default, what is looked up
TABLES: dict[str, tuple[Array, Array, Array, Array]] = {
    "near": (np.int64([3, 1, 7]), np.int64([30, 10, 70]), np.int64(-1), np.int64([[1, 2, 3], [7, 8, -(1 << 63)]])),
    "far": (np.int64([FAR, -5, 3]), np.float32([1, 0.5, 0.25]), np.float32(9), np.int64([FAR, FAR + 1, 3, -5, (1 << 63) - 1])),
    "narrow": (np.int32([2, -(1 << 31)]), np.float32([2, 3]), np.float32(0), np.int32([2, 0, -(1 << 31), (1 << 31) - 1])),
    "scalar": (np.int64([4, 5]), np.int32([1, 2]), np.int32(0), np.int64(5)),
    "empty": (np.int64([]), np.int64([]), np.int64(8), np.int64([1, 2])),
}


def types(keys: Array, values: Array) -> dict[str, Any]:
    return {"key_dtype": Type(keys.dtype.name), "value_dtype": Type(values.dtype.name)}


def answers(name: str) -> Array:
    keys, values, default, x = TABLES[name]
    known = dict(zip(keys.tolist(), values.tolist(), strict=True))
    return np.asarray([known.get(k, default.item()) for k in x.reshape(-1).tolist()], values.dtype).reshape(x.shape)


def table_graph(name: str, in_function: bool) -> Any:
    """A table, what fills it (in a function that takes the handle, or beside it), and what reads it."""
    keys, values, default, x = TABLES[name]
    kinds = {"Tin": types(keys, values)["key_dtype"], "Tout": types(keys, values)["value_dtype"]}
    m = Maker()
    m.input("x", x.shape, x.dtype.name)
    m.add("HashTableV2", name="table", shared_name="words", **types(keys, values))
    m.const(keys, "keys")
    m.const(values, "values")
    functions = []
    if in_function:
        inner = Maker()
        inner.add("Identity", "v", name="same", T=Type(values.dtype.name))
        inner.add("LookupTableImportV2", "t", "k", "same:output:0", name="fill", **kinds)
        fill = inner.function("filling", ["t", "k", "v"], {}, ["fill"])
        for arg, kind in zip(fill.signature.input_arg, ("resource", keys.dtype.name, values.dtype.name), strict=True):
            arg.type = {"resource": 20, "int64": 9, "int32": 3, "float32": 1}[kind]
        functions.append(fill)
        kind = [Type("resource"), kinds["Tin"], kinds["Tout"]]
        m.add("StatefulPartitionedCall", "table", "keys", "values", name="init", f=Function("filling"), Tin=kind, Tout=[])
    else:
        m.add("LookupTableImportV2", "table", "keys", "values", name="init", **kinds)
    m.add("LookupTableFindV2", "table", "x", m.const(default), name="y", **kinds)
    m.add("LookupTableSizeV2", "table", name="count")
    return m.graph(functions)


@pytest.mark.parametrize("in_function", [False, True])
@pytest.mark.parametrize("name", TABLES)
def test_values_of_keys(name: str, in_function: bool, tmp_path: Path) -> None:
    graph = load(table_graph(name, in_function), tmp_path, outputs=["y"])
    np.testing.assert_array_equal(compute(graph, *[TABLES[name][3]][: len(graph.inputs)])[0], answers(name))
    assert compute(load(table_graph(name, in_function), tmp_path, outputs=["count"]))[0] == len(TABLES[name][0])


@pytest.mark.parametrize("name", [n for n in TABLES if n != "empty"])  # which TensorFlow does not fill
def test_tensorflow_gives_the_same_values(name: str) -> None:
    require_module("tensorflow", "tensorflow", "pip install tensorflow-cpu")
    import tensorflow as tf  # type: ignore[import-not-found]

    proto = tf.compat.v1.GraphDef.FromString(table_graph(name, False).SerializeToString())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(proto, name="")
        with tf.compat.v1.Session() as session:
            session.run(graph.get_operation_by_name("init"))
            np.testing.assert_array_equal(session.run("y:0", {"x:0": TABLES[name][3]}), answers(name))


def test_tables_that_do_not_convert(tmp_path: Path) -> None:
    keys, values, default, x = TABLES["near"]
    kinds = {"Tin": I64, "Tout": I64}

    def graph(fill: Any, keys: Array = keys) -> Any:
        m = Maker()
        m.input("x", x.shape, "int64")
        m.add("HashTableV2", name="table", **types(keys, values))
        fill(m, m.const(keys), m.const(values))
        m.add("LookupTableFindV2", "table", "x", m.const(default), name="y", **kinds)
        return m.graph()

    def once(m: Maker, k: str, v: str) -> None:
        m.add("LookupTableImportV2", "table", k, v, **kinds)

    def many(m: Maker, k: str, _: str) -> None:
        m.add("LookupTableImportV2", "table", k, m.const(np.zeros(2000, np.int64)), **kinds)

    with pytest.raises(UnsupportedOpError, match="does not say what the table 'table' holds"):
        load(graph(lambda *_: None), tmp_path)
    with pytest.raises(UnsupportedOpError, match="does not say"):
        load(graph(lambda *a: (once(*a), once(*a))), tmp_path)
    with pytest.raises(UnsupportedOpError, match="too large"):
        load(graph(many, np.arange(2000, dtype=np.int64) * FAR), tmp_path)
    with pytest.raises(MalformedModelError, match="a key twice"):
        load(graph(once, np.int64([3, 3, 7])), tmp_path)
    with pytest.raises(UnsupportedOpError, match="strings"):
        load(graph(once, np.asarray([b"a", b"b", b"c"], object)), tmp_path)
