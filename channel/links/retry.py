"""When an upload is given up, tried again, or too late."""

from __future__ import annotations

import math
from dataclasses import dataclass

from channel.links.chance import Uniform

INFINITY = math.inf


@dataclass(frozen=True, slots=True)
class Retry:
    """Deadline, timeout and backoff of uploads, in seconds.

    An attempt that has not arrived ``timeout_s`` after it began is given up; up to ``attempts`` in all are made.  An
    upload that has not arrived ``deadline_s`` after the end of speech is late.
    """

    deadline_s: float = INFINITY
    timeout_s: float = INFINITY
    attempts: int = 1
    backoff_s: float = 0.5
    factor: float = 2.0
    jitter: float = 0.5
    longest_wait_s: float = 60.0

    def wait_s(self, failed: int, uniform: Uniform) -> float:
        """Draw the wait after so many failed attempts (1, 2, ...), in seconds: exponential backoff with jitter.

        The wait is backoff * factor^(failed - 1), at most the longest, of which the jitter's share is uniform.
        """
        return backoff_s(failed, uniform(), self.backoff_s, self.factor, self.jitter, self.longest_wait_s)

    def again(self, failed: int) -> bool:
        """Whether another attempt is due after so many failed ones."""
        return failed < self.attempts


def backoff_s(failed: int, chance: float, first_s: float, factor: float, jitter: float, longest_s: float) -> float:
    """See `Retry.wait_s`; ``chance`` is a uniform number in [0, 1)."""
    return min(first_s * factor ** (failed - 1), longest_s) * (1.0 - jitter * chance)
