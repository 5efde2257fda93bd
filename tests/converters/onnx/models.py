"""Small ONNX models for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.types import Array

Declared = Sequence[int | str | None]


def model(
    nodes: Sequence[Any],
    inputs: Mapping[str, tuple[type | np.dtype[Any], Declared]],
    outputs: Sequence[str],
    constants: Mapping[str, Array] | None = None,
    opset: int = 17,
    **options: Any,
) -> Any:
    """A ModelProto.

    Args:
        nodes: NodeProtos.
        inputs: element type and shape (names for open dimensions) of each input.
        outputs: names; their types are left open.
        constants: initializers.
        opset: version of the ONNX operators.
        **options: ``functions``, ``ir_version``, ``listed`` (initializers that are listed as inputs too).
    """
    from onnx import TensorProto, helper, numpy_helper

    def info(name: str, dtype: Any, shape: Declared) -> Any:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(shape))

    declared = [info(n, d, s) for n, (d, s) in inputs.items()]
    initializers = [numpy_helper.from_array(np.asarray(a), n) for n, a in (constants or {}).items()]
    for n in options.get("listed", ()):
        a = (constants or {})[n]
        declared.append(info(n, a.dtype, a.shape))
    open_outputs = [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in outputs]
    graph = helper.make_graph(list(nodes), "test", declared, open_outputs, initializers)
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset), *options.get("opsets", ())],
        functions=list(options.get("functions", ())),
        ir_version=options.get("ir_version", 8),
    )


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], name: str = "", **attributes: Any) -> Any:
    """A NodeProto."""
    from onnx import helper

    return helper.make_node(op, list(inputs), list(outputs), name=name, **attributes)


def save(proto: Any, folder: Path, name: str = "model.onnx") -> Path:
    """Write a model to a file."""
    path = folder / name
    path.write_bytes(proto.SerializeToString())
    return path
