"""Make the Keras-source models: TFLite float32 and full int8, reference outputs, and graph and weights for the twin.

Run ``python -m benchmarks.peers.make.keras_models [--models-dir DIR] [NAME...]`` where tensorflow is installed. Writes
``fp32.tflite``, ``int8.tflite`` (per-channel int8 weights, int8 input and output), ``ref.npy``, ``graph.json`` and
``weights.npz`` for ``torch_twin``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.peers import suite
from benchmarks.peers.make import common
from benchmarks.peers.make.keras_networks import build

_KEPT = (
    *("strides", "padding", "dilation_rate", "activation", "epsilon", "pool_size", "target_shape", "axis", "size"),
    *("interpolation", "keepdims", "max_value", "negative_slope", "threshold", "scale", "offset", "use_bias", "groups"),
    "kernel_size",
)


def dump(model: keras.Model, folder: Path) -> None:
    """Write every operation with its settings and every weight, for a reader that has no Keras."""
    numbers: dict[int, int] = {}

    def plain(value: Any) -> Any:
        if isinstance(value, keras.KerasTensor):
            return {"t": numbers[id(value)]}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return value if isinstance(value, (int, float, str, bool, type(None))) else str(value)

    operations: list[dict[str, Any]] = []
    weights: dict[str, Any] = {}
    for operation in model.operations:
        node = operation._inbound_nodes[0]
        for tensor in node.output_tensors:
            numbers.setdefault(id(tensor), len(numbers))
        try:
            config = {key: plain(value) for key, value in operation.get_config().items() if key in _KEPT}
        except NotImplementedError:  # a bare operation such as an addition has no settings
            config = {}
        operations.append(
            {
                "name": operation.name,
                "cls": type(operation).__name__,
                "cfg": config,
                "args": plain(list(node.arguments.args)),
                "out": numbers[id(node.output_tensors[0])],
                "shape": list(node.output_tensors[0].shape),
            }
        )
        for weight in getattr(operation, "weights", []):
            weights[f"{operation.name}/{weight.name}"] = np.asarray(weight)
        if isinstance(operation, keras.layers.Normalization):
            weights[f"{operation.name}/mean"] = np.asarray(operation.mean)
            weights[f"{operation.name}/variance"] = np.asarray(operation.variance)
    np.savez(folder / "weights.npz", **weights)
    graph = {"ops": operations, "output": numbers[id(model.outputs[0])]}
    (folder / "graph.json").write_text(json.dumps(graph))


def write_tflite(model: keras.Model, spec: suite.Model, folder: Path) -> None:
    """Write ``fp32.tflite`` and ``int8.tflite``, and the reference outputs."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = [tf.TensorSpec(spec.shape, tf.float32, name="input")]
    function = tf.function(lambda x: model(x, training=False), input_signature=signature)
    outputs = [function(tf.constant(suite.make_input(spec.name, i))).numpy()[0] for i in range(spec.n_ref)]
    np.save(folder / "ref.npy", np.stack(outputs).astype(np.float32))
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    (folder / "fp32.tflite").write_bytes(converter.convert())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([x] for x in suite.calibration(spec.name))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    (folder / "int8.tflite").write_bytes(converter.convert())


def main() -> None:
    """Make the models named on the command line."""
    import tensorflow as tf

    # One thread: the order of sums, and with it the last bit of the batch-norm statistics, is then always the same.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for spec, folder in common.folders("Make TFLite models with random weights.", common.keras_models()):
        model = build(spec.name)
        dump(model, folder)
        write_tflite(model, spec, folder)
        sizes = ", ".join(f"{name} {(folder / name).stat().st_size} bytes" for name in ("fp32.tflite", "int8.tflite"))
        print(f"{folder}: {sizes}", flush=True)
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
