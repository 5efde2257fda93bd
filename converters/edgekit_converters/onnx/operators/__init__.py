"""One small function an ONNX operator, in modules by category. ``registry.load_all`` imports every module here."""
