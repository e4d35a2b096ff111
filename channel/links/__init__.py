"""Links: capacity over time, sharing, transport, propagation, access and loss of a cell's uplink.

Pure data structures without a clock of their own: a simulation drives them.
"""

from channel.links.access import FixedAccess, PeriodicAccess, WifiAccess, lte_access, nr_access
from channel.links.blocks import BlocksLink
from channel.links.capacity import Capacity, ConstantCapacity
from channel.links.cell import Cell, build_cell
from channel.links.dedicated import DedicatedLink
from channel.links.equal import EqualLink
from channel.links.errors import LinkError, TraceError
from channel.links.fifo import FifoLink
from channel.links.handover import A3, Moving
from channel.links.ladder import Ladder
from channel.links.loss import NoLoss, PacketLoss, PayloadLoss
from channel.links.markov import MarkovCapacity
from channel.links.maxmin import MaxMinLink
from channel.links.movement import Motion, Walk, Waypoints
from channel.links.outages import OutageCapacity
from channel.links.own_links import OwnLimitsLink, OwnLinks
from channel.links.periodic import PeriodicCapacity
from channel.links.positions import Tracks, read_positions
from channel.links.propagation import Radio, place
from channel.links.quic import QuicTransport
from channel.links.recordings import OwnCapacities
from channel.links.replay import replay
from channel.links.retry import Retry
from channel.links.router import RouterLink
from channel.links.sharing import SharedLink, Start
from channel.links.tcp import TcpTransport
from channel.links.terrain import Terrain
from channel.links.traces import find_trace, find_traces, read_csv, read_mahimahi
from channel.links.transport import Packets, Plan, UdpTransport
from channel.links.weighted import AirTimeLink, FrameFairLink, VirtualTimeLink, WeightedLink

__all__ = [
    "A3",
    "AirTimeLink",
    "BlocksLink",
    "Capacity",
    "Cell",
    "ConstantCapacity",
    "DedicatedLink",
    "EqualLink",
    "FifoLink",
    "FixedAccess",
    "FrameFairLink",
    "Ladder",
    "LinkError",
    "MarkovCapacity",
    "MaxMinLink",
    "Motion",
    "Moving",
    "NoLoss",
    "OutageCapacity",
    "OwnCapacities",
    "OwnLimitsLink",
    "OwnLinks",
    "PacketLoss",
    "Packets",
    "PayloadLoss",
    "PeriodicAccess",
    "PeriodicCapacity",
    "Plan",
    "QuicTransport",
    "Radio",
    "Retry",
    "RouterLink",
    "SharedLink",
    "Start",
    "TcpTransport",
    "Terrain",
    "TraceError",
    "Tracks",
    "UdpTransport",
    "VirtualTimeLink",
    "Walk",
    "Waypoints",
    "WeightedLink",
    "WifiAccess",
    "build_cell",
    "find_trace",
    "find_traces",
    "lte_access",
    "nr_access",
    "place",
    "read_csv",
    "read_mahimahi",
    "read_positions",
    "replay",
]
