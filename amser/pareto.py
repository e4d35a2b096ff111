"""The Pareto front: points that no other point beats in one thing without losing in another."""

from __future__ import annotations

import math
from collections.abc import Sequence


def pareto_front(costs: Sequence[float], losses: Sequence[float]) -> list[int]:
    """Indices of the points on the front, by growing cost; both are better when smaller, NaN is on no front."""
    known = [i for i in range(len(costs)) if math.isfinite(costs[i]) and math.isfinite(losses[i])]
    front: list[int] = []
    least = math.inf
    for i in sorted(known, key=lambda i: (costs[i], losses[i])):
        if losses[i] < least:
            front.append(i)
            least = losses[i]
    return front
