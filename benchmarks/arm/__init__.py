"""Executed aarch64 instructions of a model, counted exactly in an emulator: the performance gate for ARM."""
