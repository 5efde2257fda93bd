"""Fits the device profiles of `edgekit.simulate` to published whole-model latencies."""
