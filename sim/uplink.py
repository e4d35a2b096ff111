"""A shared link in the simulation: joined at its time, worked out when somebody needs to know, or driven by a timer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from channel.links import EqualLink
from sim.clock import Clock
from sim.upload import Upload

INFINITE = float("inf")


class Uplink:
    """Carries uploads over a link whose members share its capacity.

    What has been sent changes nothing before its device, the link or the server is looked at again.  So nothing
    happens at a finish: ``due_s`` says from when on ``advance`` has something to do, and whoever looks calls it first.

    A ``prompt`` uplink ends every transfer at its time, for cells where it leads to something new: a retry,
    the next block, another utterance.  One timer stands at the earliest finish known, whatever the number of transfers.
    A later arrival can only bring it forward (then a new timer is set and the old one ignored) or push it back
    (then the timer finds nothing and is set again).  A timer is known by the time for which it was set.
    """

    def __init__(self, env: Clock, link: Any, gave_up: Callable[[Upload, float], None], *, prompt: bool) -> None:
        self.env = env
        self.at = env.at
        self.link = link
        self.gave_up = gave_up
        """Told of an attempt that took too long, with the bits that had not left yet."""
        self.due_s = INFINITE
        self._timer_s = INFINITE
        self._ring, self._left = self._rung, self._sent  # bound once: a new bound method costs as much as the call
        self._expire = self._expired
        self.join: Callable[[Upload], None]
        if link.immediate:
            self.join = self._join_immediate
        elif prompt:
            self.join = self._join_promptly
        else:
            self.join = self._join_equal if isinstance(link, EqualLink) else self._join_shared

    def advance(self, now: float) -> None:
        """Work out every transfer that ends up to and including ``now``."""
        link = self.link
        while self.due_s <= now:
            end_s = self.due_s
            done = link.pop_finished(end_s)  # none when later arrivals have pushed the finish back
            self.due_s = link.next_finish()
            for upload in done:
                upload.group.sent(upload, end_s)

    def _join_equal(self, upload: Upload) -> None:
        """Equal sharing: only an upload that is first to finish can bring the next finish forward."""
        now = self.env._now
        if self.due_s <= now:
            self.advance(now)
        finish_s = self.link.join_first(now, upload, upload.fluid_bits)
        if finish_s < self.due_s:
            self.due_s = finish_s

    def _join_shared(self, upload: Upload) -> None:
        link, now = self.link, self.env._now
        if self.due_s <= now:
            self.advance(now)
        link.join(now, upload, upload.fluid_bits, upload.group.weight, upload.cap_bps, upload.start)
        self.due_s = link.next_finish()

    def _join_immediate(self, upload: Upload) -> None:
        """The finish is known on joining (FIFO, dedicated): the upload itself is scheduled for it."""
        link, now = self.link, self.env._now
        carried_bits = link.carried_bits
        finish_s = link.finish_of(now, upload.fluid_bits, upload.cap_bps, upload.give_up_s)
        if finish_s == INFINITE:
            upload.on_link = True
            unsent_bits = upload.fluid_bits - (link.carried_bits - carried_bits)
            self.at(upload.give_up_s, self._expire, (upload, upload.attempt, unsent_bits))
            return
        self.at(finish_s, self._left, upload)

    def _sent(self, upload: Upload) -> None:
        upload.group.sent(upload, self.env._now)

    def _join_promptly(self, upload: Upload) -> None:
        link, now = self.link, self.env._now
        if self._timer_s <= now:
            self._rung(self._timer_s)  # a transfer that ends at this very moment leaves before another joins
        link.join(now, upload, upload.fluid_bits, upload.group.weight, upload.cap_bps, upload.start)
        upload.on_link = True
        if upload.give_up_s < INFINITE:
            self.at(upload.give_up_s, self._expire, (upload, upload.attempt, 0.0))
        self._advance_timer(link.next_finish())

    def _advance_timer(self, finish_s: float) -> None:
        """Make sure that the timer rings no later than ``finish_s``."""
        if finish_s < self._timer_s:
            self._timer_s = finish_s
            self.at(finish_s, self._ring, finish_s)

    def _rung(self, due_s: float) -> None:
        if due_s != self._timer_s:
            return
        link = self.link
        for upload in link.pop_finished(due_s):
            upload.on_link = False
            upload.group.sent(upload, due_s)
        self._timer_s = finish_s = link.next_finish()
        if finish_s < INFINITE:
            self.at(finish_s, self._ring, finish_s)

    def _expired(self, expiry: tuple[Upload, int, float]) -> None:
        """An attempt has taken too long: (upload, its attempt, bits that the link knew would not have left)."""
        upload, attempt, unsent_bits = expiry
        if not upload.on_link or upload.attempt != attempt:
            return
        upload.on_link = False
        if not self.link.immediate:
            unsent_bits = self.link.leave(self.env._now, upload)
            self._advance_timer(self.link.next_finish())
        self.gave_up(upload, unsent_bits)
