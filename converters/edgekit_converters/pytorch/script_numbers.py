"""What TorchScript computes with plain numbers, strings and lists: Python's own operators."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from edgekit_converters.pytorch.program import C10_TYPES, TorchType


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, TorchType) or isinstance(b, TorchType):
        names = [v.name if isinstance(v, TorchType) else C10_TYPES.get(v, "") if isinstance(v, int) else "" for v in (a, b)]
        return names[0] == names[1]
    return bool(a == b)


def _format(text: str, *values: Any) -> str:
    return text[:1000].replace("{}", "%s") % tuple(str(v)[:100] for v in values) if text.count("{}") == len(values) else text


def _power(a: Any, b: Any) -> Any:
    if abs(b) > 64:
        raise ValueError(f"a power of {b}")
    return a**b


def _times(a: Any, b: Any) -> Any:
    if isinstance(a, list) and len(a) * b > 100_000:
        raise ValueError("a list of more than 100000 elements")
    return a * b


def _slice(values: Any, start: Any, end: Any, step: Any = 1) -> Any:
    return values[slice(start, end, step)]


def _range(*limits: Any) -> int:
    return len(range(*limits))


#: functions by the operator's name without overload; used where no argument is a tensor
PLAIN: dict[str, Callable[..., Any]] = {
    "add": lambda a, b, alpha=1: a + b,
    "sub": lambda a, b, alpha=1: a - b,
    "mul": _times,
    "div": lambda a, b: a / b,
    "floordiv": lambda a, b: a // b,
    "remainder": lambda a, b: a % b,
    "mod": lambda a, b: a % b,
    "pow": _power,
    "neg": lambda a: -a,
    "eq": _same,
    "ne": lambda a, b: not _same(a, b),
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "__not__": lambda a: not a,
    "__and__": lambda a, b: a & b,
    "__or__": lambda a, b: a | b,
    "__xor__": lambda a, b: a ^ b,
    "__is__": lambda a, b: a is b,
    "__isnot__": lambda a, b: a is not b,
    "len": len,
    "__contains__": lambda a, b: b in a,
    "__getitem__": lambda a, b: a[b],
    "__derive_index": lambda i, start, step: start + i * step,
    "__range_length": lambda a, b, c: _range(a, b, c),
    "Int": int,
    "Float": float,
    "Bool": bool,
    "ceil": math.ceil,
    "floor": math.floor,
    "round": round,
    "sqrt": math.sqrt,
    "log": math.log,
    "exp": math.exp,
    "abs": abs,
    "format": _format,
    "slice": _slice,
    "list": list,
    "str": str,
    "min": min,
    "max": max,
    "copy": list,
    "keys": list,
    "values": lambda d: list(d.values()),
    "floor_divide": lambda a, b: a // b,
    "lower": lambda s: s.lower(),
    "upper": lambda s: s.upper(),
    "append": lambda a, b: a.append(b),
    "extend": lambda a, b: a.extend(b),
    "reverse": lambda a: a.reverse(),
    "insert": lambda a, i, b: a.insert(i, b),
    "pop": lambda a, i=-1: a.pop(i),
    "truediv": lambda a, b: a / b,
    "_set_item": lambda a, i, b: a.__setitem__(i, b),
    "ScalarImplicit": lambda a: a,
    "IntImplicit": int,
    "FloatImplicit": float,
    "startswith": lambda s, p: s.startswith(p),
    "join": lambda s, p: s.join(p),
    "warn": lambda *a: None,
    "to": lambda a, *_: a,
}

#: arithmetic on sizes that are computed at run time: the exported program's name for it
SYMBOLIC = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "div": "truediv",
    "floordiv": "floordiv",
    "remainder": "mod",
    "eq": "eq",
    "ne": "ne",
    "lt": "lt",
    "le": "le",
    "gt": "gt",
    "ge": "ge",
    "neg": "neg",
    "pow": "pow",
    "__and__": "and_",
    "__or__": "or_",
    "floor_divide": "floordiv",
}
SYMBOLIC_OTHERS = {
    "__not__": "torch.sym_not",
    "Int": "torch.sym_int",
    "Float": "torch.sym_float",
    "min": "torch.sym_min",
    "max": "torch.sym_max",
    "floor": "math.floor",
    "ceil": "math.ceil",
    "sqrt": "math.sqrt",
    "round": "builtins.round",
}
