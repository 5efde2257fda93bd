"""Converters of Caffe's layers, by group."""
