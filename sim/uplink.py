"""A shared link driven by SimPy: one timer for the next transfer to finish, whatever the number of transfers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import simpy

from sim.clock import Clock, Moment
from sim.upload import Upload

INFINITE = float("inf")


class Uplink:
    """Carries uploads over a link whose members share its capacity.

    One timer stands at the earliest finish known.  A later arrival can only bring it forward (then a new
    timer is set and the old one ignored) or push it back (then the timer finds nothing and is set again).
    """

    def __init__(self, env: Clock, link: Any, sent: Callable[[Upload], None]) -> None:
        self.env = env
        self.at = env.at
        self.link = link
        self.sent = sent
        self._timer: Moment | None = None
        self._timer_s = INFINITE
        self._ring = (self._rung,)
        self._sent = (sent,)
        self.join: Callable[[Upload], None] = self._join_immediate if link.immediate else self._join_shared

    def _join_immediate(self, upload: Upload) -> None:
        """The finish is known on joining (FIFO, dedicated): the upload itself is scheduled for it."""
        now = self.env._now
        finish_s = self.link.finish_of(now, upload.fluid_bits, upload.group.cap_bps)
        upload.callbacks = self._sent  # type: ignore[assignment]
        self.at(finish_s, upload)

    def _join_shared(self, upload: Upload) -> None:
        link, now = self.link, self.env._now
        if self._timer_s <= now:
            self._rung(self._timer)  # a transfer that ends at this very moment leaves before another joins
        group = upload.group
        link.join(now, upload, upload.fluid_bits, group.weight, group.cap_bps)
        finish_s = link.next_finish()
        if finish_s < self._timer_s:
            self._timer = timer = Moment(self._ring)
            self._timer_s = finish_s
            self.at(finish_s, timer)

    def _rung(self, timer: simpy.Event | None) -> None:
        if timer is not self._timer:
            return
        link = self.link
        for upload in link.pop_finished(self._timer_s):
            self.sent(upload)
        self._timer_s = finish_s = link.next_finish()
        if finish_s < INFINITE:
            self._timer = timer = Moment(self._ring)
            self.at(finish_s, timer)
        else:
            self._timer = None
