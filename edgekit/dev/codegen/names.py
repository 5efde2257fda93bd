"""How operator and attribute names look in C."""

from __future__ import annotations

import re

_C_KEYWORDS = {"auto", "default", "else", "if", "while", "do", "for", "float", "int", "not", "and", "or", "xor", "case", "switch"}


def snake(name: str) -> str:
    """``"ConvTranspose"`` -> ``"conv_transpose"``, ``"LSTM"`` -> ``"lstm"``, ``"ReduceL2"`` -> ``"reduce_l2"``."""
    s = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", s).lower()


def c_field(name: str) -> str:
    """An attribute name that is no C keyword."""
    return name + "_" if name in _C_KEYWORDS else name
