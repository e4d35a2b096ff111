"""Phones: devices that speak a plan at its times, encode for real, upload, and log each stage.

NumPy and SciPy, no torch: this is what runs on a Raspberry Pi.  Each device codes one utterance at a time, as
simulated ones do, and keeps a spare connection open: a simulated device's uploads share one, and a second upload at the
same time would else pay for a set-up that they do not.
"""

from __future__ import annotations

import json
import queue
import random
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from math import inf, nan
from typing import TextIO

from amser.live import clock
from amser.live.client import Address, Connection, Reply, TimedOut
from amser.live.errors import LiveError
from amser.live.plan import Audio, Plan, Spoken
from channel.codecs import Codec, build_codec
from channel.links.cell_parts import retry as build_retry
from channel.links.retry import Retry
from devices.policy import Context, Policy, build_policy

ANSWER_S = 90.0  # longer than any server of ours takes to say 504
SWITCH_S = 2e-4  # devices wait no longer for one another's Python; by default 5 ms
SPARE = 2
"""Free connections, below which a device that has had a reply opens another."""


@dataclass
class Entry:
    """One upload as the phone saw it.  Times are seconds from the plan's start, NaN where they were not reached.

    ``woke_s`` is when the phone noticed that speech had ended, which on an idle machine is at once.  The server's
    stamps are on the phone's clock: its own where both run on one machine, else set back from the reply, which then
    counts as transfer.
    """

    upload: int
    group: int
    device: int
    utterance: int
    spoken_s: float
    codec: str = ""
    woke_s: float = nan
    began_s: float = nan
    ready_s: float = nan
    encode_cpu_s: float = nan
    left_s: float = nan
    written_s: float = nan
    arrived_s: float = nan
    started_s: float = nan
    served_s: float = nan
    replied_s: float = nan
    batch: int = 1
    batch_number: int = -1
    attempts: int = 0
    connections: int = 0
    payload_bytes: int = 0
    sent_bytes: int = 0
    status: int = 0
    error: str = ""
    text: str = ""
    emotion: str | None = None
    same_clock: bool = False


@dataclass
class _Group:
    """What the devices of a group share."""

    policy: Policy
    codecs: tuple[str, ...]
    capacity_bps: float
    rtt_s: float
    retry: Retry | None
    new_connection: bool
    encode_scale: float


@dataclass
class _Device:
    """One device: what waits for its processor, and its connections that are free."""

    work: queue.SimpleQueue[tuple[Entry, Audio] | None] = field(default_factory=queue.SimpleQueue)
    idle: deque[Connection] = field(default_factory=deque)


class Phones:
    """All devices of a plan, in threads of one process."""

    def __init__(
        self, plan: Plan, address: Address, log: TextIO, said: Callable[[int], None] = lambda done: None
    ) -> None:
        """``log`` takes one JSON line for each upload whose life is over; ``said`` is told how many there are."""
        self.plan, self.address, self._log, self._said = plan, address, log, said
        specs = plan.scenario.codec_specs()
        self._codecs: dict[str, Codec] = {n: build_codec(s, bands=plan.bands, name=n) for n, s in specs.items()}
        self._groups = [_group(plan, name) for name in plan.scenario.devices]
        self._devices: defaultdict[tuple[int, int], _Device] = defaultdict(_Device)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._active = 0
        self._done = 0
        self._start_s = 0.0
        self.stopped = threading.Event()
        """Set it to say nothing more; what is under way is still followed."""

    def warm(self) -> None:
        """Load libraries and compile, so that no utterance pays for it."""
        first = self.plan.audio(self.plan.spoken[0].utterance) if self.plan.spoken else None
        for codec in self._codecs.values():
            if first is not None:
                codec.encode(first)

    def speak(self, start_s: float) -> int:
        """Speak the plan from an instant of ``clock.now`` on; returns how many were logged when all were over.

        Uploads that have no reply ``drain`` after the plan's duration stay in the log as unfinished.
        """
        self._start_s = start_s
        before_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        try:
            return self._speak(start_s)
        finally:
            sys.setswitchinterval(before_s)

    def _speak(self, start_s: float) -> int:
        for number, spoken in enumerate(self.plan.spoken):
            audio = self.plan.audio(spoken.utterance)  # a phone that has just heard it need not read it
            if self.stopped.wait(max(0.0, start_s + spoken.spoken_s - clock.now())):
                break
            entry = Entry(number, spoken.group, spoken.device, spoken.utterance, spoken.spoken_s, woke_s=self._now())
            self._device(spoken).work.put((entry, audio))
        for device in self._devices.values():
            device.work.put(None)
        until_s = start_s + self.plan.scenario.duration + self.plan.scenario.drain
        for thread in self._threads:
            thread.join(max(0.0, until_s - clock.now()))
        return self._done

    def _now(self) -> float:
        return clock.now() - self._start_s

    def _device(self, spoken: Spoken) -> _Device:
        at = (spoken.group, spoken.device)
        if at not in self._devices:
            device = self._devices[at]
            self._run(lambda: self._code(device))
        return self._devices[at]

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _code(self, device: _Device) -> None:
        """The device's processor."""
        while (work := device.work.get()) is not None:
            entry, audio = work
            group = self._groups[entry.group]
            try:
                payload = self._encoded(entry, audio, group)
            except Exception as error:  # logged, as what a server refuses is
                self._finish(entry, f"encoding failed: {error}")
                continue
            self._run(lambda entry=entry, payload=payload: self._upload(device, entry, payload))  # type: ignore[misc]

    def _encoded(self, entry: Entry, audio: Audio, group: _Group) -> bytes:
        entry.codec = self._choose(entry, group)
        entry.began_s, cpu_s = self._now(), time.thread_time()
        payload = self._codecs[entry.codec].encode(audio)
        entry.encode_cpu_s = time.thread_time() - cpu_s
        entry.ready_s = self._now()
        entry.payload_bytes = payload.size_bytes
        return payload.data

    def _choose(self, entry: Entry, group: _Group) -> str:
        policy, plan = group.policy, self.plan
        if policy.index is not None:
            return group.codecs[policy.index]
        with self._lock:
            active = self._active
        context = Context(
            time_s=entry.woke_s,
            duration_s=plan.audio_s[entry.utterance],
            link_rate_bps=group.capacity_bps / (active + 1),
            unanswered_uploads=active,
            rtt_s=group.rtt_s,
            payload_bits=[8.0 * plan.payload_bytes[name][entry.utterance] for name in group.codecs],
            encode_s=[group.encode_scale * plan.encode_host_s[name][entry.utterance] for name in group.codecs],
            device=entry.device,
        )
        return group.codecs[int(policy.choose(context))]

    def _upload(self, device: _Device, entry: Entry, payload: bytes) -> None:
        group = self._groups[entry.group]
        entry.left_s = entry.ready_s  # nothing is held back: what the machine takes to go on is part of the transfer
        with self._lock:
            self._active += 1
            connection = device.idle.popleft() if device.idle else Connection(self.address)
        try:
            reply = self._attempts(connection, entry, payload, group.retry)
        except LiveError as error:
            self._finish(entry, str(error))
            return
        finally:
            with self._lock:
                self._active -= 1
        self._note(entry, reply)
        self._finish(entry, str(reply.content.get("error", "")))
        if group.new_connection:
            connection.close()
        else:
            self._keep(device, connection)

    def _keep(self, device: _Device, connection: Connection) -> None:
        """Put a connection back, and a spare one beside it; the longest unused is taken first, before it is closed."""
        with self._lock:
            device.idle.append(connection)
            spare = len(device.idle) < SPARE
        if spare:
            other = Connection(self.address)
            other.open()
            with self._lock:
                device.idle.append(other)

    def _attempts(self, connection: Connection, entry: Entry, payload: bytes, retry: Retry | None) -> Reply:
        timeout_s = None if retry is None or retry.timeout_s == inf else retry.timeout_s
        luck = random.Random(f"{self.plan.scenario.seed} {entry.upload}")
        while True:
            entry.attempts += 1
            path = f"/v1/recognise?codec={entry.codec}"
            entry.sent_bytes += connection.request_bytes(path, len(payload))
            try:
                return connection.post(path, payload, timeout_s=timeout_s, answer_s=ANSWER_S)
            except TimedOut:
                if retry is None or not retry.again(entry.attempts):
                    raise
            time.sleep(retry.wait_s(entry.attempts, luck.random))

    def _note(self, entry: Entry, reply: Reply) -> None:
        start_s, content = self._start_s, reply.content
        entry.status, entry.replied_s = reply.status, reply.replied_s - start_s
        entry.written_s, entry.connections = reply.written_s - start_s, int(reply.connected_s > reply.begun_s + 1e-4)
        stamps = content.get("server")
        if reply.status != 200 or not isinstance(stamps, dict):
            return
        entry.same_clock = stamps.get("clock") == clock.identity()
        origin_s = start_s if entry.same_clock else float(stamps["served_s"]) - entry.replied_s
        for name in ("arrived_s", "started_s", "served_s"):
            setattr(entry, name, float(stamps[name]) - origin_s)
        entry.batch, entry.batch_number = int(stamps["batch"]), int(stamps["batch_number"])
        entry.text, entry.emotion = str(content.get("text", "")), content.get("emotion")

    def _finish(self, entry: Entry, error: str) -> None:
        entry.error = error
        with self._lock:
            self._log.write(json.dumps(asdict(entry)) + "\n")
            self._log.flush()
            self._done += 1
            self._said(self._done)


def _group(plan: Plan, name: str) -> _Group:
    spec = plan.scenario.devices[name]
    cell = plan.scenario.cells[spec.cell]
    return _Group(
        policy=build_policy(spec),
        codecs=spec.codec_names(),
        capacity_bps=getattr(cell.capacity, "rate", 0.0),
        rtt_s=cell.rtt + 2.0 * cell.backhaul,
        retry=build_retry(cell.retry),
        new_connection=getattr(cell.transport, "connection", "") == "new",
        encode_scale=getattr(spec.profile, "encode_scale", 1.0),
    )
