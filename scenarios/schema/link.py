"""Cells: what a scenario file can say about the shared uplink in front of an edge server.

A cell has a capacity over time, a discipline that shares it, a transport, an access procedure and its
troubles.  Most parts have a short form: ``capacity: 10 Mbit/s``, ``sharing: equal``, ``transport: tcp``.
"""

from __future__ import annotations

from scenarios.quantities import Duration
from scenarios.schema.base import Spec
from scenarios.schema.link_capacity import (
    CapacitySpec,
    OutageSpec,
)
from scenarios.schema.link_parts import (
    AccessSpec,
    EqualSharingSpec,
    LossSpec,
    NoAccessSpec,
    NoLossSpec,
    PacketSpec,
    RetrySpec,
    SharingSpec,
    TcpTransportSpec,
    TransportSpec,
)
from scenarios.schema.link_radio import DeviceRatesSpec


class CellSpec(Spec):
    """One shared uplink in front of an edge server."""

    preset: str | None = None
    """The ready cell (`amser list cells`) that the rest was taken from, unless written here."""
    capacity: CapacitySpec
    """Capacity over time."""
    outages: OutageSpec | None = None
    """Times at which the cell carries nothing."""
    sharing: SharingSpec = EqualSharingSpec()
    """How simultaneous uploads share it."""
    device_rates: DeviceRatesSpec | None = None
    """Rates of the devices' own: their limit, or their physical rate, as the sharing has it; without it, none."""
    rtt: Duration = 0.0
    """Round-trip time between device and the cell's gateway with empty queues."""
    backhaul: Duration = 0.0
    """One-way delay between the gateway and the edge server."""
    transport: TransportSpec = TcpTransportSpec()
    """Transport protocol of the uploads."""
    packet: PacketSpec = PacketSpec()
    """Packet size and headers."""
    access: AccessSpec = NoAccessSpec()
    """Delay until a device may send."""
    loss: LossSpec = NoLossSpec()
    """Loss of payloads or packets."""
    retry: RetrySpec | None = None
    """Deadline, timeout and further attempts; without it an upload is tried once and waits as long as it takes."""
