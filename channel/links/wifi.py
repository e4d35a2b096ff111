"""WiFi's distributed coordination (DCF): frame overhead and contention after Bianchi."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

SLOT_S, SIFS_S, DIFS_S = 9e-6, 16e-6, 34e-6  # 5 GHz OFDM, IEEE 802.11-2020, 17.4.4
SMALLEST_WINDOW, BACKOFF_STAGES = 16, 6  # CWmin + 1 = 16; CWmax + 1 = 1024 = 16 * 2^6
ACK_S = 44e-6  # at 6 Mbit/s; a block acknowledgement is taken to last as long
FRAME_PAYLOAD_BYTES = 1500
FRAME_HEADER_BYTES = 26 + 4 + 8  # QoS header, check sequence, LLC/SNAP
DELIMITER_BYTES = 4  # between the frames of an A-MPDU
AIFS_BEST_EFFORT_S = SIFS_S + 3 * SLOT_S  # AIFSN 3; remembered, unverified


@dataclass(frozen=True)
class Standard:
    """What of a frame's time does not shrink with the rate, and how many frames one access carries."""

    name: str
    preamble_s: float
    aggregation: int
    source: str


_SOURCE = "preamble and timing: IEEE 802.11, as in ns-3"
STANDARDS = {
    "11a": Standard("11a", 20e-6, 1, _SOURCE),
    "11n": Standard("11n", 36e-6, 16, _SOURCE),
    "11ac": Standard("11ac", 40e-6, 32, f"{_SOURCE}; preamble of 40 us remembered, unverified"),
    "11ax": Standard("11ax", 44e-6, 32, f"{_SOURCE}; preamble of 44 us remembered, unverified"),
}


def transmission_probability(collision: float) -> float:
    """Bianchi's tau: probability that a saturated station sends in a slot, given its collision probability."""
    w, m, p = SMALLEST_WINDOW, BACKOFF_STAGES, collision
    # (1 - (2p)^m) / (1 - 2p) as a sum, which has no hole at p = 1/2.
    stages = sum((2.0 * p) ** i for i in range(m))
    return 2.0 / ((w + 1) + p * w * stages)


@cache
def contention(stations: int) -> tuple[float, float]:
    """Solve Bianchi's fixed point: (tau, p) of ``stations`` saturated stations, p the collision probability."""
    if stations <= 1:
        return transmission_probability(0.0), 0.0

    low, high = 0.0, 1.0  # p minus the probability that another one sends rises with p: bisection
    for _ in range(60):
        p = (low + high) / 2.0
        if p < 1.0 - (1.0 - transmission_probability(p)) ** (stations - 1):
            low = p
        else:
            high = p
    return transmission_probability(p), p


def access_s(standard: Standard) -> float:
    """Time of one access that carries no bits at the data rate: DIFS, preamble, SIFS, acknowledgement."""
    return DIFS_S + standard.preamble_s + SIFS_S + ACK_S


def data_bits(aggregation: int) -> float:
    """Bits at the data rate in one access: frames with their headers and, if aggregated, delimiters."""
    delimiter = DELIMITER_BYTES if aggregation > 1 else 0
    return aggregation * (FRAME_PAYLOAD_BYTES + FRAME_HEADER_BYTES + delimiter) * 8.0


def throughput_bps(standard: Standard, phy_rate_bps: float, stations: int, aggregation: int | None = None) -> float:
    """Saturation throughput of all stations together, payload bit/s (Bianchi, IEEE JSAC 18(3), 2000).

    S = Ps Ptr E[P] / ((1 - Ptr) slot + Ptr Ps Ts + Ptr (1 - Ps) Tc); a collision lasts as long as a success,
    because the others wait for the acknowledgement that does not come.
    """
    frames = aggregation or standard.aggregation
    tau, _ = contention(stations)
    silent = (1.0 - tau) ** stations
    success = stations * tau * (1.0 - tau) ** (stations - 1)
    busy_s = access_s(standard) + data_bits(frames) / phy_rate_bps
    return success * frames * FRAME_PAYLOAD_BYTES * 8.0 / (silent * SLOT_S + (1.0 - silent) * busy_s)


def overhead(standard: Standard, aggregation: int | None = None) -> tuple[float, float, float]:
    """Cost of one station's access without contention: (seconds beside the data, payload bits, bits per payload bit).

    The seconds include the mean backoff of a lone station.
    """
    frames = aggregation or standard.aggregation
    backoff_s = SLOT_S * (SMALLEST_WINDOW - 1) / 2.0
    payload_bits = frames * FRAME_PAYLOAD_BYTES * 8.0
    return access_s(standard) + backoff_s, payload_bits, data_bits(frames) / payload_bits


def contention_gain(standard: Standard, phy_rate_bps: float, most: int, aggregation: int | None = None) -> list[float]:
    """Throughput of 1 ... ``most`` stations over that of one, at a typical physical rate."""
    alone = throughput_bps(standard, phy_rate_bps, 1, aggregation)
    return [throughput_bps(standard, phy_rate_bps, n, aggregation) / alone for n in range(1, most + 1)]
