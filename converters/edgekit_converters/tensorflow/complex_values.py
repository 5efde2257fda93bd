"""TensorFlow operators that work on complex tensors part by part."""

from __future__ import annotations

#: operators that work on the real and the imaginary part alike
COMPONENTWISE = frozenset(
    {
        "Identity", "Snapshot", "StopGradient", "Reshape", "Squeeze", "ExpandDims", "Transpose", "ConcatV2", "Pack", "Unpack", "Split",
        "SplitV", "Tile", "BroadcastTo", "Pad", "StridedSlice", "Slice", "GatherV2", "GatherNd", "ReverseV2", "Roll", "Neg", "Add", "AddV2",
        "Sub", "AddN", "Sum", "Mean", "ZerosLike", "EnsureShape",
    }
)  # fmt: skip
