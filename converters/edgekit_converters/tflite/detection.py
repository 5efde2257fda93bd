"""The mark of TensorFlow Lite files (bytes 4 to 8)."""

IDENTIFIER = b"TFL3"
