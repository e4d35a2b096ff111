"""How much a situation bears: the most devices, or the least bandwidth, that meets a service level."""

from amser.capacity.levels import Level, Range, Verdict
from amser.capacity.search import Figure, Trial, find_capacity
from amser.capacity.study import Capacity, Tried, capacity

__all__ = ["Capacity", "Figure", "Level", "Range", "Trial", "Tried", "Verdict", "capacity", "find_capacity"]
