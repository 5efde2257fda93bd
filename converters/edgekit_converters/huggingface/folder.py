"""The files of a Hugging Face folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.files import read_bytes

MAX_CONFIG = 1 << 24
ONNX_PLACES = ("model.onnx", "onnx/model.onnx")
SAFETENSORS, INDEX, PICKLED = "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"


def read_config(folder: Path) -> dict[str, Any]:
    """The table in ``config.json``.

    Raises:
        MalformedModelError: it is missing or broken.
    """
    path = folder / "config.json"
    try:
        config = json.loads(read_bytes(path, MAX_CONFIG))
    except (ValueError, RecursionError) as e:
        raise MalformedModelError(f"{path}: no valid JSON: {e}") from e
    if not isinstance(config, dict):
        raise MalformedModelError(f"{path}: no table")
    return config
