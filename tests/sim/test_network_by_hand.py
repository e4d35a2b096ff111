"""Cells and devices in scenario text against figures worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from channel.links import Moving, Radio, Terrain, Walk, Waypoints, build_cell
from scenarios import loads
from sim import model
from sim.build_site import Situation, build_site, describe
from sim.draws import Draws
from sim.upload_log import COMPONENTS, STAGES, Rows
from sim.utterances import Tables
from tests.sim.conftest import HEAD

PLAIN = "{kind: custom, transmit_power: 1 W, wake_delay: 0 s}"
ONCE = "{kind: periodic, period: 1 h, phase: aligned}"
GROUP = (
    "  {name}: {{count: 1, profile: {{kind: custom, cpu_power: 2 W}}, radio: {radio}, traffic: {traffic}, "
    "codec: {codec}, cell: c{more}}}\n"
)
WIRE_BITS = (150_000 + 102 * 28) * 8  # 150 kB in datagrams of 1472 bytes of payload


def body(cell: str, *groups: str, duration: str = "50 min") -> str:
    return (
        f"duration: {duration}\ncells: {{c: {{capacity: 10 Mbit/s, {cell}}}}}\ndevices:\n{''.join(groups)}"
        "server: {service: {kind: constant, time: 1 us}, batching: {largest: 1}}\n"
    )


def group(name: str = "a", more: str = "", *, traffic: str = ONCE, radio: str = PLAIN, codec: str = "big") -> str:
    return GROUP.format(name=name, more=more and f", {more}", traffic=traffic, radio=radio, codec=codec)


def test_weights_of_the_groups_divide_the_cell(run_text: Callable) -> None:  # type: ignore[type-arg]
    """Two uploads of B bits with weights 3 and 1: the first has 3/4 of C and ends at 4/3 B/C, the other at 2 B/C."""
    _, log = run_text(body("transport: udp, sharing: weighted", group("a", "weight: 3"), group("b")))
    heavy, light = log.sort_values("group")["transfer_s"]
    assert heavy == pytest.approx(4 / 3 * WIRE_BITS / 10e6, rel=1e-9)
    assert light == pytest.approx(2 * WIRE_BITS / 10e6, rel=1e-9)


def test_air_time_follows_the_weights_too(run_text: Callable) -> None:  # type: ignore[type-arg]
    """With 3/4 of the air time at a rate of 2 of 10 Mbit/s an upload moves at 1.5 Mbit/s while another is there."""
    rates = "device_rates: {kind: given, rates: [2 Mbit/s]}"
    _, log = run_text(body(f"transport: udp, sharing: airtime, {rates}", group("a", "weight: 3"), group("b")))
    assert log.sort_values("group")["transfer_s"].iloc[0] == pytest.approx(WIRE_BITS / 1.5e6, rel=1e-9)


def test_a_phone_that_walks_sends_at_the_rate_of_where_it_is(run_text: Callable) -> None:  # type: ignore[type-arg]
    """Every upload of 150 kB alone on its link has the rate of the place where it begins, and every second a new one.

    The places are worked out once more, by who walks with the same draws.
    """
    cell = "transport: udp, sharing: dedicated, device_rates: {kind: propagation, radius: 300 m, rate: lte-cqi}"
    walking = group(more="movement: {slowest: 1 m/s, fastest: 20 m/s}", traffic="{kind: periodic, period: 1 min}")
    _, log = run_text(body(cell.replace("10 Mbit/s", "1 Gbit/s"), walking))
    draws = Draws(1, 0)
    terrain = Terrain(Radio(radius_m=300.0, rate_model="lte-cqi"), draws.generator("shadows", "c"))
    again = Moving(Waypoints(Walk(1.0, 20.0, 300.0), draws.pairs("movement", "a")), [terrain])
    took = []
    for left_s in log.sort_values("speech_end_s")["speech_end_s"]:
        bits, t = float(WIRE_BITS), left_s
        while bits > (rate := min(10e6, again.rate_bps(0, t))):
            bits, t = bits - rate, t + 1.0
        took.append(t + bits / rate - left_s)
    assert np.ptp(took) > 1.0  # some see more than one place
    assert log.sort_values("speech_end_s")["transfer_s"].to_numpy() == pytest.approx(np.array(took), rel=1e-6)


@pytest.mark.parametrize("sharing", ["equal", "dedicated"])
def test_held_uploads_wait_for_the_connection_of_the_first(  # type: ignore[type-arg]
    run_text: Callable, sharing: str
) -> None:
    """Three utterances leave together over a cold TLS 1.3 connection: none before its two round trips of 100 ms."""
    held = group(more="policy: {kind: hold, longest: 1 h, largest: 3}", traffic="{kind: periodic, period: 5 s}")
    _, log = run_text(body(f"transport: tcp, rtt: 100 ms, sharing: {sharing}", held, duration="25 s"))
    first_batch = log[log["speech_end_s"] < 15.0]
    assert len(first_batch) == 3
    assert first_batch["transfer_s"].min() >= 0.2
    again = log[(log["speech_end_s"] > 15.0) & (log["speech_end_s"] + log["hold_s"] < 25.0)]
    assert (again["transfer_s"] < first_batch["transfer_s"].min() + 0.3).all()


def test_a_policy_knows_the_devices_own_rate(run_text: Callable) -> None:  # type: ignore[type-arg]
    """At 500 kbit/s of its own 150 kB take 2.4 s and 15 kB 0.24 s, whatever the cell carries: 1 s allows the latter."""
    policy = "policy: {kind: link, codecs: [big, small], transfer: 1 s}"
    rates = "device_rates: {kind: given, rates: [500 kbit/s]}"
    for sharing in ("airtime", "max-min", "dedicated"):
        _, log = run_text(body(f"transport: udp, sharing: {sharing}, {rates}", group(more=policy)))
        assert log["payload_bytes"].tolist() == [15_000]


def test_a_policy_knows_its_weight(run_text: Callable) -> None:  # type: ignore[type-arg]
    """Beside three uploads of weight 1, one of weight 9 expects 7.5 of 10 Mbit/s: 150 kB in 160 ms."""
    others = group("others").replace("count: 1", "count: 3")
    policy = "policy: {kind: link, codecs: [big, small], transfer: 170 ms}, weight: 9"
    # It speaks within the first 100 ms, while the others, which began at 0, have 360 ms to go.
    watched = group("watched", policy, traffic="{kind: periodic, period: 100 ms}")
    _, log = run_text(body("transport: udp, sharing: weighted", others, watched, duration="100 ms"))
    assert log.loc[log["group"] == 1, "payload_bytes"].iloc[0] == 150_000


def test_streaming_begins_with_the_speech_in_a_closed_loop_too(run_text: Callable) -> None:  # type: ignore[type-arg]
    """Of 3 s in blocks of 1 s only the last third is left when speech ends, as with open-loop traffic."""
    loop = "{kind: closed-loop, think: 5 s, distribution: constant}"
    _, log = run_text(
        body("transport: udp", group(more="policy: {kind: stream, block: 1 s}", traffic=loop), duration="2 min")
    )
    later = log[log["speech_end_s"] > 6.0]
    assert len(later) > 10
    assert later["transfer_s"].to_numpy() == pytest.approx(50_000 * 8 / 10e6, rel=0.03)
    assert np.diff(log["speech_end_s"].to_numpy()) == pytest.approx(5.0, abs=0.2)  # think from reply to end of speech


def test_an_empty_battery_does_not_stop_the_clock(run_text: Callable) -> None:  # type: ignore[type-arg]
    """Who speaks to a dead device needs 3 s each time (and thinks 1 s meanwhile), not none for ever."""
    loop = "{kind: closed-loop, think: 1 s, distribution: constant}"
    more = "policy: {kind: stream, block: 1 s}, battery: 1 mJ"
    _, log = run_text(body("transport: udp", group(more=more, traffic=loop), duration="1 min"))
    assert (log["outcome"] == 4).all()
    assert np.diff(log["speech_end_s"].to_numpy()) == pytest.approx(3.0)


def test_what_is_said_to_a_dead_device_makes_no_codec_thrifty(run_text: Callable) -> None:  # type: ignore[type-arg]
    """Means over what was coded: the codec's own size and rate, and the energy that the log charges for it."""
    traffic = "{kind: periodic, period: 5 s}"
    metrics, log = run_text(body("transport: udp", group(more="battery: 5 J", traffic=traffic), duration="5 min"))
    dead = (log["outcome"] == 4) & (log["payload_bytes"] == 0)
    assert 0 < dead.sum() < len(log)
    size = log.loc[~dead, "payload_bytes"].iloc[0]
    assert metrics["payload_mean_bytes"] == size and metrics["payload_bitrate_bps"] == pytest.approx(8 * size / 3.0)
    assert metrics["energy_per_upload_j"] == pytest.approx(log["energy_j"].sum() / (~dead).sum(), rel=1e-12)
    assert metrics["uploads"] == len(log) and metrics["battery-dead_fraction"] >= dead.mean()


def test_an_attempt_is_given_up_during_its_set_up(run_text: Callable) -> None:  # type: ignore[type-arg]
    """Two round trips of 1 s and a timeout of 0.5 s: three attempts and two waits of 0.1 s end at 1.7 s, not later."""
    retry = "retry: {timeout: 500 ms, attempts: 3, backoff: 100 ms, factor: 1, jitter: 0 %}"
    _, log = run_text(body(f"transport: {{kind: tcp, connection: new}}, rtt: 1 s, {retry}", group()))
    assert log["outcome"].tolist() == [1]
    assert log["radio_active_s"].tolist() == [pytest.approx(1.5)]


def drawn_and_charged(text: str, encode_s: float) -> tuple[float, float]:
    """Joules that the batteries gave, and joules that the log charges."""
    scenario = loads(HEAD + text).points[0].scenario
    sizes = {"big": 150_000, "small": 15_000}
    tables = Tables.unrecognized({c: sizes[c] for c in scenario.codec_specs()}, np.full(50, 3.0), encode_s)
    chunks: list[Rows] = []
    site = build_site(Situation(scenario, tables, Path.cwd()), Draws(1, 0))
    model.run(site, chunks.append)
    charged = sum(float(np.sum(rows[f"{name}_j"])) for rows in chunks for name in COMPONENTS)
    return float(sum(g.battery.drawn_j.sum() for g in site.groups)), charged


@pytest.mark.parametrize(
    ("cell", "policy"),
    [
        ("transport: {kind: tcp, connection: new}, rtt: 40 ms", "fixed"),
        ("transport: tcp, loss: {kind: payload, probability: 40 %}, retry: {attempts: 4}", "fixed"),
        ("transport: udp, retry: {timeout: 50 ms, attempts: 2}", "fixed"),
        ("transport: tcp, rtt: 40 ms", "{kind: stream, block: 1 s}"),
        ("transport: quic, rtt: 40 ms", "{kind: hold, longest: 30 s}"),
    ],
    ids=["set-up", "lost", "timeout", "stream", "hold"],
)
def test_a_battery_gives_what_the_log_charges(cell: str, policy: str) -> None:
    """Coding, set-up, attempts in vain and blocks included; a radio without tail leaves nothing still to be drawn."""
    radio = "{kind: custom, transmit_power: 1 W, power_per_mbps: 300 mW}"
    more, traffic = f"battery: 10 kJ, policy: {policy}", "{kind: poisson, rate: 6 /min}"
    text = body(cell, group(more=more, traffic=traffic, radio=radio))
    drawn_j, charged_j = drawn_and_charged(text, encode_s=0.01)
    assert charged_j > 10.0
    assert drawn_j == pytest.approx(charged_j, rel=1e-9)


def test_losses_are_played_where_the_link_has_just_stopped(run_text: Callable) -> None:  # type: ignore[type-arg]
    """Uploads that end with a good stretch: the rate is 0 at that moment, and retransmissions take a finite time."""
    capacity = "{kind: markov, states: [{rate: 20 Mbit/s, dwell: 100 ms}, {rate: 0 bit/s, dwell: 100 ms}]}"
    outages = "outages: {windows: [[3 s, 2 s]]}"
    cell = f"transport: tcp, sharing: router, {outages}, loss: {{kind: packet, probability: 20 %, mean_burst: 3}}"
    text = body(cell, group(traffic="{kind: poisson, rate: 60 /min}")).replace("10 Mbit/s", capacity)
    metrics, log = run_text(text, "duration=5 min")
    assert metrics["delivered_fraction"] == 1.0
    assert np.isfinite(log["latency_s"]).all()


def test_blocks_that_are_sent_again_keep_their_stages(run_text: Callable) -> None:  # type: ignore[type-arg]
    """With a timeout that a block often misses no stage is negative, and stages still add up to the latency."""
    retry = "retry: {timeout: 300 ms, attempts: 20, backoff: 50 ms}"
    streaming = group(more="policy: {kind: stream, block: 700 ms}", traffic="{kind: poisson, rate: 10 /min}")
    _, log = run_text(body(f"transport: udp, {retry}", streaming, duration="5 min").replace("10 Mbit/s", "1 Mbit/s"))
    done = log[log["outcome"] == 0]
    assert len(done) > 30
    assert (done["wire_bytes"] > 1.1 * done["payload_bytes"]).any()  # some blocks were sent twice
    stages = [c for c in log if c.endswith("_s") and c[:-2] in STAGES]
    assert len(stages) == len(STAGES)
    assert done[stages].min().min() >= -1e-9
    assert done[stages].sum(axis=1).to_numpy() == pytest.approx(done["latency_s"].to_numpy(), abs=1e-9)


def test_power_and_lifetime_of_the_fleet(run_text: Callable) -> None:  # type: ignore[type-arg]
    """One upload of WIRE_BITS at 1 W every 10 s on a device of 0.1 W: 0.1 + WIRE_BITS / 10 Mbit/s / 10 s watts.

    A full battery of 100 J lasts 100 J over that; a group fed by mains does not count.
    """
    profile = "{kind: custom, cpu_power: 2 W, idle_power: 100 mW}"
    often = "{kind: periodic, period: 10 s, phase: aligned}"
    sender = group("a", "battery: 100 J", traffic=often).replace("{kind: custom, cpu_power: 2 W}", profile)
    mains = group("b", traffic="{kind: periodic, period: 1 h, phase: aligned}")
    metrics, _ = run_text(body("transport: udp, sharing: dedicated", sender, mains, duration="100 s"))
    sender_w = 0.1 + WIRE_BITS / 10e6 / 10.0
    mains_w = WIRE_BITS / 10e6 / 100.0  # its one upload, at 0 s
    assert metrics["battery_lifetime_s"] == pytest.approx(100.0 / sender_w, rel=1e-9)
    assert metrics["device_power_w"] == pytest.approx((sender_w + mains_w) / 2, rel=1e-9)


def test_a_request_has_a_head_and_the_server_its_own_work(run_text: Callable) -> None:  # type: ignore[type-arg]
    """1,000 bytes before 150 kB fill one datagram of 1,472 more; 30 ms before the queue, 50 ms after the batch."""
    text = body("transport: udp, packet: {request: 1 kB}", group())
    _, log = run_text(text.replace("batching:", "handling: {request: 30 ms, reply: 50 ms}, batching:"))
    assert log["wire_bytes"].iloc[0] == 151_000 + 103 * 28
    assert log["payload_bytes"].iloc[0] == 150_000
    assert log["backhaul_s"].iloc[0] == pytest.approx(0.03)
    assert log["reply_s"].iloc[0] == pytest.approx(0.05)


@pytest.mark.parametrize("sharing", ["blocks", "airtime"])
def test_power_control_drives_the_energy_of_sending(run_text: Callable, sharing: str) -> None:  # type: ignore[type-arg]
    """A phone alone draws the report's power at P0 + 10 lg M + alpha PL, at most 23 dBm, for as long as it sends.

    Nobody's uploads overlap.  The cell rounds path losses to 0.01 dB, which is 0.1 % of what is radiated.
    """
    from devices.library import load_data
    from devices.nr import cycle_units, uplink_units

    rates = "{kind: propagation, radius: 400 m, rate: nr-cqi, bandwidth: 20 MHz, p0: -90 dBm, alpha: 0.9}"
    cell = f"transport: udp, sharing: {sharing}, device_rates: {rates}"
    phones = group(radio="nr-fr1", traffic="{kind: periodic, period: 1 h}").replace("count: 1", "count: 40")
    built = build_cell(loads(HEAD + body(cell, phones)).points[0].scenario.cells["c"])
    placement = built.placement(Draws(1, 0).of_devices("placement", "a"), 40)
    assert placement is not None
    power_dbm = np.minimum(23.0, -90.0 + 10 * np.log10(placement.blocks) + 0.9 * placement.path_loss_db)
    assert power_dbm.min() < 15.0 and power_dbm.max() == 23.0

    told = describe(loads(HEAD + body(cell, phones)).points[0].scenario)["devices"]["a"]
    assert "by power control" in told["transmit power"] and told["replies"] == "500 bytes, when the radio listens"
    _, log = run_text(body(cell, phones))
    states = load_data("nr")["nr-fr1"]
    idle = cycle_units(states, 1.28, 0.010)
    of = log["device"].to_numpy()
    watts = np.array([(uplink_units(states, level) - idle) * 4.65e-3 for level in power_dbm[of]])
    assert log["transmit_j"].to_numpy() == pytest.approx(watts * log["radio_active_s"].to_numpy(), rel=1e-3)


def test_a_reply_waits_for_a_radio_that_says_when_it_listens(run_text: Callable) -> None:  # type: ignore[type-arg]
    """A tail of 0.2 s at 0.5 W, then idle, with 0.1 s at 1 W to wake; the reply comes 0.3 s after the upload.

    It is heard at once (a paging cycle of 1 ns), wakes the radio and begins a new tail: 0.1 s later, 0.1 J for waking
    and 0.1 J of tail more than the upload's own, and 4,000 bits at 10 Mbit/s and the power of sending.  A radio that
    does not say when it listens has its reply at once: 0.1 J of tail for the upload, 0.1 J for the reply.
    """
    radio = (
        "{{kind: custom, transmit_power: 1 W, wake_delay: 100 ms, wake_power: 1 W, "
        "tail: [{{duration: 200 ms, power: 500 mW}}]{more}}}"
    )

    def last(more: str, reply: str = "") -> dict[str, float]:
        text = body("transport: udp", group(radio=radio.format(more=more)))
        _, log = run_text(text.replace("time: 1 us", "time: 300 ms").replace("server: {", f"server: {{{reply}"))
        return dict(log.iloc[0])

    paged, plain = last(", paging_cycle: 1 ns"), last("")
    assert paged["reply_s"] == pytest.approx(0.1, abs=1e-8) and plain["reply_s"] == 0.0
    assert (paged["wake_j"], plain["wake_j"]) == pytest.approx((0.2, 0.1))
    assert (paged["tail_j"], plain["tail_j"]) == pytest.approx((0.2, 0.2))
    assert (paged["receive_j"], plain["receive_j"]) == pytest.approx((4_000 / 10e6, 0.0))
    for asked, same in ((last(", paging_cycle: 1 ns", "reply: at-once, "), plain), (last("", "reply: 500 B, "), paged)):
        assert [asked[f"{c}_j"] for c in COMPONENTS] == pytest.approx([same[f"{c}_j"] for c in COMPONENTS], abs=1e-8)


def test_uploads_without_a_reply_are_more_than_those_on_the_link(run_text: Callable) -> None:  # type: ignore[type-arg]
    """150 kB are on the link for 122 ms and wait 900 ms more for their reply: one a second watches either count."""
    every = "{kind: periodic, period: 1 s, phase: aligned}"
    found = {}
    for watch in ("uploads", "replies"):
        policy = f"policy: {{kind: load, codecs: [big, small], watch: {watch}, above: [0]}}"
        text = body("transport: udp", group(more=policy, traffic=every), duration="9 s")
        _, log = run_text(text.replace("time: 1 us", "time: 900 ms").replace("largest: 1", "largest: 8"))
        found[watch] = log.sort_values("speech_end_s")["payload_bytes"].tolist()
    assert set(found["uploads"]) == {150_000}
    assert found["replies"][:2] == [150_000, 15_000]


def test_recorded_phones_send_what_their_recordings_carry(tmp_path: Path, run_text: Callable) -> None:  # type: ignore[type-arg]
    """Two phones with traces of 1, then 3 Mbit/s (5 s each) and of 2 Mbit/s: each upload ends where its trace's
    integral has grown by its bits, whether the phone has its own link or is limited in front of a cell that is wide.
    """
    (tmp_path / "a.csv").write_text("time_s,rate_mbps\n0,1\n5,3\n")
    (tmp_path / "b.csv").write_text("time_s,rate_mbps\n0,2\n5,2\n")
    both = group(traffic="{kind: periodic, period: 4 s}").replace("count: 1", "count: 2")
    for sharing in ("dedicated", "max-min"):
        rates = f"device_rates: {{kind: traces, folder: {tmp_path}}}"
        _, log = run_text(body(f"transport: udp, sharing: {sharing}, {rates}", both, duration="60 s"))
        log = log.sort_values(["device", "speech_end_s"])
        assert len(log) > 20 and set(log["device"]) == {0, 1}
        for row in log.itertuples():
            assert row.transfer_s == pytest.approx(crossing_s(row.device, row.speech_end_s + row.encode_s), rel=1e-9)


def crossing_s(phone: int, begin_s: float) -> float:
    """How long WIRE_BITS take on the traces above."""
    if phone == 1:
        return WIRE_BITS / 2e6
    bits, t = float(WIRE_BITS), begin_s
    while True:
        rate, end_s = (1e6, t - t % 10.0 + 5.0) if t % 10.0 < 5.0 else (3e6, t - t % 10.0 + 10.0)
        if bits <= rate * (end_s - t):
            return t + bits / rate - begin_s
        bits -= rate * (end_s - t)
        t = end_s


def test_recorded_phones_of_a_narrow_cell_share_it(tmp_path: Path, run_text: Callable) -> None:  # type: ignore[type-arg]
    """Limits of 1 and 4 Mbit/s before a cell of 3: 1 and 2 Mbit/s, and 3 at most for who is left."""
    (tmp_path / "a.csv").write_text("time_s,rate_mbps\n0,1\n5,1\n")
    (tmp_path / "b.csv").write_text("time_s,rate_mbps\n0,4\n5,4\n")
    both = group().replace("count: 1", "count: 2")
    text = body(f"transport: udp, sharing: max-min, device_rates: {{kind: traces, folder: {tmp_path}}}", both)
    _, log = run_text(text.replace("10 Mbit/s", "3 Mbit/s"))
    assert log.sort_values("device")["transfer_s"].tolist() == pytest.approx([WIRE_BITS / 1e6, WIRE_BITS / 2e6])
