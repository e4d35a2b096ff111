"""What a device's policy knows when speech ends, and the codec that it picks."""

from __future__ import annotations

from devices.policy import Context
from sim.model.attachment import Attachment
from sim.model.running_cell import RunningCell
from sim.model.server import EdgeServer
from sim.model.upload import Upload
from sim.utterances import Tables


class Choice:
    """The policy of a group at work."""

    def __init__(self, attachment: Attachment, cell: RunningCell, server: EdgeServer, tables: Tables) -> None:
        self.attachment, self.cell, self.server = attachment, cell, server
        self.clock, self.group = attachment.clock, attachment.group
        group = self.group
        rows = list(group.codecs)
        self._audio_s: list[float] = tables.audio_s.tolist()
        self._bits: list[list[float]] = (tables.payload_bytes[rows].T * 8.0).tolist()  # by utterance, then codec
        self._encode_s: list[list[float]] = (tables.encode_host_s[rows].T * group.profile.encode_scale).tolist()
        self._context = Context()

    def __call__(self, upload: Upload) -> int:
        """The codec, as a row of the tables."""
        group, policy, now = self.group, self.group.policy, self.clock.now
        if policy.index is not None:
            return group.codecs[policy.index]
        context, number = self._context, upload.device.number
        context.time_s, context.device = now, number
        context.duration_s = self._audio_s[upload.utterance]
        context.payload_bits = self._bits[upload.utterance]
        context.encode_s = self._encode_s[upload.utterance]
        context.rtt_s = self.cell.path_rtt_s
        if "link_rate_bps" in policy.needs:
            context.link_rate_bps = self.attachment.fair_rate_bps(number, group.own_bps(number, now))
        if "battery" in policy.needs:
            context.battery = 1.0 if group.battery is None else group.battery.share(number, now)
        if "active_uploads" in policy.needs:
            context.active_uploads = self.attachment.uplink(number).link.active
        if "unanswered_uploads" in policy.needs:
            context.unanswered_uploads = self.cell.unanswered
        if "server_queue" in policy.needs:
            context.server_queue = self.server.waiting
        return group.codecs[int(policy.choose(context))]
