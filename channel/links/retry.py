"""When an upload is given up, tried again, or too late."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

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

    def wait_s(self, failed: int, rng: np.random.Generator) -> float:
        """Draw the wait after so many failed attempts (1, 2, ...), in seconds: exponential backoff with jitter.

        The wait is backoff * factor^(failed - 1), at most the longest, of which the jitter's share is uniform.
        """
        wait = min(self.backoff_s * self.factor ** (failed - 1), self.longest_wait_s)
        return wait * (1.0 - self.jitter * float(rng.random()))

    def again(self, failed: int) -> bool:
        """Whether another attempt is due after so many failed ones."""
        return failed < self.attempts
