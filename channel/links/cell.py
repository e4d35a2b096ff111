"""From a scenario's `CellSpec` to the objects that a simulation drives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from channel.links.access import Access, FixedAccess
from channel.links.capacity import Capacity, ConstantCapacity
from channel.links.dedicated import DedicatedLink
from channel.links.equal import EqualLink
from channel.links.errors import LinkError
from channel.links.fifo import FifoLink
from channel.links.loss import Loss, NoLoss, PayloadLoss
from channel.links.sharing import SharedLink
from channel.links.tcp import TcpTransport
from channel.links.traces import find_trace, read_csv, read_mahimahi
from channel.links.transport import IPV4_HEADER_BYTES, IPV6_HEADER_BYTES, Packets, Transport, UdpTransport
from scenarios.schema import link as schema


@dataclass(slots=True)
class Cell:
    """A compiled cell: one shared uplink with everything around it.  It has state: build one per replication.

    ``rtt_s`` is between device and gateway, ``backhaul_s`` one way from there to the server, ``path_rtt_s``
    the round trip from the device to the server that the transport sees, ``propagation_s`` one way over the
    air. ``sources`` says where each part's model or data come from.
    """

    link: SharedLink
    transport: Transport
    access: Access
    loss: Loss
    rtt_s: float
    backhaul_s: float
    sources: dict[str, str]

    @property
    def path_rtt_s(self) -> float:
        """Round trip device to server with empty queues, in seconds."""
        return self.rtt_s + 2.0 * self.backhaul_s

    @property
    def propagation_s(self) -> float:
        """One way from device to gateway, in seconds."""
        return self.rtt_s / 2.0


def build_cell(
    spec: schema.CellSpec, base_dir: Path | None = None, rng: np.random.Generator | None = None
) -> Cell:
    """Compile a cell.

    ``base_dir`` is the folder of the scenario file (traces are looked for there first); ``rng`` draws what is
    random about the channel itself and is needed only where something is.  Raises `LinkError`, for a trace
    `TraceError`.
    """
    sources: dict[str, str] = {}
    capacity = _capacity(spec.capacity, base_dir, rng, sources)
    transport = _transport(spec, sources)
    return Cell(
        link=_link(spec.sharing, capacity),
        transport=transport,
        access=_access(spec.access),
        loss=_loss(spec.loss),
        rtt_s=spec.rtt,
        backhaul_s=spec.backhaul,
        sources=sources,
    )


def _capacity(
    spec: schema.CapacitySpec, base_dir: Path | None, rng: np.random.Generator | None, sources: dict[str, str]
) -> Capacity:
    if isinstance(spec, schema.ConstantCapacitySpec):
        sources["capacity"] = "given in the scenario"
        return ConstantCapacity(spec.rate)
    path = find_trace(spec.file, base_dir)
    trace = read_mahimahi(path) if isinstance(spec, schema.MahimahiCapacitySpec) else read_csv(path)
    sources["capacity"] = trace.source
    if spec.start == "random":
        offset = float(_needed(rng, "a random start in a trace").random()) * trace.period_s
    else:
        offset = spec.start
    return trace.capacity(offset_s=offset, mean_rate_bps=spec.mean_rate)


def _needed(rng: np.random.Generator | None, what: str) -> np.random.Generator:
    if rng is None:
        raise LinkError(f"{what} needs a random number generator: pass rng to build_cell")
    return rng


def _link(spec: schema.SharingSpec, capacity: Capacity) -> SharedLink:
    if isinstance(spec, schema.FifoSharingSpec):
        return FifoLink(capacity)
    if isinstance(spec, schema.EqualSharingSpec):
        return EqualLink(capacity)
    return DedicatedLink(capacity)


def _transport(spec: schema.CellSpec, sources: dict[str, str]) -> Transport:
    ip_header = IPV4_HEADER_BYTES if spec.packet.ip == "v4" else IPV6_HEADER_BYTES
    packets = Packets(int(spec.packet.mtu), ip_header, spec.packet.link_header)
    transport: Transport
    if isinstance(spec.transport, schema.TcpTransportSpec):
        tcp = spec.transport
        keep_alive = {} if tcp.keep_alive is None else {"keep_alive_s": tcp.keep_alive}
        transport = TcpTransport(
            packets,
            tls=tcp.tls,
            new_connection=tcp.connection == "new",
            initial_window=tcp.initial_window,
            idle_restart=tcp.idle_restart,
            **keep_alive,
        )
    else:
        transport = UdpTransport(packets)
    sources["transport"] = transport.source
    return transport


def _access(spec: schema.AccessSpec) -> Access:
    return FixedAccess(spec.delay if isinstance(spec, schema.FixedAccessSpec) else 0.0)


def _loss(spec: schema.LossSpec) -> Loss:
    return PayloadLoss(spec.probability) if isinstance(spec, schema.PayloadLossSpec) else NoLoss()
