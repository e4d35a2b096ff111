"""A shared link driven by SimPy: one timer for the next transfer to finish, whatever the number of transfers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import simpy

from sim.clock import Clock, Moment
from sim.upload import Upload

INFINITE = float("inf")


class _Expiry(Moment):
    """The moment at which an attempt has taken too long."""

    def __init__(self, callbacks: Any, upload: Upload) -> None:
        super().__init__(callbacks)
        self.upload = upload
        self.attempt = upload.attempt
        self.unsent_bits = 0.0
        """Bits that will not have left by then, where the link knows that on joining."""


class Uplink:
    """Carries uploads over a link whose members share its capacity.

    One timer stands at the earliest finish known.  A later arrival can only bring it forward (then a new
    timer is set and the old one ignored) or push it back (then the timer finds nothing and is set again).
    """

    def __init__(
        self, env: Clock, link: Any, sent: Callable[[Upload], None], gave_up: Callable[[Upload, float], None]
    ) -> None:
        self.env = env
        self.at = env.at
        self.link = link
        self.sent = sent
        self.gave_up = gave_up
        """Told of an attempt that took too long, with the bits that had not left yet."""
        self._timer: Moment | None = None
        self._timer_s = INFINITE
        self._ring = (self._rung,)
        self._sent = (sent,)
        self._expire = (self._expired,)
        self.join: Callable[[Upload], None] = self._join_immediate if link.immediate else self._join_shared

    def _join_immediate(self, upload: Upload) -> None:
        """The finish is known on joining (FIFO, dedicated): the upload itself is scheduled for it."""
        now = self.env._now
        carried_bits = self.link.carried_bits
        finish_s = self.link.finish_of(now, upload.fluid_bits, upload.cap_bps, upload.give_up_s)
        if finish_s == INFINITE:
            upload.on_link = True
            expiry = _Expiry(self._expire, upload)
            expiry.unsent_bits = upload.fluid_bits - (self.link.carried_bits - carried_bits)
            self.at(upload.give_up_s, expiry)
            return
        upload.callbacks = self._sent  # type: ignore[assignment]
        self.at(finish_s, upload)

    def _join_shared(self, upload: Upload) -> None:
        link, now = self.link, self.env._now
        if self._timer_s <= now:
            self._rung(self._timer)  # a transfer that ends at this very moment leaves before another joins
        link.join(now, upload, upload.fluid_bits, upload.group.weight, upload.cap_bps, upload.start)
        upload.on_link = True
        if upload.give_up_s < INFINITE:
            self.at(upload.give_up_s, _Expiry(self._expire, upload))
        self._advance_timer(link.next_finish())

    def _advance_timer(self, finish_s: float) -> None:
        """Make sure that the timer rings no later than ``finish_s``."""
        if finish_s < self._timer_s:
            self._timer = timer = Moment(self._ring)
            self._timer_s = finish_s
            self.at(finish_s, timer)

    def _rung(self, timer: simpy.Event | None) -> None:
        if timer is not self._timer:
            return
        link = self.link
        for upload in link.pop_finished(self._timer_s):
            upload.on_link = False
            self.sent(upload)
        self._timer_s = finish_s = link.next_finish()
        if finish_s < INFINITE:
            self._timer = timer = Moment(self._ring)
            self.at(finish_s, timer)
        else:
            self._timer = None

    def _expired(self, expiry: simpy.Event) -> None:
        assert isinstance(expiry, _Expiry)
        upload = expiry.upload
        if not upload.on_link or upload.attempt != expiry.attempt:
            return
        upload.on_link = False
        unsent_bits = expiry.unsent_bits
        if not self.link.immediate:
            unsent_bits = self.link.leave(self.env._now, upload)
            self._advance_timer(self.link.next_finish())
        self.gave_up(upload, unsent_bits)
