"""From a site to flat arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from channel.links import (
    AirTimeLink,
    BlocksLink,
    Capacity,
    Cell,
    DedicatedLink,
    EqualLink,
    FifoLink,
    FixedAccess,
    FrameFairLink,
    NoLoss,
    PacketLoss,
    PayloadLoss,
    PeriodicAccess,
    TcpTransport,
    UdpTransport,
    VirtualTimeLink,
    WeightedLink,
)  # fmt: skip
from channel.links.stretches import Stretches, WrittenCapacity
from channel.links.windowed import WindowedTransport
from devices.delivery import stream_blocks
from devices.policy import BatteryPolicy, DeadlinePolicy, FixedPolicy, LinkPolicy, LoadPolicy
from devices.sessions import ClosedLoopTraffic
from devices.traffic import exponential
from sim.compiled import codes
from sim.compiled.state import (
    CELL,
    DEVICE,
    EVENT,
    GROUP,
    HOLDING,
    RUNG,
    SITE,
    SPEAKER,
    TRANSFER,
    UPLOAD,
    Floats,
    Ints,
    Records,
    World,
)
from sim.draws import Key, uniforms
from sim.site import Group, Server, Site
from sim.upload_log import ROW

SHARING: dict[type, int] = {
    EqualLink: codes.EQUAL, WeightedLink: codes.WEIGHTED, AirTimeLink: codes.AIRTIME, FrameFairLink: codes.FRAMES,
    BlocksLink: codes.BLOCKS, DedicatedLink: codes.DEDICATED, FifoLink: codes.FIFO,
}  # fmt: skip
POLICIES: dict[type, int] = {
    FixedPolicy: codes.FIXED, LinkPolicy: codes.LINK, DeadlinePolicy: codes.DEADLINE, BatteryPolicy: codes.BATTERY,
    LoadPolicy: codes.LOAD_UPLOADS,
}  # fmt: skip
WATCHED = {
    "active_uploads": codes.LOAD_UPLOADS, "unanswered_uploads": codes.LOAD_REPLIES, "server_queue": codes.LOAD_QUEUE,
}  # fmt: skip
ACCESS: dict[type, int] = {FixedAccess: codes.CONSTANT, PeriodicAccess: codes.PERIODIC}
LOSSES: dict[type, int] = {NoLoss: codes.LOSSLESS, PayloadLoss: codes.PAYLOADS, PacketLoss: codes.PACKETS}
FIRST_SLOTS, FIRST_ROWS = 256, 4_096


def _stretches(capacity: Capacity, end_s: float) -> Stretches:
    """The stretches of a capacity up to ``end_s``, or of its period; one that means nothing where it is constant."""
    if capacity.constant_bps is not None:
        return Stretches([0.0, 0.0], [0.0, 0.0], [0.0])
    assert isinstance(capacity, WrittenCapacity)
    return capacity.written(end_s)


def _rows(written: Stretches) -> Floats:
    """(3, n + 1): starts, bits, rates."""
    return np.array([written.starts_s, written.bits, [*written.rates_bps, 0.0]])


def _padded(parts: Sequence[npt.ArrayLike]) -> Floats:
    """Arrays of one dimension number as one, padded with zeros to a common shape."""
    shape = np.max([np.shape(part) for part in parts], axis=0)
    whole = np.zeros((len(parts), *shape))
    for target, part in zip(whole, parts, strict=True):
        target[tuple(slice(n) for n in np.shape(part))] = part
    return whole


def build(site: Site) -> World:
    """The arrays of a site that is covered, as they are before the first utterance."""
    n = sum(group.count for group in site.groups)
    groups = np.zeros(len(site.groups), GROUP)
    for record, group in zip(groups, site.groups, strict=True):
        _fill_group(record, group, site)
    stretches = [_stretches(cell.link.capacity, site.duration_s + site.drain_s) for cell in site.cells]
    gains = [_gains(cell) for cell in site.cells]
    cells = np.zeros(len(site.cells), CELL)
    for record, cell, gain, written in zip(cells, site.cells, gains, stretches, strict=True):
        _fill_cell(record, cell, site.server)
        record["gains"], record["stretches"] = len(gain), len(written.rates_bps)
        record["period_s"], record["period_bits"] = written.period_s, written.period_bits
    devices = np.zeros(n, DEVICE)
    for name in ("cpu_free_s", "mark_s", "awake_s", "connected_s", "own_s"):
        devices[name] = -np.inf
    devices["next_s"] = np.inf
    for group in site.groups:
        if group.others_rate:
            _first_others(devices[group.first : group.first + group.count], group, site)
    blocks = [_blocks(group, site) for group in site.groups]
    uploads = np.zeros(FIRST_SLOTS, UPLOAD)
    uploads["next"] = np.arange(1, FIRST_SLOTS + 1)
    batteries = any(g.battery is not None for g in site.groups)
    loops, holds = groups["loop"].any(), (groups["hold_s"] > 0).any()
    return World(
        site=_site(site, FIRST_SLOTS),
        cells=cells,
        groups=groups,
        devices=devices,
        uploads=uploads,
        heap=np.zeros(4 * FIRST_SLOTS + site.server.largest + 128 + (n if loops else 0), EVENT),
        links=np.zeros((len(site.cells), 2 * FIRST_SLOTS), TRANSFER),
        batches=_accelerators(site.server.accelerators),
        service_s=np.array([0.0, *(_base_s(site, k) for k in range(1, site.server.largest + 1))]),
        spread=np.array(site.server.service.spread, dtype=np.float64),
        gains=_padded([gain if len(gain) else [1.0] for gain in gains]),
        rungs=_rungs(site, cells),
        stretches=_padded([_rows(written) for written in stretches]),
        radios=_padded([group.radio.figures() for group in site.groups]),
        bits=_padded([8.0 * _sizes(group, site) for group in site.groups]),
        cpu_s=_padded([_cpu_s(group, site) for group in site.groups]),
        audio_s=np.ascontiguousarray(site.tables.audio_s, dtype=np.float64),
        codecs=_padded([group.codecs for group in site.groups]).astype(np.int64),
        thresholds=_padded([_thresholds(group) for group in site.groups]),
        block_ready_s=_padded([b[0] for b in blocks]),
        block_share=_padded([b[1] for b in blocks]),
        block_count=_padded([b[2] for b in blocks]).astype(np.int64),
        rates_bps=_by_device(site, lambda g: g.rates_bps, np.inf),
        sending_j_per_bit=_by_device(site, lambda g: g.sending_j_per_bit, 0.0),
        initial_j=_by_device(site, lambda g: None if g.battery is None else g.battery.initial_j, np.inf),
        drawn_j=np.zeros(n if batteries else 0),
        speakers=np.zeros(n if loops else 0, SPEAKER),
        holding=np.zeros(n if holds else 0, HOLDING),
        rows=np.zeros(FIRST_ROWS + 2 * site.server.largest + 16, ROW),
    )


def _gains(cell: Cell) -> Sequence[float]:
    if isinstance(cell.link, BlocksLink):
        return [*cell.link.ladder.fading.tolist(), *cell.link.ladder.narrow.tolist()]
    return cell.link.gains if isinstance(cell.link, VirtualTimeLink) else []


def _rungs(site: Site, cells: Records) -> Records:
    """Classes of devices of the cells that share out blocks."""
    ladders = [cell.link.ladder if isinstance(cell.link, BlocksLink) else None for cell in site.cells]
    rungs = np.zeros((len(ladders), max(1 if ladder is None else len(ladder.blocks) for ladder in ladders)), RUNG)
    for record, row, ladder in zip(cells, rungs, ladders, strict=True):
        if ladder is not None:
            n = record["rungs"] = len(ladder.blocks)
            record["blocks"] = ladder.total
            record["gains"], record["narrow"] = len(ladder.fading), len(ladder.narrow)
            row["above_bps"][:n], row["blocks"][:n], row["full"][:n] = ladder.above_bps, ladder.blocks, ladder.full
    return rungs


def _first_others(devices: Records, group: Group, site: Site) -> None:
    """The last other traffic before 0 and the first after it (``devices.background.others``)."""
    numbers = np.arange(group.count)
    for name, k, sign in (("mark_s", 0, -1.0), ("next_s", 1, 1.0)):
        luck, _ = uniforms(*site.draws.key("others", group.name), numbers, k, 0)
        devices[name] = sign * np.array([exponential(u) for u in luck.tolist()]) / group.others_rate
    devices["others"] = 2


def _site(site: Site, slots: int) -> Records:
    record = np.zeros(1, SITE)
    service = site.server.service
    limit = site.server.queue_limit
    values: dict[str, float | Key] = {
        "per_audio_s": getattr(service.batch_s, "per_audio_second_s", 0.0),
        "per_step_s": getattr(service.batch_s, "per_step_second_s", 0.0),
        "longest_wait_s": site.server.longest_wait_s, "horizon_s": site.duration_s, "timer_s": np.inf, "order": 1,
        "slots": slots, "loop_uploads": 1 << 40, "largest": site.server.largest,
        "free_accelerators": site.server.accelerators, "limit": -1 if limit is None else limit,
        "exponential": service.exponential, "service": site.draws.key("service"),
    }  # fmt: skip
    for name, value in values.items():
        record[name] = value
    return record


def _accelerators(count: int) -> Ints:
    batches = np.zeros((count, 2), np.int64)
    batches[:, 1] = np.arange(1, count + 1)
    return batches


def _base_s(site: Site, utterances: int) -> float:
    """Seconds of a batch without its audio's part."""
    return site.server.service.batch_s(utterances, 0.0)


def _fill_group(record: np.void, group: Group, site: Site) -> None:
    policy, delivery, radio = group.policy, group.policy.delivery, group.radio
    sending = radio if group.sending_j_per_bit is None else radio.sending(0.0)
    values: dict[str, float | Key] = {
        "cpu_active_w": group.cpu_active_w, "weight": group.weight, "hold_s": delivery.hold_s,
        "hold_largest": delivery.hold_largest, "transmit_w": sending.transmit_power_w,
        "transmit_j_per_bit": radio.transmit_j_per_bit, "cell": group.cell, "first": group.first, "count": group.count,
        "policy": POLICIES[type(policy)], "codecs": len(group.codecs), "phases": len(radio.figures()[0]),
        "blocks": delivery.block_s > 0.0, "local": delivery.local is not None, "battery": group.battery is not None,
    }  # fmt: skip
    if isinstance(policy, LinkPolicy):
        values["transfer_s"] = policy.transfer_s
    if isinstance(policy, DeadlinePolicy):
        values["budget_s"] = policy.budget_s
    if isinstance(policy, LoadPolicy):
        values["policy"] = WATCHED[policy.watched]
    if group.battery is not None:
        values |= {"capacity_j": group.battery.capacity_j, "baseline_w": group.battery.baseline_w}
    if isinstance(group.traffic, ClosedLoopTraffic):
        traffic = group.traffic
        values |= {"loop": 1, "think_s": traffic.think_s, "constant_think": traffic.constant}
    bits = group.reply_bits
    values |= {"others_rate": group.others_rate, "reply_j": -1.0 if bits is None else radio.receive_j(bits)}
    for purpose in ("speech", "phase", "access", "loss", "backoff", "others", "reply"):
        values[purpose] = site.draws.key(purpose, group.name)
    for name, value in values.items():
        record[name] = value


def _fill_cell(record: np.void, cell: Cell, server: Server) -> None:
    link, transport, access, loss, retry = cell.link, cell.transport, cell.access, cell.loss, cell.retry
    assert isinstance(transport, UdpTransport | WindowedTransport)
    constant_bps = link.capacity.constant_bps
    values: dict[str, float | Key] = {
        "sharing": SHARING[type(link)], "path_rtt_s": cell.path_rtt_s,
        "onward_s": server.onward_s(cell), "back_s": server.back_s(cell), "request_bytes": transport.request_bytes,
        "constant_bps": 0.0 if constant_bps is None else constant_bps, "due_s": np.inf, "keep_alive_s": np.inf,
        "mean_bps": link.capacity.mean_rate_bps, "reference_bps": link.capacity.mean_rate_bps,
        "packet_bytes": transport.packet_payload_bytes, "header_bytes": transport.packet_header_bytes,
        "loss": LOSSES[type(loss)], "loss_share": getattr(loss, "share", 0.0),
        "loss_enter": getattr(loss, "enter", 0.0),
        "access": ACCESS[type(access)], "access_s": access.constant_s or 0.0,
        "timeout_s": np.inf, "deadline_s": np.inf, "attempts": 1,
    }  # fmt: skip
    if isinstance(link, FrameFairLink):
        values |= {"data_bits_per_bit": link.data_bits_per_bit, "overhead_s_per_bit": link.overhead_s_per_bit}
    if isinstance(transport, WindowedTransport):
        values |= {
            "windowed": 1, "window": transport.initial_window,
            "encrypted": isinstance(transport, TcpTransport) and transport.encrypted,
            "cold_rounds": transport.cold.rounds, "cold_bytes": transport.cold.wire_bytes,
            "resumed_rounds": transport.resumed.rounds, "resumed_bytes": transport.resumed.wire_bytes,
            "new_connection": transport.new_connection, "keep_alive_s": transport.keep_alive_s,
            "restart": transport.idle_restart,
        }  # fmt: skip
    if isinstance(access, PeriodicAccess):
        names = ("access_period_s", "access_s", "access_error", "access_again_s")
        values |= dict(zip(names, access.figures, strict=True))
    if retry is not None:
        values |= {
            "timeout_s": retry.timeout_s, "deadline_s": retry.deadline_s, "attempts": retry.attempts,
            "backoff_s": retry.backoff_s, "factor": retry.factor, "jitter": retry.jitter,
            "longest_s": retry.longest_wait_s,
        }  # fmt: skip
    for name, value in values.items():
        record[name] = value


def _sizes(group: Group, site: Site) -> Floats:
    sizes = site.tables.payload_bytes if group.policy.delivery.local is None else site.tables.text_bytes
    sent: Floats = sizes[list(group.codecs)].T.astype(np.float64)
    return sent


def _cpu_s(group: Group, site: Site) -> Floats:
    local = group.policy.delivery.local
    if local is None:
        coded_s: Floats = site.tables.encode_host_s[list(group.codecs)].T * group.profile.encode_scale
        return coded_s
    seconds = [local.recognize_s(float(s), group.profile) for s in site.tables.audio_s]
    return np.array(seconds)[:, None] * np.ones(len(group.codecs))


def _thresholds(group: Group) -> list[float]:
    if isinstance(group.policy, BatteryPolicy):
        return list(group.policy.below)
    return list(group.policy.above) if isinstance(group.policy, LoadPolicy) else [0.0]


def _blocks(group: Group, site: Site) -> tuple[Floats, Floats, Ints]:
    """Ends and shares of the blocks of each utterance, and their number."""
    if not group.policy.delivery.block_s:
        return np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1, np.int64)
    cut = [stream_blocks(float(s), group.policy.delivery.block_s) for s in site.tables.audio_s]
    most = max(len(blocks) for blocks in cut)
    ready, share = np.zeros((len(cut), most)), np.zeros((len(cut), most))
    for i, blocks in enumerate(cut):
        ready[i, : len(blocks)], share[i, : len(blocks)] = [b.ready_s for b in blocks], [b.share for b in blocks]
    return ready, share, np.array([len(blocks) for blocks in cut])


def _by_device(site: Site, of: Callable[[Group], Floats | None], default: float) -> Floats:
    """A figure of every device; empty when no group has it."""
    parts = [of(group) for group in site.groups]
    if all(part is None for part in parts):
        return np.zeros(0)
    return np.concatenate(
        [np.full(g.count, default) if part is None else part for g, part in zip(site.groups, parts, strict=True)]
    )
