"""Configurations of Keras 1 in the words of Keras 2 (keras/legacy/interfaces.py of Keras 2.0 has the same tables)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
}
SETTINGS = {
    "output_dim": "units",
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "filter_length": "kernel_size",
    "atrous_rate": "dilation_rate",
    "bias": "use_bias",
    "inner_activation": "recurrent_activation",
    "p": "rate",
    "pool_length": "pool_size",
    "stride": "strides",
    "length": "size",
    "dim_ordering": "data_format",
    "sigma": "stddev",
}
#: settings that keep their Keras 1 name in some classes
KEPT = {"Embedding": ("output_dim",), "RepeatVector": ("length",), "Bidirectional": (), "ParametricSoftplus": ()}


def modern(class_name: str, config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Class and settings of a Keras 1 layer as Keras 2 calls them."""
    name = CLASSES.get(class_name, class_name)
    kept = KEPT.get(name, ())
    out: dict[str, Any] = {}
    for key, value in config.items():
        new = key if key in kept else SETTINGS.get(key, key)
        if new not in config:
            out[new] = value
        else:
            out[key] = value
    if "kernel_size" not in out:
        for keys in (("kernel_dim1", "kernel_dim2", "kernel_dim3"), ("nb_row", "nb_col")):
            if all(k in config for k in keys):
                out["kernel_size"] = [config[k] for k in keys]
    if isinstance(out.get("data_format"), str):
        out["data_format"] = {"th": "channels_first", "tf": "channels_last"}.get(out["data_format"], out["data_format"])
    if name in ("MaxPooling1D", "AveragePooling1D", "UpSampling1D", "Cropping1D", "ZeroPadding1D", "Conv1D"):
        out.pop("data_format", None)
    return name, out
