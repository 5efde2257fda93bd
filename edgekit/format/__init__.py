"""The ``.ekm`` file: writer, reader, and the generated schema."""

from __future__ import annotations

from edgekit.format.reader import is_ekm, read_model
from edgekit.format.writer import WrittenModel, write_bytes, write_model

__all__ = ["WrittenModel", "is_ekm", "read_model", "write_bytes", "write_model"]
