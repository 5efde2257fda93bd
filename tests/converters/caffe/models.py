"""Small Caffe models for tests: a writer of weights in protobuf's wire format."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edgekit.types import Array
from edgekit_converters.importing.wire import write_field, write_varint


def blob(a: Array, legacy: bool = False, packed: bool = True) -> bytes:
    """A BlobProto; ``legacy`` has four dimensions instead of a shape."""
    if legacy:
        shape = (1,) * (4 - a.ndim) + a.shape
        head = b"".join(write_varint((i + 1) << 3) + write_varint(d) for i, d in enumerate(shape))
    else:
        head = write_field(7, write_field(1, b"".join(write_varint(d) for d in a.shape)))
    if a.dtype == np.float64:
        return head + write_field(8, a.tobytes())
    if packed:
        return head + write_field(5, a.astype("<f4").tobytes())
    return head + b"".join(write_varint(5 << 3 | 5) + struct.pack("<f", v) for v in a.ravel())


def weights_bytes(layers: Mapping[str, Sequence[Array]], form: int = 2, **options: bool) -> bytes:
    """A NetParameter with the blobs of each layer, in the form V0, V1 or V2 of layers."""
    out = write_field(1, b"test net")
    for name, blobs in layers.items():
        text, parts = name.encode(), [blob(a, **options) for a in blobs]
        if form == 2:
            out += write_field(100, write_field(1, text) + write_field(2, b"Any") + b"".join(write_field(7, p) for p in parts))
        elif form == 1:
            out += write_field(2, write_field(4, text) + b"".join(write_field(6, p) for p in parts))
        else:
            layer = write_field(1, text) + write_field(2, b"conv") + b"".join(write_field(50, p) for p in parts)
            out += write_field(2, write_field(1, layer))
    return out


def save(folder: Path, text: str, layers: Mapping[str, Sequence[Array]] | None = None, name: str = "net", **options: bool) -> Path:
    """Write both files, and return the prototxt's path."""
    path = folder / f"{name}.prototxt"
    path.write_text(text)
    (folder / f"{name}.caffemodel").write_bytes(weights_bytes(layers or {}, **options))  # type: ignore[arg-type]
    return path


def apply(folder: Path, layer: str, inputs: Sequence[Array], blobs: Sequence[Array] = (), tops: int = 1) -> list[Array]:
    """What the reference computes for one layer; ``layer`` is its type and parameters as text."""
    from edgekit import converters
    from edgekit.reference import run_graph

    kind, _, rest = layer.partition(" ")
    text = 'name: "test"\n'
    for i, a in enumerate(inputs):
        dims = " ".join(f"dim: {d}" for d in a.shape)
        text += f'layer {{ name: "in{i}" type: "Input" top: "x{i}" input_param {{ shape {{ {dims} }} }} }}\n'
    bottoms = " ".join(f'bottom: "x{i}"' for i in range(len(inputs)))
    written = " ".join(f'top: "y{i}"' for i in range(tops))
    text += f'layer {{ name: "node" type: "{kind}" {bottoms} {written} {rest} }}\n'
    graph = converters.load(save(folder, text, {"node": blobs} if blobs else None))
    assert graph.output_names == [f"y{i}" for i in range(tops)]
    return list(run_graph(graph, {f"x{i}": a for i, a in enumerate(inputs)}).values())
