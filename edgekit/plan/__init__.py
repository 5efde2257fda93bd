"""What happens where and when: lifetimes of tensors, their places in the arena, the order of execution."""

from __future__ import annotations

from edgekit.plan.lifetimes import Lifetime, Lifetimes, Sharing, lifetimes
from edgekit.plan.memory import ALIGNMENT, MemoryPlan, align, plan_memory
from edgekit.plan.schedule import best_order

__all__ = ["ALIGNMENT", "Lifetime", "Lifetimes", "MemoryPlan", "Sharing", "align", "best_order", "lifetimes", "plan_memory"]
