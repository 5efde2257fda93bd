"""What the model-making scripts share: their command line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.peers import suite


def keras_models() -> list[str]:
    """Names of the models whose weights come from Keras."""
    return [model.name for model in suite.MODELS.values() if model.source == "keras"]


def folders(description: str, names: Sequence[str]) -> Iterator[tuple[suite.Model, Path]]:
    """Parse ``[--models-dir DIR] [NAME...]`` and give each model asked for with its folder, made when missing."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--models-dir", type=Path, default=Path("build/peers/models"), help="(default: %(default)s)")
    parser.add_argument("models", nargs="*", metavar="NAME", help=f"of {', '.join(names)} (default: all)")
    options = parser.parse_args()
    for name in options.models or names:
        if name not in names:
            parser.error(f"unknown model {name!r}; known: {', '.join(names)}")
        folder = options.models_dir / name
        folder.mkdir(parents=True, exist_ok=True)
        yield suite.MODELS[name], folder
