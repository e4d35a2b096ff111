"""Who speaks, when and what: the devices as arrays, and their arrivals in vectorised chunks."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from devices.delivery import IMMEDIATE, Delivery
from sim.streams import Streams
from sim.tables import Tables

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CHUNK_ARRIVALS = 16_384
NEVER = -float("inf")


class Radio(Protocol):
    """What the engine needs of a radio (``devices.radio``)."""

    def wake_delay_s(self, gap_s: float) -> float:
        """Seconds until the radio can send."""
        ...

    def wake_energy_j(self, gap_s: Floats) -> Floats:
        """Joules of waking."""
        ...

    def tail_energy_j(self, gap_s: Floats) -> Floats:
        """Joules of a tail cut short after the gap."""
        ...

    def transmit_energy_j(self, active_s: Floats, bits: Floats) -> Floats:
        """Joules of sending."""
        ...


@dataclass
class Group:
    """A group of like devices, compiled for the engine; ``first`` is the number of its first device."""

    index: int
    name: str
    first: int
    count: int
    codecs: tuple[int, ...]
    """Rows of the tables that the group's policy can pick."""
    radio: Radio
    traffic: Any
    cpu_active_w: float
    """Power of coding above idle, watts."""
    encode_scale: float
    """Coding time on this device over that on the calibration host."""
    idle_w: float
    """Power of the whole device doing nothing, radio asleep, watts."""
    weight: float = 1.0
    policy: Any = None
    battery: Any = None
    profile: Any = None
    cell: int = 0
    """Number of the cell that the group sends through."""
    run: Any = None
    """That cell while it runs; see ``send_through``."""
    enter: Any = None
    ready: Any = None
    sent: Any = None
    served: Any = None
    """What happens to the group's uploads at each stage, see ``sim.life``: functions of an upload."""

    def __post_init__(self) -> None:
        self.wake_delay_s = self.radio.wake_delay_s
        self.rate_of: array[float] | None = None
        self.open_loop: bool = getattr(self.traffic, "open_loop", True)
        self.delivery: Delivery = IMMEDIATE if self.policy is None else self.policy.delivery
        fixed = self.policy is None or self.policy.index is not None
        # Codec and coding time are known when speech ends: whole chunks can be coded at once.
        self.simple: bool = fixed and self.delivery.immediate and self.battery is None and self.open_loop

    def send_through(self, run: Any) -> None:
        """Take the cell (``sim.cell.CellRun``) that the group's uploads go through."""
        self.run = run
        self.fair_rate_bps = run.fair_rate_bps if self.weight == 1.0 else partial(run.fair_rate_bps, weight=self.weight)

    def limit_rates(self, rates_bps: Floats | None) -> None:
        """Give each device its own rate on the link, bit/s of shape (count,); None for no limits."""
        self.rate_of = None if rates_bps is None else array("d", rates_bps)

    def energies(
        self, encode_cpu_s: Floats, gap_s: Floats, active_s: Floats, bits: Floats, wait_s: Floats
    ) -> dict[str, Floats]:
        """Joules that uploads add, by component; arrays of one length.

        ``gap_s`` is the radio's silence before the upload (negative: a reply was still awaited), ``wait_s``
        that between the last bit and the reply.  Each upload is charged the tail it adds.
        """
        tail_j = self.radio.tail_energy_j
        return {
            "encode": encode_cpu_s * self.cpu_active_w,
            "wake": self.radio.wake_energy_j(np.maximum(gap_s, 0.0)),
            "transmit": self.radio.transmit_energy_j(active_s, bits),
            # A new upload that overlaps the wait for the last reply gives back what it cuts from that wait.
            "tail": np.where(gap_s >= 0.0, tail_j(np.maximum(gap_s, 0.0)), -tail_j(np.maximum(-gap_s, 0.0)))
            + tail_j(wait_s),
        }

    def radio_j(self, gap_s: float, active_s: float, bits: float) -> tuple[float, float, float]:
        """Joules of one activity as floats: waking, transmission, tail; as ``energies`` for one upload."""
        radio: Any = self.radio
        wake_j = radio.wake_j(gap_s) if gap_s > 0.0 else radio.wake_j(0.0)
        tail_j = radio.tail_j(gap_s) if gap_s >= 0.0 else -radio.tail_j(-gap_s)
        return wake_j, radio.transmit_j(active_s, bits), tail_j


class Fleet:
    """State of all devices of a site as flat arrays, indexed by device number."""

    def __init__(self, groups: list[Group]) -> None:
        self.groups = groups
        self.size = sum(g.count for g in groups)
        self.mark = array("d", [NEVER]) * self.size
        """Up to when the radio's activity has been accounted: its last activity's end while it is idle."""
        self.awake = array("d", [NEVER]) * self.size
        """When the radio is (or was last) connected."""
        self.connected = array("d", [NEVER]) * self.size
        """When the transport's connection is (or was last) set up."""
        self.busy = [0] * self.size  # lists: small integers take no more room than a pointer and are read faster
        """Uploads of the device that are on the radio now."""
        self.awaiting = [0] * self.size
        """Uploads of the device that have been sent and have no reply yet, as far as the server is worked out."""
        self.cpu = array("d", [NEVER]) * self.size
        """When the device's CPU has coded all it was given."""
        self.cpu_free = np.frombuffer(self.cpu)  # the same numbers, for work on many devices at once


@dataclass
class Chunk:
    """Arrivals in the order in which they enter the simulation."""

    number: Ints
    group: Ints
    device: Ints
    utterance: Ints
    codec: Ints
    payload_bytes: Ints
    """0 while the codec is still to be picked."""
    spoken_s: Floats
    enter_s: Floats
    """When the engine first sees it: coded already (fixed codec), or at the end of speech (policy)."""
    encode_cpu_s: Floats
    luck: Floats

    FIELDS = (
        "number",
        "group",
        "device",
        "utterance",
        "codec",
        "payload_bytes",
        "spoken_s",
        "enter_s",
        "encode_cpu_s",
        "luck",
    )

    def take(self, order: Any) -> Chunk:
        """The rows ``order`` (indices or a mask)."""
        return Chunk(*(getattr(self, name)[order] for name in self.FIELDS))

    @staticmethod
    def join(chunks: list[Chunk]) -> Chunk:
        """All rows of several chunks."""
        return Chunk(*(np.concatenate([getattr(c, name) for c in chunks]) for name in Chunk.FIELDS))

    def __len__(self) -> int:
        return len(self.number)


class Arrivals:
    """Draws the open-loop arrivals of a fleet over [0, ``duration_s``), about ``CHUNK_ARRIVALS`` at a time.

    The windows follow the counts drawn, never the codecs, so that points of a sweep meet the same arrivals.
    """

    def __init__(self, fleet: Fleet, tables: Tables, streams: Streams, duration_s: float) -> None:
        self.fleet = fleet
        self.tables = tables
        self.duration_s = duration_s
        self.count = 0
        self._open = [g for g in fleet.groups if g.open_loop]
        self._lead_s = max((g.delivery.block_s and float(tables.audio_s.max()) for g in self._open), default=0.0)
        """How long before its end a streamed utterance may enter."""
        self._rng = {
            (purpose, g.name): streams(purpose, g.name)
            for g in self._open
            for purpose in ("arrivals", "utterances", "luck")
        }

    def chunks(self) -> Iterator[Chunk]:
        """Chunks whose entries are sorted by ``enter_s``, each chunk after the one before."""
        begin, window = 0.0, self.duration_s / 64
        if not self._open:
            return
        held: list[Chunk] = []
        while begin < self.duration_s:
            end = min(begin + window, self.duration_s)
            fresh = self._draw(begin, end)
            window = _next_window(end - begin, len(fresh), self.duration_s)
            chunk = Chunk.join([*held, fresh])
            order = np.argsort(chunk.enter_s, kind="stable")
            # Coding may end after the window; such entries wait for the next chunk, else order would break.
            cut = (
                len(order) if end >= self.duration_s else int(np.searchsorted(chunk.enter_s[order], end - self._lead_s))
            )
            held = [chunk.take(order[cut:])]
            if cut:
                yield chunk.take(order[:cut])
            begin = end

    def _draw(self, begin: float, end: float) -> Chunk:
        parts = [self._draw_group(g, begin, end) for g in self._open]
        chunk = Chunk.join(parts) if len(parts) > 1 else parts[0]
        order = np.argsort(chunk.spoken_s, kind="stable") if len(parts) > 1 else slice(None)
        chunk = chunk.take(order)
        chunk.number = np.arange(self.count, self.count + len(chunk))
        self.count += len(chunk)
        return chunk

    def _draw_group(self, g: Group, begin: float, end: float) -> Chunk:
        times, local = g.traffic.arrivals(self._rng["arrivals", g.name], begin, end)
        n = len(times)
        utterance = self._rng["utterances", g.name].integers(0, len(self.tables.utterances), n)
        luck = self._rng["luck", g.name].random(n)
        device = np.asarray(local, dtype=np.int64) + g.first
        codec = np.full(n, g.codecs[0])
        if g.simple:
            size = self.tables.payload_bytes[g.codecs[0], utterance]
            cpu_s = self.tables.encode_host_s[g.codecs[0], utterance] * g.encode_scale
            enter = coded_at(times, device, cpu_s, self.fleet.cpu_free)
        else:
            size, cpu_s, enter = np.zeros(n, np.int64), np.zeros(n), times
            if g.delivery.block_s:
                enter = np.maximum(times - self.tables.audio_s[utterance], 0.0)
        nothing, group = np.zeros(n, np.int64), np.full(n, g.index)
        return Chunk(nothing, group, device, utterance, codec, size, times, enter, cpu_s, luck)


def _next_window(window: float, drawn: int, duration_s: float) -> float:
    """A window that should hold about ``CHUNK_ARRIVALS``; it grows at most fourfold at a step."""
    if not drawn:
        return min(window * 4.0, duration_s)
    return min(max(window * CHUNK_ARRIVALS / drawn, window / 16.0), window * 4.0)


def coded_at(spoken_s: Floats, device: Ints, cpu_s: Floats, cpu_free: Floats) -> Floats:
    """When each utterance is coded by its device's CPU, first come first served.

    ``spoken_s`` is sorted.  ``cpu_free`` (one per device) is read and brought up to date.
    """
    order = np.lexsort((spoken_s, device))
    d, t, c = device[order], spoken_s[order], cpu_s[order]
    done = np.maximum(t, cpu_free[d]) + c
    again = np.flatnonzero(d[1:] == d[:-1]) + 1  # rows whose device has an earlier row in this chunk
    done[again] = t[again] + c[again]
    # Only devices that speak again before they have coded need the recursion done(i) = max(t(i), done(i-1)) + c(i);
    # walking forward through `again` lets a delay be handed on.
    for i in again[_may_wait(done, t, again)].tolist():
        if done[i - 1] > t[i]:
            done[i] = done[i - 1] + c[i]
    last = np.flatnonzero(np.append(d[1:] != d[:-1], True)) if len(d) else np.zeros(0, np.int64)
    cpu_free[d[last]] = done[last]
    result = np.empty_like(done)
    result[order] = done
    return result


def _may_wait(done: Floats, t: Floats, again: Ints) -> npt.NDArray[np.bool_]:
    """Rows of ``again`` from the first late one on; before it nobody can wait."""
    late = done[again - 1] > t[again]
    first = int(np.argmax(late)) if late.any() else len(late)
    return np.arange(len(late)) >= first
