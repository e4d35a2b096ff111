"""What one upload far from any other costs: the simulation's models, asked once instead of over time.

Nothing is modelled here.  Coding times, transport, access, the radio's ledger and service times are the objects that
the simulation drives; a test holds the sum equal to it, upload by upload.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from amser.exits import UserError
from channel.links import Cell, build_cell
from devices.ledger import RadioLedger
from devices.profile import Profile
from devices.radio import Radio
from devices.radios import build_radio
from recognizers.service import ServiceTime, load_service
from scenarios import Scenario
from sim.build_site import profile_of, reply_bits


class Cost(NamedTuple):
    """Seconds from the end of speech to the reply, and joules that the upload adds on the device."""

    latency_s: float
    energy_j: float


@dataclass(frozen=True)
class Sender:
    """A device, the link that it has for itself, and its server."""

    profile: Profile
    radio: Radio
    cell: Cell
    rate_bps: float
    service: ServiceTime
    handling_s: float
    """The server's work on request and reply."""
    reply_bits: float | None
    """As in ``sim.site.Group``."""
    wait_s: float
    """How long the server waits for a batch to fill, which an upload alone waits in vain."""

    @classmethod
    def of(cls, scenario: Scenario) -> Sender:
        """The sender of a scenario with one device and one cell.  Raises ``UserError`` for a rate that varies."""
        (group,), (spec,) = scenario.devices.values(), scenario.cells.values()
        cell = build_cell(spec)
        rate_bps = cell.link.capacity.constant_bps
        if rate_bps is None:
            raise UserError("advice is for a constant uplink rate; simulate a link that varies: amser run")
        batching, handling = scenario.server.batching, scenario.server.handling
        radio = build_radio(group.radio)
        return cls(
            profile_of(group),
            radio,
            cell,
            rate_bps,
            load_service(scenario.server, scenario.recognizer, scenario.emotion),
            handling.request + handling.reply,
            reply_bits(scenario, radio),
            0.0 if batching.largest == 1 else batching.longest_wait,
        )

    def band(self) -> tuple[Sender, Sender]:
        """The same with the device as fast, and as slow, as its benchmarks allow."""
        scales = self.profile.encode_scale_low, self.profile.encode_scale_high
        fast, slow = (replace(self, profile=replace(self.profile, encode_scale=scale)) for scale in scales)
        return fast, slow

    def cost(self, payload_bytes: float, audio_s: float, encode_host_s: float) -> Cost:
        """The upload of a payload that takes so long to encode on the calibration host.

        The delay of access and the wait until the radio listens are means.
        """
        cell, ledger = self.cell, RadioLedger(self.radio)
        encode_s = self.profile.encode_s(encode_host_s)
        begun = ledger.begin(encode_s)
        plan = cell.transport.plan(encode_s, payload_bytes, math.inf, self.rate_bps, cell.path_rtt_s)
        before_s = begun.wake_s + cell.access.mean_s + plan.setup_s + plan.ramp_s
        sent_s = encode_s + before_s + plan.fluid_bits / self.rate_bps
        ended = ledger.end(sent_s, plan.wire_bytes * 8.0)
        replied_s = sent_s + cell.path_rtt_s + self.handling_s + self.wait_s + self.service.batch_s(1, audio_s)
        charges = [begun.charge, ended.charge]
        if self.reply_bits is None:
            charges.append(ledger.reply(replied_s))
        else:
            woken = ledger.begin(replied_s := ledger.hears_s(replied_s, 0.5))
            replied_s += woken.wake_s
            charges += [woken.charge, ledger.received(replied_s, self.reply_bits)]
        return Cost(replied_s, self.profile.encode_j(encode_host_s) + sum(c.total_j for c in charges))
