"""The radio, the channel and the shared uplink: one activity, and what follows when it is over."""

from __future__ import annotations

import math

from channel.links.access import periodic_delay_s
from channel.links.loss import hit_probability
from channel.links.retry import backoff_s
from channel.links.rounds import COLD, connection_state, packets_of, ramp_s, records_bytes, window_after
from channel.links.transport import TLS_RECORD_BYTES, TLS_RECORD_LIMIT_BYTES
from devices.radio import tail_up_to_j
from devices.traffic import exponential
from sim.compiled.codes import (
    AGAIN,
    ARRIVE,
    CONSTANT,
    DEDICATED,
    END,
    GAVE_UP,
    JOIN,
    LOSSLESS,
    NOTHING,
    PAYLOADS,
    SENT,
)  # fmt: skip
from sim.compiled.jit import kernel
from sim.compiled.links import fair_rate_bps, is_virtual, join, leave, own_bits, own_finish
from sim.compiled.speaking import at, draw, look, next_block, own_rate_bps
from sim.compiled.state import (
    Record,
    block_count_of,
    block_share_of,
    cell_of,
    device_of,
    group_of,
    j_per_bit_of,
    radio_of,
    radio_row_of,
    upload_of,
)
from sim.draws import uniforms
from sim.outcomes import BATTERY_DEAD, LOST

ALONE = -1  # the number of every transfer on a link whose finishes are known on joining
TURN = 1 << 20  # as ``sim.draws.Chance``
DELAY_S, WAKE_J, CYCLE_S = 3, 4, 5  # rows of a radio's figures
RECORD_LIMIT, RECORD_BYTES = float(TLS_RECORD_LIMIT_BYTES), float(TLS_RECORD_BYTES)


@kernel
def phase_of(group: Record, gap_s: float) -> int:
    """Number of the radio's phase after a silence."""
    phase = 0
    while phase < group.phases - 1 and gap_s >= radio_of(group, phase + 1):
        phase += 1
    return phase


@kernel
def of_phase(group: Record, figure: int, phase: int) -> float:
    """One of ``devices.radio.Radio.figures`` in a phase."""
    return radio_of(group, figure * group.phases + phase)


@kernel
def charge(u: Record, group: Record, silence_s: float, sign: float) -> None:
    """Charge a silence that another activity ends, or (``sign`` -1) take it back."""
    phase, n = phase_of(group, silence_s), group.phases
    starts, energies, powers = radio_row_of(group, 0, n), radio_row_of(group, n, n), radio_row_of(group, 2 * n, n)
    tail_j = sign * tail_up_to_j(silence_s, phase, starts, energies, powers)
    wake_j = sign * of_phase(group, WAKE_J, phase)
    u.wake_j += wake_j
    u.tail_j += tail_j
    u.radio_j += wake_j + tail_j


@kernel
def next_other(group: Record, device: Record, number: int) -> None:
    """When the phone's other traffic comes again (``devices.background.others``)."""
    luck, _ = uniforms(group.others[0], group.others[1], number, device.others, 0)
    device.others += 1
    device.next_s += exponential(luck) / group.others_rate


@kernel
def catch_up(group: Record, device: Record, number: int, now: float) -> None:
    """Other traffic up to now has restarted the tail."""
    while device.next_s <= now:
        device.mark_s = device.next_s
        next_other(group, device, number)


@kernel
def wake(u: Record, group: Record, device: Record, now: float) -> tuple[float, float, float]:
    """The radio's ledger begins an activity (``devices.ledger``); its silence, the connection's, seconds to wake."""
    device.busy += 1
    u.radio_j = 0.0
    if device.busy > 1:
        return 0.0, 0.0, max(0.0, device.awake_s - now)
    catch_up(group, device, u.device - group.first, now)
    gap_s, idle_s = now - device.mark_s, now - device.own_s
    charge(u, group, gap_s, 1.0)
    if device.next_s < math.inf:
        charge(u, group, device.next_s - device.mark_s, -1.0)
    wake_s = of_phase(group, DELAY_S, phase_of(group, gap_s))
    device.mark_s = device.awake_s = now + wake_s
    return gap_s, idle_s, wake_s


@kernel
def over(u: Record, group: Record, device: Record, now: float) -> None:
    """The radio's ledger ends an activity, as ``devices.ledger``."""
    device.busy -= 1
    device.own_s = now
    if device.busy > 0:
        return
    device.mark_s = max(device.mark_s, now)
    if device.next_s == math.inf:
        return
    while device.next_s <= now:
        silence_s = -device.next_s
        next_other(group, device, u.device - group.first)
        charge(u, group, silence_s + device.next_s, -1.0)
    charge(u, group, device.next_s - device.mark_s, 1.0)


@kernel
def stream_bytes(cell: Record, size_bytes: float) -> float:
    """Bytes of a payload in the transport's stream."""
    whole_bytes = size_bytes + cell.request_bytes
    if cell.encrypted:
        return whole_bytes + records_bytes(whole_bytes, RECORD_LIMIT, RECORD_BYTES)
    return whole_bytes


@kernel
def plan(cell: Record, size_bytes: float, idle_s: float, rate_bps: float) -> tuple[float, float, float]:
    """(Set-up s, ramp s, bytes on the wire): see ``channel.links.windowed``."""
    stream = stream_bytes(cell, size_bytes)
    packets = packets_of(stream, cell.packet_bytes)
    wire = stream + packets * cell.header_bytes
    if not cell.windowed:
        return 0.0, 0.0, wire
    state = connection_state(idle_s, cell.path_rtt_s, cell.new_connection != 0, cell.keep_alive_s, cell.restart != 0)
    window, rounds = cell.window, 0
    if state >= 0.0:
        window = window_after(packets, cell.window, state)
    elif state == COLD:
        rounds, wire = cell.cold_rounds, wire + cell.cold_bytes
    else:
        rounds, wire = cell.resumed_rounds, wire + cell.resumed_bytes
    bits = (cell.packet_bytes + cell.header_bytes) * 8.0
    return rounds * cell.path_rtt_s, ramp_s(packets, window, bits, rate_bps, cell.path_rtt_s), wire


@kernel
def use_radio(site: Record, slot: int) -> int:
    """Wake, be granted the channel, connect."""
    u = upload_of(site, slot)
    now, group, device = site.now_s, group_of(site, u.group), device_of(site, u.device)
    cell = cell_of(site, group.cell)
    size_bytes = u.payload_bytes
    if group.blocks:
        size_bytes *= block_share_of(group, u.utterance * group.most_blocks + u.block)
    look(site, cell)
    rate_bps = fair_rate_bps(cell, now, own_rate_bps(site, u.device), group.weight)
    u.gap_s, idle_s, u.wake_s = wake(u, group, device, now)
    u.access_s = cell.access_s
    if cell.access != CONSTANT:
        when, luck = uniforms(group.access[0], group.access[1], u.device - group.first, u.k, u.turn * TURN)
        u.access_s = periodic_delay_s(
            when, luck, cell.access_period_s, cell.access_s, cell.access_error, cell.access_again_s
        )
    u.turn += 1
    setup_s, ramp, u.plan_bytes = plan(cell, size_bytes, idle_s, rate_bps)
    u.fluid_bits = u.plan_bytes * 8.0
    joined_s = now + u.wake_s + u.access_s
    if setup_s > 0.0:
        joined_s = device.connected_s = joined_s + setup_s
    elif device.busy > 1:
        joined_s = max(joined_s, device.connected_s)
    joined_s += ramp
    u.begun_s, u.give_up_s = now, now + cell.timeout_s
    if joined_s > u.give_up_s:
        u.unsent_bits = u.fluid_bits
        at(site, max(now + u.wake_s, u.give_up_s), SENT, slot)
        return NOTHING
    if joined_s > now:
        at(site, joined_s, JOIN, slot)
        return NOTHING
    return JOIN


@kernel
def join_link(site: Record, slot: int) -> int:
    """Take a share of the link."""
    u = upload_of(site, slot)
    group = group_of(site, u.group)
    cell = cell_of(site, group.cell)
    if not is_virtual(cell):
        end_s = send_alone(site, u, group, cell)
        if end_s < math.inf:  # else it is on the link beyond the end of the run
            at(site, end_s, SENT, slot)
        return NOTHING
    look(site, cell)
    join(site, cell, slot, u.fluid_bits, group.weight, own_rate_bps(site, u.device))
    if u.give_up_s < math.inf:
        at(site, u.give_up_s, GAVE_UP, slot)
    return NOTHING


@kernel
def send_alone(site: Record, u: Record, group: Record, cell: Record) -> float:
    """Use a link whose finishes are known on joining; when it is over."""
    now, own_bps = site.now_s, own_rate_bps(site, u.device)
    cell.active += 1
    u.transfer = ALONE
    if cell.sharing == DEDICATED:
        begin_s, end_s = now, own_finish(cell, now, u.fluid_bits, own_bps)
    else:
        begin_s = max(now, cell.free_s)
        end_s = own_finish(cell, begin_s, u.fluid_bits, math.inf)
        own_bps = math.inf
    u.unsent_bits = 0.0
    if end_s > u.give_up_s:
        end_s = u.give_up_s
        u.unsent_bits = u.fluid_bits
        if end_s > begin_s:
            u.unsent_bits = max(0.0, u.fluid_bits - own_bits(cell, begin_s, end_s, own_bps))
    if cell.sharing != DEDICATED and end_s > begin_s:
        cell.free_s = end_s
        if begin_s < site.horizon_s:
            cell.carried_bits += own_bits(cell, begin_s, min(end_s, site.horizon_s), math.inf)
    return end_s


@kernel
def give_up(site: Record, slot: int) -> int:
    """An attempt has taken too long, unless it ended before."""
    u = upload_of(site, slot)
    cell = cell_of(site, group_of(site, u.group).cell)
    look(site, cell)
    if u.alive and u.transfer > 0 and u.give_up_s == site.now_s:
        u.unsent_bits = leave(site, cell, slot)
        at(site, site.now_s, SENT, slot)
    return NOTHING


@kernel
def sent(site: Record, slot: int) -> int:
    """The activity is over: the last bit has left, or it was given up."""
    u = upload_of(site, slot)
    now, group, device = site.now_s, group_of(site, u.group), device_of(site, u.device)
    cell = cell_of(site, group.cell)
    if u.transfer == ALONE:
        u.transfer = 0
        cell.active -= 1
        if cell.sharing == DEDICATED:
            cell.carried_bits += u.fluid_bits - u.unsent_bits
    sent_bytes = u.plan_bytes - u.unsent_bits / 8.0
    u.wire_bytes += sent_bytes
    active_s = max(0.0, now - device.mark_s)
    device.mark_s = max(device.mark_s, now)
    over(u, group, device, now)
    j_per_bit = group.transmit_j_per_bit
    if site.j_per_bit_at:
        j_per_bit += j_per_bit_of(site, u.device)
    transmit_j = group.transmit_w * active_s + j_per_bit * (sent_bytes * 8.0)
    u.transmit_j += transmit_j
    u.active_s += active_s
    if not draw(site, group, u.device, u.radio_j + transmit_j):
        u.outcome = BATTERY_DEAD
        return END
    everything = u.unsent_bits == 0.0
    if everything and group.blocks and u.block + 1 < block_count_of(group, u.utterance):
        return next_block(site, slot)
    if everything and not lost(cell, group, u):
        u.sent_s = now
        if now + cell.onward_s > now:
            at(site, now + cell.onward_s, ARRIVE, slot)
            return NOTHING
        return ARRIVE
    noticed_s = now
    if everything:
        noticed_s = now + cell.path_rtt_s if cell.timeout_s == math.inf else max(now, u.give_up_s)
    return again(site, slot, noticed_s)


@kernel
def again(site: Record, slot: int, noticed_s: float) -> int:
    """An attempt has failed: try again after a while, or give the upload up."""
    u = upload_of(site, slot)
    group = group_of(site, u.group)
    cell = cell_of(site, group.cell)
    u.attempt += 1
    if u.attempt >= cell.attempts:
        u.outcome = LOST
        return END
    luck, _ = uniforms(group.backoff[0], group.backoff[1], u.device - group.first, u.k, u.turn * TURN)
    again_s = noticed_s + backoff_s(u.attempt, luck, cell.backoff_s, cell.factor, cell.jitter, cell.longest_s)
    if again_s > site.now_s:
        at(site, again_s, AGAIN, slot)
        return NOTHING
    return AGAIN


@kernel
def lost(cell: Record, group: Record, u: Record) -> bool:
    """Whether an upload that was sent does not arrive."""
    if cell.loss == LOSSLESS:
        return False
    probability = cell.loss_share
    if cell.loss != PAYLOADS:
        packets = packets_of(stream_bytes(cell, u.payload_bytes), cell.packet_bytes)
        probability = hit_probability(packets, cell.loss_share, cell.loss_enter)
    luck, _ = uniforms(group.loss[0], group.loss[1], u.device - group.first, u.k, u.turn * TURN)
    return luck < probability
