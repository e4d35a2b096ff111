"""Energy by closed form, and what must be conserved whatever happens."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

BODY = """
cells: {{cell: {{capacity: 10 Mbit/s, sharing: {sharing}, rtt: 40 ms, backhaul: 5 ms, transport: udp, loss: {loss}}}}}
devices:
  phones:
    {{count: {count}, profile: {{kind: custom, idle_power: 1 W, cpu_power: 2 W}}, radio: lte-2012, traffic: {traffic},
      codec: big, cell: cell, policy: {policy}, battery: {battery}}}
server:
  reply: at-once
  service: {{kind: constant, time: 100 ms}}
  queue_limit: {limit}
  batching: {{largest: 4, longest_wait: 30 ms}}
duration: {duration} s
"""


def text(**changes: object) -> str:
    values: dict[str, object] = {
        "sharing": "equal",
        "loss": "none",
        "count": 20,
        "traffic": "{kind: poisson, rate: 2 /min}",
        "policy": "fixed",
        "battery": "null",
        "limit": "null",
        "duration": 600,
    }
    return BODY.format(**{**values, **changes})


def test_one_upload_costs_what_the_power_model_says(run_text: Callable) -> None:  # type: ignore[type-arg]
    """One LTE upload alone: promotion, beta * t + alpha * bits, the wait for the reply and a full tail.

    Figures of Huang et al. (MobiSys 2012) as in network.md: promotion 1210.7 mW for 260.1 ms, alpha 438.39 mW per
    Mbit/s, beta 1288.04 mW, tail 1060 mW for 11.576 s.  The radio's powers are above idle, so each is less its
    idle power; the test takes that from the radio itself and checks the formula, to rounding.
    """
    from devices import load_radio

    radio = load_radio("lte-2012")
    _, log = run_text(
        text(count=1, traffic="{kind: periodic, period: 1 h, phase: aligned}", duration=3000), encode_s=0.01
    )
    row = log.iloc[0]
    bits = row.wire_bytes * 8
    active_s = bits / 10e6
    wait_s = (0.020 + 0.005) + 0.030 + 0.100 + (0.020 + 0.005)  # onward, patience of the batch, service, reply
    assert row.radio_active_s == pytest.approx(active_s, rel=1e-9)
    assert row.encode_j == pytest.approx(0.01 * 2.0)
    assert row.wake_j == pytest.approx(radio.wake_j(np.inf))
    assert row.transmit_j == pytest.approx(radio.transmit_power_w * active_s + radio.transmit_j_per_bit * bits)
    assert row.tail_j == pytest.approx(radio.tail_j(np.inf) + radio.tail_j(wait_s), rel=1e-9)
    assert row.energy_j == pytest.approx(row.encode_j + row.wake_j + row.transmit_j + row.tail_j)
    assert row.latency_s == pytest.approx(0.01 + radio.wake_delay_s(np.inf) + active_s + wait_s)


def integrate(log: pd.DataFrame, radio: object) -> float:
    """Radio energy of one device by walking through its activities in order, tail by tail."""
    start = log["speech_end_s"] + log["encode_s"] + log["hold_s"] + log["wake_s"]
    spans = [
        (a, b)
        for a, b in zip(
            start,
            log["speech_end_s"]
            + log["latency_s"]
            - log["reply_s"]
            - log["service_s"]
            - log["queue_s"]
            - log["backhaul_s"],
            strict=True,
        )
    ]
    points = [(t, t) for t in log["speech_end_s"] + log["latency_s"]]
    total, mark = 0.0, -np.inf
    for begin, end in sorted(spans + points):
        if begin > mark:
            gap = begin - mark
            wake_s = radio.wake_delay_s(gap) if end > begin else 0.0  # type: ignore[attr-defined]
            total += radio.tail_j(gap - wake_s)  # type: ignore[attr-defined]
            if end > begin:
                total += radio.wake_j(gap - wake_s)  # type: ignore[attr-defined]
        total += radio.transmit_power_w * max(0.0, end - max(begin, mark))  # type: ignore[attr-defined]
        mark = max(mark, end)
    return total + radio.transmit_j_per_bit * float(log["wire_bytes"].sum()) * 8  # type: ignore[attr-defined]


def test_charges_sum_to_the_walk_through_the_states(run_text: Callable) -> None:  # type: ignore[type-arg]
    """What uploads are charged sums to the radio's energy on its whole time line, overlaps and restarts included.

    Every activity pays the tail before it (docs/energy.md); the first pays a whole one, which stands for the tail
    after the last.  Tolerance: rounding only.
    """
    from devices import load_radio

    radio = load_radio("lte-2012")
    _, log = run_text(text(count=3, traffic="{kind: poisson, rate: 20 /min}"), seed=3)
    assert (log["radio_gap_s"] == 0).any(), "the case must hold overlapping uploads"
    for _, mine in log.groupby("device"):
        charged = float((mine["wake_j"] + mine["transmit_j"] + mine["tail_j"]).sum())
        assert charged == pytest.approx(integrate(mine, radio), rel=1e-6)


@pytest.mark.parametrize("sharing", ["equal", "fifo", "dedicated"])
def test_bytes_sent_are_received_or_lost(run_text: Callable, sharing: str) -> None:  # type: ignore[type-arg]
    """Every upload ends in exactly one outcome, and the link carries the bits of those that were sent."""
    metrics, log = run_text(text(sharing=sharing, loss="{kind: payload, probability: 20 %}", limit=2, count=60))
    outcomes = metrics["delivered_fraction"], metrics["lost_fraction"], metrics["rejected_fraction"]
    assert sum(outcomes) == pytest.approx(1.0)
    assert log["upload"].is_unique and len(log) == metrics["uploads"]
    # 20 % loss: a binomial share, within four standard deviations.
    assert metrics["lost_fraction"] == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / len(log)))


def test_stages_add_up_to_the_latency(run_text: Callable) -> None:  # type: ignore[type-arg]
    _, log = run_text(text(count=60), encode_s=0.05)
    stages = log[
        [f"{s}_s" for s in ("encode", "hold", "wake", "access", "transfer", "backhaul", "queue", "service", "reply")]
    ]
    assert np.allclose(stages.sum(axis=1), log["latency_s"], rtol=0, atol=1e-9)
    assert (stages >= -1e-12).all().all()


def test_codecs_meet_the_same_arrivals(run_text: Callable) -> None:  # type: ignore[type-arg]
    """Common random numbers: another codec changes sizes, never who speaks what and when."""
    _, raw = run_text(text())
    _, small = run_text(text(), "devices.phones.codec=small")
    columns = ["device", "utterance", "speech_end_s"]
    pd.testing.assert_frame_equal(
        raw.sort_values("upload")[columns].reset_index(drop=True),
        small.sort_values("upload")[columns].reset_index(drop=True),
    )


def test_same_seed_same_log_other_seed_other_log(run_text: Callable) -> None:  # type: ignore[type-arg]
    _, first = run_text(text())
    _, again = run_text(text())
    _, other = run_text(text(), seed=2)
    pd.testing.assert_frame_equal(first, again)
    assert len(other) != len(first) or not np.allclose(other["speech_end_s"], first["speech_end_s"])


def test_battery_dies_when_its_energy_is_drawn(run_text: Callable) -> None:  # type: ignore[type-arg]
    """1 W idle (and the radio's) empties 300 J in less than 300 s; every later utterance is battery-dead."""
    metrics, log = run_text(text(battery="300 J", duration=900))
    dead = log[log["outcome"] == 4]
    assert metrics["battery-dead_fraction"] > 0.5
    assert dead["speech_end_s"].min() < 300
    alive_late = log[(log["speech_end_s"] > 300) & (log["outcome"] == 0)]
    assert alive_late.empty
    for _, mine in log.groupby("device"):
        first = mine.loc[mine["outcome"] == 4, "speech_end_s"].min()
        assert (mine.loc[mine["speech_end_s"] > first, "outcome"] == 4).all()


def test_held_uploads_share_a_tail(run_text: Callable) -> None:  # type: ignore[type-arg]
    """Holding utterances for a minute bundles them: fewer wake-ups, less tail energy, later replies."""
    at_once, _ = run_text(text(traffic="{kind: poisson, rate: 4 /min}"))
    held, log = run_text(text(traffic="{kind: poisson, rate: 4 /min}", policy="{kind: hold, longest: 60 s}"))
    assert held["uploads"] == at_once["uploads"]
    assert held["energy_tail_j"] < 0.7 * at_once["energy_tail_j"]
    assert held["latency_mean_s"] > at_once["latency_mean_s"] + 20
    assert log["hold_s"].max() <= 60 + 1e-6


def test_streamed_uploads_hide_the_transfer_in_the_speech(run_text: Callable) -> None:  # type: ignore[type-arg]
    """With blocks of 1 s only the last third of a 3 s utterance is left when speech ends."""
    whole, _ = run_text(text(count=2))
    streamed, log = run_text(text(count=2, policy="{kind: stream, block: 1 s}"))
    assert streamed["uploads"] == whole["uploads"]
    assert streamed["stage_transfer_mean_s"] == pytest.approx(whole["stage_transfer_mean_s"] / 3, rel=0.1)
    assert log["wire_bytes"].mean() == pytest.approx(whole["wire_mean_bytes"], rel=0.01)


def test_what_tcp_sends_again_loads_the_link_and_costs_energy(run_text: Callable) -> None:  # type: ignore[type-arg]
    """5 % of the packets lost: 5 / 95 more of them on the wire, in the link's load and in sending energy.

    200 uploads of 103 packets lose about 1,080: 4 standard errors are 12 % (bursts of one, 1 / sqrt(1,080) * 4).
    Alone on a link of its own, an upload takes as long for its bits; what it waits beside is not sending.
    """
    body = text(sharing="dedicated", traffic="{kind: periodic, period: 1 min}")
    body = body.replace("transport: udp", "transport: tcp")
    plain, _ = run_text(body)
    lossy, _ = run_text(body.replace("loss: none", "loss: {kind: packet, probability: 5 %}"))
    more = lossy["wire_mean_bytes"] / plain["wire_mean_bytes"] - 1.0
    assert more == pytest.approx(5 / 95, rel=0.12)
    bits = 8.0 * (lossy["wire_mean_bytes"] - plain["wire_mean_bytes"])
    j_per_bit = 438.39e-9 + 1.28804 / 10e6  # alpha and beta of Huang et al. at 10 Mbit/s; rounds cost the same
    assert lossy["energy_transmit_j"] - plain["energy_transmit_j"] == pytest.approx(bits * j_per_bit, rel=0.02)
    assert lossy["uplink_utilisation"] / plain["uplink_utilisation"] - 1.0 == pytest.approx(more, rel=0.02)


def test_closed_loop_obeys_the_response_time_law(run_text: Callable) -> None:  # type: ignore[type-arg]
    """Interactive response time law: X = N / (R + Z), with N users, response R and time to think Z.

    Exact for the averages of a long path; 200 s of 20 users leave a few per cent of sampling error.
    """
    metrics, _ = run_text(text(traffic="{kind: closed-loop, think: 5 s}", duration=2000))
    throughput = metrics["uploads"] / 2000
    assert throughput == pytest.approx(20 / (metrics["latency_mean_s"] + 5.0), rel=0.03)


def test_full_server_queue_rejects(run_text: Callable) -> None:  # type: ignore[type-arg]
    metrics, log = run_text(
        text(limit=0, count=200, traffic="{kind: poisson, rate: 20 /min}"), "devices.phones.codec=small"
    )
    rejected = log[log["outcome"] == 2]
    assert metrics["rejected_fraction"] > 0.05
    assert rejected["service_s"].isna().all() and rejected["latency_s"].isna().all()


def test_adaptive_policy_takes_leaner_codecs_under_load(run_text: Callable) -> None:  # type: ignore[type-arg]
    policy = "{kind: load, codecs: [big, small], above: [2]}"
    _, calm = run_text(text(count=2, policy=policy))
    _, busy = run_text(text(count=400, policy=policy))
    assert set(calm["codec"]) == {0}
    assert (busy["codec"] == 1).mean() > 0.3


RETRY = "retry: {timeout: 2 s, attempts: 3, backoff: 500 ms}"


def test_lost_payloads_are_sent_again(run_text: Callable) -> None:  # type: ignore[type-arg]
    """With loss p and three independent attempts, p^3 of the uploads are lost for good; each attempt costs bytes.

    p = 0.4: 6.4 % lost, 1 + p + p^2 = 1.56 attempts on average; both within four standard deviations.
    """
    lossy = text(loss="{kind: payload, probability: 40 %}", count=60, duration=1200).replace("loss:", f"{RETRY}, loss:")
    metrics, log = run_text(lossy, "devices.phones.codec=small")
    n = len(log)
    assert metrics["lost_fraction"] == pytest.approx(0.4**3, abs=4 * np.sqrt(0.064 * 0.936 / n))
    once, _ = run_text(text(count=60, duration=1200), "devices.phones.codec=small")
    attempts = metrics["wire_mean_bytes"] / once["wire_mean_bytes"]
    assert attempts == pytest.approx(1.56, abs=4 * 0.75 / np.sqrt(n))
    again = log[(log["outcome"] == 0) & (log["transfer_s"] > 1.9)]
    assert len(again) > 0 and again["latency_s"].min() > 2.0


@pytest.mark.parametrize("sharing", ["equal", "fifo", "dedicated"])
def test_attempts_that_take_too_long_are_given_up(run_text: Callable, sharing: str) -> None:  # type: ignore[type-arg]
    """A link that needs 12 s for a payload and a timeout of 2 s: nothing arrives, and at most 3 x 2 s are sent."""
    slow = text(sharing=sharing, count=1, traffic="{kind: periodic, period: 1 h, phase: aligned}", duration=3000)
    slow = slow.replace("loss:", f"{RETRY}, loss:").replace("10 Mbit/s", "100 kbit/s")
    metrics, log = run_text(slow)
    assert metrics["lost_fraction"] == 1.0
    assert log["radio_active_s"].sum() <= 3 * 2.0 + 1e-9
    sent_bytes = float(log["wire_bytes"].sum())
    assert 0 < sent_bytes <= 3 * 2.0 * 100e3 / 8 + 1e-6


def test_replies_after_the_deadline_are_late(run_text: Callable) -> None:  # type: ignore[type-arg]
    wanted = text(count=60).replace("loss:", "retry: {deadline: 600 ms}, loss:")
    metrics, log = run_text(wanted)
    late = log[log["outcome"] == 3]
    assert 0 < len(late) < len(log)
    assert late["latency_s"].min() > 0.6 >= log.loc[log["outcome"] == 0, "latency_s"].max()
    assert metrics["late_fraction"] == pytest.approx(len(late) / len(log))


def test_devices_far_away_are_slower(run_text: Callable) -> None:  # type: ignore[type-arg]
    """With max-min sharing each device is capped by its own rate; a lone slow one takes size / rate."""
    body = text(sharing="max-min", count=1, traffic="{kind: periodic, period: 1 h, phase: aligned}", duration=3000)
    _, log = run_text(body.replace("loss:", "device_rates: {kind: given, rates: [1 Mbit/s], shares: [100 %]}, loss:"))
    assert log["transfer_s"].iloc[0] == pytest.approx(log["wire_bytes"].iloc[0] * 8 / 1e6)
