"""Cells from their specifications: every kind builds, what cannot be is refused, access, loss and retries add up."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

from channel.links import (
    LinkError,
    NoLoss,
    PacketLoss,
    PayloadLoss,
    Retry,
    WifiAccess,
    build_cell,
    lte_access,
    nr_access,
    replay,
)
from scenarios.schema.link import CellSpec

INF = math.inf


def cell_spec(**parts: object) -> CellSpec:
    return CellSpec.model_validate({"capacity": "10 Mbit/s", **parts})


def numbers(seed: int) -> Callable[[npt.NDArray[np.int64], int], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    return lambda devices, i: rng.random(len(devices))


SHARINGS = [
    "fifo", "equal", "dedicated", "weighted", "max-min", "airtime", "wifi", "proportional-fair", "router",
    {"kind": "router", "buffer": "64 kB", "congestion": "reno"}, {"kind": "wifi", "standard": "11a"},
]  # fmt: skip


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("transport", ["udp", "tcp", "quic", {"kind": "tcp", "tls": "none"}])
def test_every_combination_carries_uploads(sharing: object, transport: object) -> None:
    """All uploads arrive, none before its bits could have passed and the first could have crossed the path."""
    cell = build_cell(cell_spec(sharing=sharing, transport=transport, rtt="40 ms", backhaul="5 ms"))
    starts, sizes = [0.0, 0.0, 0.2, 5.0], [15_000, 150_000, 3_000, 100]
    for end, start, size in zip(replay(cell, starts, sizes), starts, sizes, strict=True):
        assert end >= start + size * 8 / 10e6 + 0.025
        assert end < start + 2.0
    assert cell.path_rtt_s == pytest.approx(0.05)
    assert cell.sources["transport"]


CAPACITIES = [
    "2 Mbit/s",
    {"kind": "csv", "file": "synthetic-lte-static.csv", "start": "random", "mean_rate": "2 Mbit/s"},
    {"kind": "markov", "states": [{"rate": "1 Mbit/s", "dwell": "2 s"}, {"rate": "3 Mbit/s", "dwell": "2 s"}]},
    {"kind": "gilbert-elliott", "good_rate": "2.5 Mbit/s", "good": "4 s", "bad": "1 s"},
    {"kind": "diurnal", "rate": "4 Mbit/s", "hours": ["50 %"] * 24, "start": "8 h"},
]  # fmt: skip


def test_a_capacity_of_the_user_s_own_is_handed_random_numbers_if_it_asks(
    plugin_module: Callable[[str, str], Path],
) -> None:
    text = "from channel.links import ConstantCapacity\n"
    text += "class Drawn(ConstantCapacity):\n    def __init__(self, rng): super().__init__(1e6 + rng.integers(1, 9))\n"
    plugin_module("mine", text + "class Plain(ConstantCapacity): pass\n")
    for name, options in (("Drawn", {}), ("Plain", {"rate_bps": 1e6})):
        plugin = {"kind": "plugin", "class": f"mine:{name}", "options": options}
        cell = build_cell(cell_spec(capacity=plugin), rng=np.random.default_rng(1))
        assert (cell.link.capacity.mean_rate_bps > 1e6) == (name == "Drawn")


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_every_capacity_has_its_mean(capacity: object) -> None:
    cell = build_cell(cell_spec(capacity=capacity), rng=np.random.default_rng(1))
    assert cell.link.capacity.mean_rate_bps == pytest.approx(2e6)


def test_the_same_seed_gives_the_same_channel() -> None:
    spec = cell_spec(capacity=CAPACITIES[2], outages={"mean_up": "5 s", "mean_down": "1 s"})
    one, other = (build_cell(spec, rng=np.random.default_rng(4)).link.capacity for _ in range(2))
    assert one.cumulative(1000.0) == other.cumulative(1000.0)


def test_a_trace_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.up").write_text("1\n")
    cell = build_cell(cell_spec(capacity={"kind": "mahimahi", "file": str(tmp_path / "mine.up")}))
    assert cell.link.capacity.mean_rate_bps == pytest.approx(12e6)
    assert "mine.up" in cell.sources["capacity"]


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"capacity": CAPACITIES[2]}, "needs a random number generator"),
        ({"capacity": {"kind": "csv", "file": "absent.csv"}}, "no such trace file"),
    ],
)
def test_cells_that_cannot_be_built(parts: dict[str, object], fault: str) -> None:
    with pytest.raises(LinkError, match=fault):
        build_cell(cell_spec(**parts))


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"capacity": 10}, "needs a unit"),
        ({"capacity": "0 bit/s"}, "above 0"),
        ({"sharing": "fair"}, "does not match"),
        ({"transport": {"kind": "tcp", "tls": "2.0"}}, "'none', '1.2' or '1.3'"),
        ({"capacity": {"kind": "markov", "states": [{"rate": "0 bit/s", "dwell": "1 s"}] * 2}}, "above 0 bit/s"),
        ({"outages": {"mean_up": "1 s"}}, "both mean_up and mean_down"),
        ({"outages": {}}, "give either"),
        ({"outages": {"windows": [["5 s", "2 s"], ["6 s", "1 s"]]}}, "overlap"),
        ({"retry": {"timeout": "5 s", "deadline": "2 s"}}, "longer than the deadline"),
        ({"device_rates": {"kind": "given", "rates": ["1 Mbit/s"], "shares": ["50 %"]}}, "sum to 100 %"),
        ({"packet": {"mtu": "100 B"}}, "greater than or equal to 576"),
        ({"device_rates": {"kind": "propagation", "radius": "10 m"}}, "`nearest` < `radius`"),
        ({"device_rates": {"kind": "propagation", "frequency": "200 GHz"}}, "0.5 to 100 GHz"),
        ({"device_rates": {"kind": "propagation", "device_height": "30 m"}}, "1.5 to 13 m"),
        ({"device_rates": {"kind": "propagation", "bandwidth": "100 kHz"}}, "180 kHz"),
        ({"loss": {"kind": "packet", "probability": "80 %"}}, "needs bursts of at least 4 packets"),
        ({"loss": {"kind": "packet", "probability": "100 %"}}, "smaller probability"),
        ({"capacity": {"kind": "diurnal", "rate": "1 Mbit/s", "hours": ["0 %"] * 24}}, "above 0 %"),
        ({"access": {"kind": "lte", "block_error": "100 %"}}, "less than 1"),
    ],
)  # fmt: skip
def test_specifications_that_make_no_sense(parts: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        cell_spec(**parts)


def test_given_device_rates() -> None:
    spec = {"kind": "given", "rates": ["54 Mbit/s", "6 Mbit/s"], "shares": ["75 %", "25 %"]}
    rates = build_cell(cell_spec(device_rates=spec)).device_rates(numbers(1), 10_000)
    assert rates is not None
    assert set(rates) == {54e6, 6e6}
    assert np.mean(rates == 54e6) == pytest.approx(0.75, abs=0.015)  # three standard errors
    assert build_cell(cell_spec()).device_rates(numbers(1), 3) is None


def test_placed_device_rates() -> None:
    cell = build_cell(cell_spec(device_rates={"kind": "propagation", "radius": "300 m"}))
    rates = cell.device_rates(numbers(2), 100)
    placed = cell.placement(numbers(2), 100)
    assert rates is not None and placed is not None
    assert np.array_equal(rates, placed.rate_bps)
    assert "38.901" in cell.sources["device rates"]


@pytest.mark.parametrize(
    ("access", "mean_s"),
    [
        # T_SR/2 + 12 ms: 17, 22 and 52 ms at 10, 20 and 80 ms, without report and retransmission.
        (lte_access(0.010, buffer_report=False, block_error=0.0), 0.017),
        (lte_access(0.020, buffer_report=False, block_error=0.0), 0.022),
        (lte_access(0.080, buffer_report=False, block_error=0.0), 0.052),
        (lte_access(0.010), 0.017 + 0.008 + 0.008 * 0.1 / 0.9),
        (nr_access("dynamic", 0.005, 0.0005), 0.0065),
        (nr_access("configured", 0.005, 0.0005), 0.004),
        (WifiAccess(1), 43e-6 + 7.5 * 9e-6),
    ],
)
def test_access_delays_have_their_mean(access: object, mean_s: float) -> None:
    assert access.mean_s == pytest.approx(mean_s)  # type: ignore[attr-defined]
    rng = np.random.default_rng(3)
    draws = np.array([access.delay(rng.random) for _ in range(20_000)])  # type: ignore[attr-defined]
    assert draws.mean() == pytest.approx(mean_s, abs=4 * draws.std() / math.sqrt(draws.size) + 1e-12)


def test_wifi_access_is_longer_in_a_crowd() -> None:
    rng = np.random.default_rng(4)
    crowd = WifiAccess(10)
    draws = np.array([crowd.delay(rng.random) for _ in range(40_000)])
    assert draws.mean() == pytest.approx(crowd.mean_s, abs=5 * draws.std() / math.sqrt(draws.size))
    assert crowd.mean_s > 20 * WifiAccess(1).mean_s


def test_gilbert_loss_against_its_chain() -> None:
    """Simulate the two-state chain packet by packet: share lost, burst length, and uploads of 20 packets hit."""
    loss = PacketLoss(0.02, 3.0)
    rng = np.random.default_rng(5)
    n = 400_000
    to_good, to_bad = 1 / 3.0, 0.02 / 0.98 / 3.0
    bad, state = np.empty(n, dtype=bool), False
    for i, u in enumerate(rng.random(n)):
        state = (u >= to_good) if state else (u < to_bad)
        bad[i] = state
    assert bad.mean() == pytest.approx(0.02, rel=0.06)
    hit = bad.reshape(-1, 20).any(axis=1)
    # 20,000 uploads; a standard error of 0.2 %.
    assert loss.probability(20) == pytest.approx(hit.mean(), abs=0.007)
    assert loss.probability(1) == pytest.approx(0.02)


def test_retransmission_costs_time_instead() -> None:
    """Ten packets of one window, hardly ever two losses: a round trip for each loss, two when it is the last.

    Mean N p (1 + 1/N) round trips; 300,000 draws see about 3,000 losses: within 8 % (four standard errors).
    """
    loss = PacketLoss(0.001, 1.0, retransmits=True)
    assert loss.lossless and loss.delays and loss.probability(100) == 0.0
    rng = np.random.default_rng(6)
    draws = np.array([loss.resent(rng.random, 10, 0.1).delay_s for _ in range(300_000)])
    assert set(np.round(draws, 6)) <= {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6}
    assert draws.mean() == pytest.approx(10 * 0.001 * 1.1 * 0.1, rel=0.08)
    assert PayloadLoss(0.3).probability(1000) == 0.3
    assert PacketLoss(0.0, retransmits=True).resent(rng.random, 100, 0.1).delay_s == 0.0


def test_a_packet_alone_waits_for_its_timeout() -> None:
    """One packet of 1 % loss, 50 ms: the timeout of 250 ms, twice where the second copy is lost too.

    Mean p (RTT + 200 ms) to first order in p; 200,000 draws see about 2,000 losses: within 10 % (four standard errors).
    """
    loss, rng = PacketLoss(0.01, 1.0, retransmits=True), np.random.default_rng(8)
    draws = np.array([loss.resent(rng.random, 1, 0.05).delay_s for _ in range(200_000)])
    assert draws.mean() == pytest.approx(0.01 * 0.25, rel=0.1)
    assert np.min(draws[draws > 0.0]) == pytest.approx(0.25)


def test_packets_are_sent_again_as_often_as_they_are_lost() -> None:
    """N packets need N / (1 - p) transmissions: N p / (1 - p) are lost, 100 * 0.02 / 0.98 = 2.04.

    The chain begins in its good state, which takes less than p (mean burst) = 0.04 from that; 8,000 draws scatter by
    a standard error of about 0.022.
    """
    loss, rng = PacketLoss(0.02, 2.0, retransmits=True), np.random.default_rng(9)
    again = [loss.resent(rng.random, 100, 0.05).packets for _ in range(8_000)]
    assert np.mean(again) == pytest.approx(2.04, abs=0.04 + 4 * 0.022)
    assert PacketLoss(0.02).resent(rng.random, 100, 0.05) == NoLoss().resent(rng.random, 100, 0.05)
    # On a link that is always full a loss costs its packet's time there and, but for timeouts, nothing beside it.
    slow = [loss.resent(rng.random, 100, 0.0, 1e5) for _ in range(200)]
    assert max(found.packets for found in slow) > 2
    assert np.median([found.delay_s for found in slow if found.packets]) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("probability", [0.005, 0.05])
def test_loss_costs_more_on_longer_uploads_and_faster_links(probability: float) -> None:
    loss = PacketLoss(probability, 2.0, retransmits=True)
    rng = np.random.default_rng(7)

    def mean(packets: int, rate_bps: float) -> float:
        return float(np.mean([loss.resent(rng.random, packets, 0.05, rate_bps).delay_s for _ in range(2000)]))

    short, long, slow = mean(10, 1e9), mean(700, 1e9), mean(700, 1e6)
    assert short < long
    assert slow < long


def test_a_connection_remembers_its_losses() -> None:
    """Eight packets from a window of 5 need a second round: a round trip and a packet less the five packets of 2.4 ms
    that the first took anyway.  The first round fills the window and widens it by 0.8, the second does not."""
    loss, never = PacketLoss(1e-12, 1.0, retransmits=True), np.random.default_rng(9).random
    found = loss.resent(never, 8, 0.02, 5e6, 5.0)
    assert found.delay_s == pytest.approx(0.02 + 0.0024 - 5 * 0.0024)
    assert found.window == pytest.approx(5.8)
    # With losses: what an upload has left is never above the first window, nor below two packets.
    lossy, window, seen = PacketLoss(0.1, 1.0, retransmits=True), 10.0, []
    for _ in range(500):
        window = lossy.resent(never, 8, 0.02, 5e6, window).window
        seen.append(window)
    assert min(seen) >= 2.0
    assert max(seen) <= 10.0
    assert np.mean(seen) < 7.0  # a tenth of the packets lost: more than half of the uploads shrink it by 30 %


def test_backoff() -> None:
    """0.5, 1, 2, 4 s without jitter, never above the longest; jitter takes up to its share away."""
    plain = Retry(attempts=5, backoff_s=0.5, factor=2.0, jitter=0.0, longest_wait_s=3.0)
    rng = np.random.default_rng(7)
    assert [plain.wait_s(k, rng.random) for k in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 3.0]
    assert plain.again(4) and not plain.again(5)
    shaken = [Retry(backoff_s=1.0, jitter=0.5).wait_s(1, rng.random) for _ in range(1000)]
    assert min(shaken) >= 0.5 and max(shaken) <= 1.0
    built = build_cell(cell_spec(retry={"timeout": "5 s", "attempts": 3})).retry
    assert built == Retry(timeout_s=5.0, attempts=3)
    assert build_cell(cell_spec()).retry is None


@pytest.mark.parametrize("sharing", ["fifo", "router", "equal"])
def test_utilisation_counts_what_has_passed(sharing: str) -> None:
    """1000 bits at 100 bit/s from 0 on: at 5 s half of them have passed, and the link was always busy."""
    link = build_cell(cell_spec(capacity="100 bit/s", sharing=sharing, transport="udp")).link
    link.join(0.0, 1, 1000.0)
    assert link.utilisation(5.0) == pytest.approx(1.0)
    assert link.carried_bits - link.backlog_bits(5.0) == pytest.approx(500.0)


def test_link_headers_by_name() -> None:
    """LTE adds six bytes to each of two datagrams; a number works too."""
    wires = [
        build_cell(cell_spec(transport="udp", packet={"link_header": h})).transport.plan(0, 1500, 0, 0, 0).wire_bytes
        for h in ("lte", "6 B", "0 B")
    ]  # fmt: skip
    assert wires[0] == wires[1] == wires[2] + 12
