"""Converters of functions that functional models call between layers: ``keras.ops`` and TensorFlow's (``TFOpLambda``)."""
