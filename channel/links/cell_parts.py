"""The parts of a cell from their specifications."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from channel.links import wifi
from channel.links.access import Access, FixedAccess, WifiAccess, lte_access, nr_access
from channel.links.blocks import BlocksLink
from channel.links.capacity import Capacity, ConstantCapacity
from channel.links.dedicated import DedicatedLink
from channel.links.equal import EqualLink
from channel.links.errors import LinkError
from channel.links.fifo import FifoLink
from channel.links.ladder import WHOLE, ladder, one_rung
from channel.links.loss import Loss, NoLoss, PacketLoss, PayloadLoss
from channel.links.markov import MarkovCapacity
from channel.links.maxmin import MaxMinLink
from channel.links.outages import OutageCapacity
from channel.links.own_links import OwnLimitsLink, OwnLinks
from channel.links.periodic import PeriodicCapacity
from channel.links.propagation import Radio
from channel.links.quic import QuicTransport
from channel.links.rates import shannon
from channel.links.retry import Retry
from channel.links.router import RouterLink
from channel.links.sharing import SharedLink
from channel.links.tcp import TcpTransport
from channel.links.traces import find_trace, read_csv, read_mahimahi
from channel.links.transport import (
    IPV4_HEADER_BYTES,
    IPV6_HEADER_BYTES,
    LINK_HEADER_BYTES,
    Packets,
    Transport,
    UdpTransport,
)
from channel.links.weighted import AirTimeLink, FrameFairLink, WeightedLink
from channel.links.windowed import WindowedTransport
from scenarios.plugins import make
from scenarios.schema import link_capacity, link_parts, link_radio
from scenarios.schema.link import CellSpec

GAIN_TABLE = 400  # the gain by number of active uploads is worked out up to here and then stays
_GIVEN = "given in the scenario"

Rng = np.random.Generator | None


def capacity(spec: CellSpec, rng: Rng, sources: dict[str, str]) -> Capacity:
    """Capacity with its outages."""
    inner = _capacity(spec.capacity, rng, sources)
    outage = spec.outages
    if outage is None:
        return inner
    if outage.mean_up is None or outage.mean_down is None:
        return OutageCapacity(inner, outage.windows)
    drawn = _needed(rng, "a cell with random outages")
    return OutageCapacity(inner, mean_up_s=outage.mean_up, mean_down_s=outage.mean_down, rng=drawn)


def _capacity(spec: link_capacity.CapacitySpec, rng: Rng, sources: dict[str, str]) -> Capacity:
    sources["capacity"] = _GIVEN
    if isinstance(spec, link_capacity.ConstantCapacitySpec):
        return ConstantCapacity(spec.rate)
    if isinstance(spec, link_capacity.MarkovCapacitySpec):
        rates, dwells = zip(*((s.rate, s.dwell) for s in spec.states), strict=True)
        return MarkovCapacity(rates, dwells, spec.jumps, _needed(rng, "a Markov capacity"))
    if isinstance(spec, link_capacity.GilbertElliottCapacitySpec):
        drawn = _needed(rng, "a Gilbert-Elliott capacity")
        return MarkovCapacity((spec.good_rate, spec.bad_rate), (spec.good, spec.bad), None, drawn)
    if isinstance(spec, link_capacity.DiurnalCapacitySpec):
        hours = [3600.0 * h for h in range(24)]
        return PeriodicCapacity(hours, [spec.rate * s for s in spec.hours], 86400.0, spec.start)
    if isinstance(spec, link_capacity.CapacityPluginSpec):
        drawn = _needed(rng, f"capacity plugin {spec.class_}")
        return make(spec.class_, Capacity, "capacity", spec.options, rng=drawn)
    return _trace(spec, rng, sources)


def _trace(
    spec: link_capacity.MahimahiCapacitySpec | link_capacity.CsvCapacitySpec,
    rng: Rng,
    sources: dict[str, str],
) -> Capacity:
    path = find_trace(spec.file)
    trace = read_mahimahi(path) if isinstance(spec, link_capacity.MahimahiCapacitySpec) else read_csv(path)
    sources["capacity"] = trace.source
    if spec.start == "random":
        offset = float(_needed(rng, "a random start in a trace").random()) * trace.period_s
    else:
        offset = spec.start
    return trace.capacity(offset_s=offset, mean_rate_bps=spec.mean_rate)


def _needed(rng: Rng, what: str) -> np.random.Generator:
    if rng is None:
        raise LinkError(f"{what} needs a random number generator: pass rng to build_cell")
    return rng


def link(spec: CellSpec, capacity: Capacity, transport: Transport, sources: dict[str, str]) -> SharedLink:
    """The sharing discipline over a capacity."""
    sharing = spec.sharing
    simple: dict[type, Callable[[Capacity], SharedLink]] = {
        link_parts.FifoSharingSpec: FifoLink,
        link_parts.EqualSharingSpec: EqualLink,
        link_parts.DedicatedSharingSpec: DedicatedLink,
        link_parts.WeightedSharingSpec: WeightedLink,
        link_parts.MaxMinSharingSpec: MaxMinLink,
        link_parts.AirTimeSharingSpec: AirTimeLink,
    }
    if isinstance(spec.device_rates, link_radio.TraceRatesSpec):
        return OwnLinks(capacity) if isinstance(sharing, link_parts.DedicatedSharingSpec) else OwnLimitsLink(capacity)
    if type(sharing) in simple:
        return simple[type(sharing)](capacity)
    if isinstance(sharing, link_parts.ProportionalFairSharingSpec | link_parts.BlocksSharingSpec):
        return _scheduled(spec, sharing, capacity, sources)
    if isinstance(sharing, link_parts.WifiSharingSpec):
        return _wifi(sharing, capacity, sources)
    assert isinstance(sharing, link_parts.RouterSharingSpec)
    packet_bits = transport.packet_bits if isinstance(transport, WindowedTransport) else spec.packet.mtu * 8.0
    sources["sharing"] = "rounds of slow start with HyStart over a FIFO queue; docs/results/tcp-validation.md"
    buffer_bits = math.inf if sharing.buffer is None else sharing.buffer * 8.0
    rtt_s = spec.rtt + 2.0 * spec.backhaul
    return RouterLink(capacity, rtt_s, packet_bits, buffer_bits, sharing.congestion)


def _scheduled(
    spec: CellSpec,
    sharing: link_parts.ProportionalFairSharingSpec | link_parts.BlocksSharingSpec,
    capacity: Capacity,
    sources: dict[str, str],
) -> SharedLink:
    """A base station's scheduler; without places, devices are alike and each can use the whole cell."""
    fair = isinstance(sharing, link_parts.ProportionalFairSharingSpec) or sharing.scheduler == "proportional-fair"
    gain = "gain of proportional fair: Borst, INFOCOM 2003; Rayleigh fading" if fair else "equal blocks"
    if isinstance(spec.device_rates, link_radio.PropagationRatesSpec):
        sources["sharing"] = f"{gain}; rates by `{spec.device_rates.rate}`"
        return BlocksLink(capacity, ladder(radio(spec.device_rates, sharing)))
    sources["sharing"] = f"{gain}, attenuated Shannon rates at {sharing.snr:g} dB" if fair else gain
    return BlocksLink(capacity, one_rung(shannon, sharing.snr) if fair else WHOLE)


def _wifi(spec: link_parts.WifiSharingSpec, capacity: Capacity, sources: dict[str, str]) -> SharedLink:
    standard = wifi.STANDARDS[spec.standard]
    rate = capacity.mean_rate_bps
    beside_s, payload_bits, data_bits_per_bit = wifi.overhead(standard, spec.aggregation)
    sources["sharing"] = f"Bianchi, IEEE JSAC 18(3), 2000; Heusse et al., INFOCOM 2003; {standard.source}"
    return FrameFairLink(
        capacity,
        wifi.contention_gain(standard, rate, GAIN_TABLE, spec.aggregation),
        beside_s / payload_bits,
        data_bits_per_bit,
    )


def transport(spec: CellSpec, sources: dict[str, str]) -> Transport:
    """The transport; on a router's queue the link plays its rounds."""
    ip_header = IPV4_HEADER_BYTES if spec.packet.ip == "v4" else IPV6_HEADER_BYTES
    below = spec.packet.link_header
    below_bytes = LINK_HEADER_BYTES[below] if isinstance(below, str) else below
    packets = Packets(int(spec.packet.mtu), ip_header, below_bytes, spec.packet.request)
    built: Transport
    given = spec.transport
    if isinstance(given, link_parts.UdpTransportSpec):
        built = UdpTransport(packets)
    else:
        keep_alive_s = math.inf if given.keep_alive is None else given.keep_alive
        in_link = isinstance(spec.sharing, link_parts.RouterSharingSpec)
        new, window, restart = given.connection == "new", given.initial_window, given.idle_restart
        if isinstance(given, link_parts.TcpTransportSpec):
            built = TcpTransport(
                packets, tls=given.tls, new_connection=new, keep_alive_s=keep_alive_s, initial_window=window,
                idle_restart=restart, in_link=in_link,
            )  # fmt: skip
        else:
            built = QuicTransport(
                packets, zero_rtt=given.zero_rtt, new_connection=new, keep_alive_s=keep_alive_s,
                initial_window=window, idle_restart=restart, in_link=in_link,
            )  # fmt: skip
    sources["transport"] = built.source
    return built


def access(spec: link_parts.AccessSpec, sources: dict[str, str]) -> Access:
    """The access procedure."""
    built: Access
    if isinstance(spec, link_parts.LteAccessSpec):
        built = lte_access(spec.sr_period, buffer_report=spec.buffer_report, block_error=spec.block_error)
    elif isinstance(spec, link_parts.NrAccessSpec):
        built = nr_access(spec.grant, spec.period, spec.slot)
    elif isinstance(spec, link_parts.WifiAccessSpec):
        built = WifiAccess(spec.stations)
    else:
        built = FixedAccess(spec.delay if isinstance(spec, link_parts.FixedAccessSpec) else 0.0)
    sources["access"] = built.source
    return built


def loss(spec: CellSpec) -> Loss:
    """Loss, as the transport sees it."""
    given = spec.loss
    if isinstance(given, link_parts.PayloadLossSpec):
        return PayloadLoss(given.probability)
    if isinstance(given, link_parts.PacketLossSpec):
        retransmits = not isinstance(spec.transport, link_parts.UdpTransportSpec)
        return PacketLoss(given.probability, given.mean_burst, retransmits=retransmits)
    return NoLoss()


def retry(spec: link_parts.RetrySpec | None) -> Retry | None:
    """Deadline, timeout and backoff."""
    if spec is None:
        return None
    return Retry(
        deadline_s=math.inf if spec.deadline is None else spec.deadline,
        timeout_s=math.inf if spec.timeout is None else spec.timeout,
        attempts=spec.attempts,
        backoff_s=spec.backoff,
        factor=spec.factor,
        jitter=spec.jitter,
        longest_wait_s=spec.longest_wait,
    )


def radio(spec: link_radio.PropagationRatesSpec, sharing: link_parts.SharingSpec) -> Radio:
    """The radio of a cell whose devices are placed; its scheduler says how the band is shared and when devices send."""
    in_blocks = isinstance(sharing, link_parts.BlocksSharingSpec)
    fading = isinstance(sharing, link_parts.ProportionalFairSharingSpec)
    if isinstance(sharing, link_parts.BlocksSharingSpec):
        fading = sharing.scheduler == "proportional-fair"
    return Radio(
        environment=spec.environment,
        frequency_hz=spec.frequency,
        bandwidth_hz=spec.bandwidth,
        radius_m=spec.radius,
        nearest_m=spec.nearest,
        device_height_m=spec.device_height,
        max_power_dbm=spec.max_power,
        p0_dbm=spec.p0,
        alpha=spec.alpha,
        noise_figure_db=spec.noise_figure,
        interference_db=spec.interference,
        antenna_gain_db=spec.antenna_gain,
        extra_loss_db=spec.extra_loss,
        rate_model=spec.rate,
        uplink_share=spec.uplink_share,
        in_blocks=in_blocks,
        fading=fading,
    )
