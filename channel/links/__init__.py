"""Links: capacity over time, sharing, transport, access and loss of a cell's uplink.

Pure data structures without a clock of their own: a simulation drives them.
"""

from channel.links.access import Access, FixedAccess
from channel.links.capacity import Capacity, ConstantCapacity, PeriodicCapacity
from channel.links.cell import Cell, build_cell
from channel.links.dedicated import DedicatedLink
from channel.links.equal import EqualLink
from channel.links.errors import LinkError, TraceError
from channel.links.fifo import FifoLink
from channel.links.loss import Loss, NoLoss, PayloadLoss
from channel.links.maxmin import MaxMinLink
from channel.links.sharing import SharedLink
from channel.links.tcp import TcpTransport
from channel.links.traces import Trace, find_trace, read_csv, read_mahimahi
from channel.links.transport import Packets, Plan, Transport, UdpTransport
from channel.links.weighted import (
    AirTimeLink,
    FrameFairLink,
    ProportionalFairLink,
    VirtualTimeLink,
    WeightedLink,
)

__all__ = [
    "Access",
    "AirTimeLink",
    "Capacity",
    "Cell",
    "ConstantCapacity",
    "DedicatedLink",
    "EqualLink",
    "FifoLink",
    "FixedAccess",
    "FrameFairLink",
    "LinkError",
    "Loss",
    "MaxMinLink",
    "NoLoss",
    "Packets",
    "PayloadLoss",
    "PeriodicCapacity",
    "Plan",
    "ProportionalFairLink",
    "SharedLink",
    "TcpTransport",
    "Trace",
    "TraceError",
    "Transport",
    "UdpTransport",
    "VirtualTimeLink",
    "WeightedLink",
    "build_cell",
    "find_trace",
    "read_csv",
    "read_mahimahi",
]
