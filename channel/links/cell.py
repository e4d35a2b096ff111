"""From a scenario's `CellSpec` to the objects that a simulation drives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from channel.links import cell_parts
from channel.links.access import Access
from channel.links.loss import Loss
from channel.links.propagation import Placement, Radio, Uniforms, place
from channel.links.recordings import OwnCapacities, Recordings, read_recordings
from channel.links.retry import Retry
from channel.links.sharing import SharedLink
from channel.links.terrain import Place
from channel.links.transport import Transport
from scenarios.presets import presets
from scenarios.schema import link_parts, link_radio
from scenarios.schema.link import CellSpec


@dataclass(slots=True)
class Cell:
    """A compiled cell: one shared uplink with everything around it.  It has state: one for each replication.

    ``rtt_s`` is between device and gateway, ``backhaul_s`` one way from there to the server.  ``retry`` is None when
    an upload is tried once and waits as long as it takes.  ``sources`` says where each part comes from.
    """

    link: SharedLink
    transport: Transport
    access: Access
    loss: Loss
    rtt_s: float
    backhaul_s: float
    retry: Retry | None
    rates: link_radio.GivenRatesSpec | Radio | Recordings | None
    station: Place
    """Where its base station stands on the site's map, for phones that move."""
    sources: dict[str, str]

    @property
    def path_rtt_s(self) -> float:
        """Round trip device to server with empty queues, in seconds: what the transport sees."""
        return self.rtt_s + 2.0 * self.backhaul_s

    @property
    def propagation_s(self) -> float:
        """One way from device to gateway, in seconds."""
        return self.rtt_s / 2.0

    def device_rates(self, uniforms: Uniforms, devices: int) -> NDArray[np.float64] | None:
        """Draw every device's own rate (devices,) in bit/s, for `SharedLink.join`; None when they have none."""
        if isinstance(self.rates, link_radio.GivenRatesSpec):
            shares = self.rates.shares or [1.0 / len(self.rates.rates)] * len(self.rates.rates)
            drawn = np.searchsorted(np.cumsum(shares)[:-1], uniforms(np.arange(devices), 0), side="right")
            return np.asarray(self.rates.rates, dtype=float)[drawn]
        placement = self.placement(uniforms, devices)
        return None if placement is None else placement.rate_bps

    def own_capacities(self, uniforms: Uniforms) -> OwnCapacities | None:
        """The recordings of a group's phones; None where they are not recorded."""
        return self.rates.of_group(uniforms) if isinstance(self.rates, Recordings) else None

    def placement(self, uniforms: Uniforms, devices: int) -> Placement | None:
        """Place the devices in the cell; None when the scenario does not say how."""
        return place(self.rates, devices, uniforms) if isinstance(self.rates, Radio) else None

    def radiated_j_per_bit(self, placement: Placement) -> NDArray[np.float64]:
        """Joules that each placed device radiates for a bit, (devices,): its power over its rate, both alone.

        With fewer blocks both are less by as much, but where a device's power is spent: it radiates for longer then.
        """
        assert isinstance(self.rates, Radio)
        watts = 10.0 ** (placement.power_dbm / 10.0 - 3.0) * self.rates.uplink_share
        return np.asarray(watts / placement.rate_bps)


def build_cell(spec: CellSpec, rng: np.random.Generator | None = None) -> Cell:
    """Compile a cell.

    ``rng`` draws what is random about the channel itself and is needed only where something is.  Raises
    `LinkError`, for a trace `TraceError`.
    """
    sources: dict[str, str] = {}
    if spec.preset is not None:
        sources["preset"] = f"{spec.preset}: {presets()[spec.preset].source}"
    capacity = cell_parts.capacity(spec, rng, sources)
    transport = cell_parts.transport(spec, sources)
    rates: link_radio.GivenRatesSpec | Radio | Recordings | None = None
    if isinstance(spec.device_rates, link_radio.GivenRatesSpec):
        rates = spec.device_rates
    elif isinstance(spec.device_rates, link_radio.TraceRatesSpec):
        # On links of their own phones have the cell's capacity at most; where they share it, the link sees to that.
        own = isinstance(spec.sharing, link_parts.DedicatedSharingSpec)
        rates = read_recordings(spec.device_rates, capacity.mean_rate_bps if own else math.inf)
        sources["device rates"] = rates.source
    elif spec.device_rates is not None:
        rates = cell_parts.radio(spec.device_rates, spec.sharing)
        sources["device rates"] = "3GPP TR 38.901 section 7.4; TR 36.942 A.2"
    return Cell(
        link=cell_parts.link(spec, capacity, transport, sources),
        transport=transport,
        access=cell_parts.access(spec.access, sources),
        loss=cell_parts.loss(spec),
        rtt_s=spec.rtt,
        backhaul_s=spec.backhaul,
        retry=cell_parts.retry(spec.retry),
        rates=rates,
        station=spec.device_rates.position
        if isinstance(spec.device_rates, link_radio.PropagationRatesSpec)
        else (0.0, 0.0),
        sources=sources,
    )
