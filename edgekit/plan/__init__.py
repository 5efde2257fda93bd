"""Lifetimes, the memory planner and the schedule."""

from __future__ import annotations

from edgekit.plan.lifetimes import Lifetime, lifetimes
from edgekit.plan.memory import ALIGNMENT, MemoryPlan, plan_memory

__all__ = ["ALIGNMENT", "Lifetime", "MemoryPlan", "lifetimes", "plan_memory"]
