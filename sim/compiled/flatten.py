"""From a site to flat memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    Ladder,
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
from sim.arrivals import WINDOW
from sim.compiled import codes
from sim.compiled.memory import address, in_lines
from sim.compiled.state import (
    ACCELERATOR,
    BATTERY,
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
FIRST_SLOTS, FIRST_ROWS = 256, 16_384


def _stretches(capacity: Capacity, end_s: float) -> Stretches:
    """The stretches of a capacity up to ``end_s``, or of its period; one that means nothing where it is constant."""
    if capacity.constant_bps is not None:
        return Stretches([0.0, 0.0], [0.0, 0.0], [0.0])
    assert isinstance(capacity, WrittenCapacity)
    return capacity.written(end_s)


class Tables:
    """Arrays that never grow, kept alive for those who know their addresses."""

    def __init__(self) -> None:
        self.arrays: list[npt.NDArray[Any]] = []

    def floats(self, values: npt.ArrayLike) -> int:
        """Where these numbers lie from now on."""
        return self._keep(np.ascontiguousarray(values, dtype=np.float64))

    def integers(self, values: npt.ArrayLike) -> int:
        """As ``floats``."""
        return self._keep(np.ascontiguousarray(values, dtype=np.int64))

    def records(self, values: Records) -> int:
        """As ``floats``; what is changed is changed in place."""
        return self._keep(values)

    def _keep(self, array: npt.NDArray[Any]) -> int:
        self.arrays.append(array)
        return address(array)


def build(site: Site) -> World:
    """The memory of a site that is covered, as it is before the first utterance."""
    tables = Tables()
    groups = np.zeros(len(site.groups), GROUP)
    for record, group in zip(groups, site.groups, strict=True):
        _fill_group(record, group, site)
        _point_group(record, group, site, tables)
    cells = np.zeros(len(site.cells), CELL)
    for record, cell in zip(cells, site.cells, strict=True):
        _fill_cell(record, cell, site.server)
        _point_cell(record, cell, site, tables)
    cells["index"] = np.arange(len(cells))
    devices, batteries = _devices(site), _batteries(site)
    n, uploads = len(devices), np.zeros(FIRST_SLOTS, UPLOAD)
    uploads["next"] = np.arange(1, FIRST_SLOTS + 1)
    loops, holds = groups["loop"].any(), (groups["hold_s"] > 0).any()
    whole = _site(site, tables)
    whole["cells"], whole["groups"], whole["devices_at"] = len(cells), len(groups), address(devices)
    whole["batteries_at"] = address(batteries)
    whole["speakers_at"] = tables.records(np.zeros(n if loops else 0, SPEAKER))
    whole["holding_at"] = tables.records(np.zeros(n if holds else 0, HOLDING))
    return World(
        site=whole,
        cells=cells,
        groups=groups,
        devices=devices,
        batteries=batteries,
        uploads=uploads,
        heap=np.zeros(4 * FIRST_SLOTS + site.server.largest + 128 + (n if loops else 0), EVENT),
        transfers=[np.zeros(2 * FIRST_SLOTS, TRANSFER) for _ in site.cells],
        rows=np.zeros(FIRST_ROWS, ROW),
        window=np.zeros(0, WINDOW),
        tables=tables.arrays,
    )


def _devices(site: Site) -> Records:
    devices = in_lines(sum(group.count for group in site.groups), DEVICE)
    for name in ("cpu_free_s", "mark_s", "awake_s", "connected_s", "own_s"):
        devices[name] = -np.inf
    devices["next_s"] = np.inf
    for group in site.groups:
        if group.others_rate:
            _first_others(devices[group.first : group.first + group.count], group, site)
    return devices


def _batteries(site: Site) -> Records:
    """Charge of each device; none when no group has batteries."""
    if all(group.battery is None for group in site.groups):
        return np.zeros(0, BATTERY)
    batteries = np.zeros(sum(group.count for group in site.groups), BATTERY)
    for group in site.groups:
        part = batteries[group.first : group.first + group.count]
        part["initial_j"] = np.inf if group.battery is None else group.battery.initial_j
    return batteries


def _gains(cell: Cell) -> Sequence[float]:
    if isinstance(cell.link, BlocksLink):
        return [*cell.link.ladder.fading.tolist(), *cell.link.ladder.narrow.tolist()]
    return cell.link.gains if isinstance(cell.link, VirtualTimeLink) else []


def _rungs(ladder: Ladder) -> Records:
    """Classes of devices of a cell that shares out blocks."""
    rungs = np.zeros(len(ladder.blocks), RUNG)
    rungs["above_bps"], rungs["blocks"], rungs["full"] = ladder.above_bps, ladder.blocks, ladder.full
    return rungs


def _first_others(devices: Records, group: Group, site: Site) -> None:
    """The last other traffic before 0 and the first after it (``devices.background.others``)."""
    numbers = np.arange(group.count)
    for name, k, sign in (("mark_s", 0, -1.0), ("next_s", 1, 1.0)):
        luck, _ = uniforms(*site.draws.key("others", group.name), numbers, k, 0)
        devices[name] = sign * np.array([exponential(u) for u in luck.tolist()]) / group.others_rate
    devices["others"] = 2


def _site(site: Site, tables: Tables) -> Records:
    record = np.zeros(1, SITE)
    server = site.server
    service, limit = server.service, server.queue_limit
    seconds = [0.0, *(_base_s(site, k) for k in range(1, server.largest + 1))]
    accelerators = np.zeros(server.accelerators, ACCELERATOR)
    accelerators["next"] = np.arange(1, server.accelerators + 1)
    values: dict[str, float | Key] = {
        "per_audio_s": getattr(service.batch_s, "per_audio_second_s", 0.0),
        "per_step_s": getattr(service.batch_s, "per_step_second_s", 0.0),
        "longest_wait_s": server.longest_wait_s, "horizon_s": site.duration_s, "timer_s": np.inf,
        "due_s": np.inf, "enter_s": np.inf, "order": 1, "loop_uploads": 1 << 40,
        "largest": server.largest, "utterances": len(site.tables.audio_s),
        "free_accelerators": server.accelerators, "limit": -1 if limit is None else limit,
        "exponential": service.exponential, "service": site.draws.key("service"), "luck": len(service.spread),
        "service_s_at": tables.floats(seconds), "spread_at": tables.floats(service.spread),
        "audio_s_at": tables.floats(site.tables.audio_s), "accelerators_at": tables.records(accelerators),
        "rates_at": _by_device(site, [g.rates_bps for g in site.groups], np.inf, tables),
        "j_per_bit_at": _by_device(site, [g.sending_j_per_bit for g in site.groups], 0.0, tables),
    }  # fmt: skip
    for name, value in values.items():
        record[name] = value
    return record


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


def _point_group(record: np.void, group: Group, site: Site, tables: Tables) -> None:
    """The tables of a group."""
    record["radio_at"] = tables.floats(group.radio.figures())
    record["bits_at"] = tables.floats(8.0 * _sizes(group, site))
    record["cpu_s_at"] = tables.floats(_cpu_s(group, site))
    record["codecs_at"] = tables.integers(group.codecs)
    record["thresholds_at"] = tables.floats(_thresholds(group))
    ready_s, share, count = _blocks(group, site)
    record["block_ready_at"], record["block_share_at"] = tables.floats(ready_s), tables.floats(share)
    record["block_count_at"], record["most_blocks"] = tables.integers(count), ready_s.shape[1]


def _point_cell(record: np.void, cell: Cell, site: Site, tables: Tables) -> None:
    """The tables of a cell."""
    gains, written = _gains(cell), _stretches(cell.link.capacity, site.duration_s + site.drain_s)
    record["gains"], record["gains_at"] = len(gains), tables.floats(gains)
    record["stretches"], record["starts_at"] = len(written.rates_bps), tables.floats(written.starts_s)
    record["sums_at"], record["rates_at"] = tables.floats(written.bits), tables.floats(written.rates_bps)
    record["period_s"], record["period_bits"] = written.period_s, written.period_bits
    if isinstance(cell.link, BlocksLink):
        ladder = cell.link.ladder
        record["rungs"], record["blocks"] = len(ladder.blocks), ladder.total
        record["rungs_at"] = tables.records(_rungs(ladder))
        record["gains"], record["narrow"] = len(ladder.fading), len(ladder.narrow)


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


def _by_device(site: Site, parts: Sequence[Floats | None], default: float, tables: Tables) -> int:
    """Where a figure of every device lies; 0 when no group has it."""
    if all(part is None for part in parts):
        return 0
    return tables.floats(
        np.concatenate(
            [np.full(g.count, default) if part is None else part for g, part in zip(site.groups, parts, strict=True)]
        )
    )
