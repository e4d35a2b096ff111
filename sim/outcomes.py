"""How an upload ends."""

from __future__ import annotations

# In the order of their numbers in the log.
OUTCOMES = ("delivered", "lost", "rejected", "late", "battery-dead", "unfinished")
DELIVERED, LOST, REJECTED, LATE, BATTERY_DEAD, UNFINISHED = range(6)
