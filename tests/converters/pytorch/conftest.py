"""The cases import torch: without it they are no modules to look for examples in."""

from __future__ import annotations

import importlib.util

collect_ignore = [] if importlib.util.find_spec("torch") else ["cases.py", "complex_cases.py", "derived_cases.py"]
