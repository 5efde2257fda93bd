"""EdgeKit: from a trained model to fast, small, correct inference on a phone or a board."""

from __future__ import annotations

__version__ = "0.1.0"
