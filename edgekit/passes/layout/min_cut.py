"""Minimum cut: assigns 0 or 1 to variables at the least cost (Boykov and Kolmogorov's use of it; flow after Dinic, 1970)."""

from __future__ import annotations

from collections import deque

FOREVER = 1 << 60


class MinCut:
    """Costs over variables that are 0 or 1. ``ZERO`` and ``ONE`` are constants and can stand wherever a variable can."""

    ZERO, ONE = 0, 1

    def __init__(self) -> None:
        self._edges: list[list[int]] = [[], []]
        self._to: list[int] = []
        self._capacity: list[int] = []

    def variable(self) -> int:
        self._edges.append([])
        return len(self._edges) - 1

    def charge(self, a: int, b: int, cost: int) -> None:
        """Pay ``cost`` when ``a`` is 0 and ``b`` is 1."""
        if cost <= 0 or a == b or a == self.ONE or b == self.ZERO:
            return
        self._edges[a].append(len(self._to))
        self._to.append(b)
        self._capacity.append(cost)
        self._edges[b].append(len(self._to))
        self._to.append(a)
        self._capacity.append(0)

    def solve(self, prefer_ones: bool) -> tuple[int, list[bool]]:
        """The least cost, and for each variable whether it is 1. Of several solutions, the one with the most (or the fewest) ones."""
        total = 0
        while True:
            level = self._levels()
            if level[self.ONE] < 0:
                break
            total += self._blocking_flow(level)
        return total, ([at < 0 for at in level] if prefer_ones else self._ones())

    def _levels(self) -> list[int]:
        level = [-1] * len(self._edges)
        level[self.ZERO] = 0
        queue = deque([self.ZERO])
        while queue:
            u = queue.popleft()
            for e in self._edges[u]:
                v = self._to[e]
                if self._capacity[e] > 0 and level[v] < 0:
                    level[v] = level[u] + 1
                    queue.append(v)
        return level

    def _blocking_flow(self, level: list[int]) -> int:
        at = [0] * len(self._edges)
        total = 0
        path: list[int] = []
        u = self.ZERO
        while True:
            if u == self.ONE:
                push = min(self._capacity[e] for e in path)
                total += push
                for e in path:
                    self._capacity[e] -= push
                    self._capacity[e ^ 1] += push
                path, u = [], self.ZERO
                continue
            while at[u] < len(self._edges[u]):
                e = self._edges[u][at[u]]
                if self._capacity[e] > 0 and level[self._to[e]] == level[u] + 1:
                    break
                at[u] += 1
            else:
                if u == self.ZERO:
                    return total
                e = path.pop()
                u = self._to[e ^ 1]
                at[u] += 1
                continue
            path.append(e)
            u = self._to[e]

    def _ones(self) -> list[bool]:
        """What can still reach ONE."""
        ones = [False] * len(self._edges)
        ones[self.ONE] = True
        queue = deque([self.ONE])
        while queue:
            v = queue.popleft()
            for e in self._edges[v]:
                u = self._to[e]
                if self._capacity[e ^ 1] > 0 and not ones[u]:
                    ones[u] = True
                    queue.append(u)
        return ones
