"""What the engine leaves out of its heap to be fast must not show in the results."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import simpy

from sim.clock import Clock

BODY = """
cells:
  near: {{capacity: 50 Mbit/s, rtt: 10 ms, backhaul: 1 ms, transport: {transport}, loss: {loss}}}
  far: {{capacity: 50 Mbit/s, rtt: 10 ms, backhaul: 400 ms, transport: udp}}
devices:
  a: {{count: 30, profile: pixel-8, radio: wifi, traffic: {{kind: poisson, rate: 20 /min}}, codec: small, cell: near}}
  b: {{count: 30, profile: pixel-8, radio: wifi, traffic: {{kind: poisson, rate: 20 /min}}, codec: small, cell: far}}
server:
  service: {{kind: constant, time: 40 ms}}
  queue_limit: {limit}
  batching: {{largest: 4, longest_wait: 30 ms}}
duration: 100 s
"""


def text(transport: str = "udp", loss: str = "none", limit: str = "null") -> str:
    return BODY.format(transport=transport, loss=loss, limit=limit)


def test_server_serves_in_order_of_arrival(run_text: Callable) -> None:  # type: ignore[type-arg]
    """Uploads of a far cell are expected early and overtaken by those of a near one: first come, first served."""
    _, log = run_text(text())
    ends = log["speech_end_s"] + log["latency_s"] - log["reply_s"]
    started = (ends - log["service_s"]).round(9)
    arrived = started - log["queue_s"]
    order = np.argsort(arrived.to_numpy(), kind="stable")
    assert (np.diff(started.to_numpy()[order]) >= -1e-9).all()
    assert log["queue_s"].min() >= -1e-9
    assert log["batch"].max() == 4


def test_watching_every_arrival_changes_nothing(run_text: Callable) -> None:  # type: ignore[type-arg]
    """A queue with a limit that is never reached is served by other code, with an event for each arrival."""
    metrics, log = run_text(text())
    limited, same = run_text(text(limit="1000000"))
    assert log.equals(same)
    assert limited["events_per_upload"] > metrics["events_per_upload"]


WAITING = """
  nobody:
    {count: 1, profile: pixel-8, radio: wifi, traffic: {kind: closed-loop, think: 1000 h}, codec: small, cell: far}
"""


@pytest.mark.parametrize("sharing", ["equal", "weighted", "max-min", "router", "fifo"])
@pytest.mark.parametrize("loss", ["none", "{kind: packet, probability: 2 %}"])
def test_working_out_behind_the_clock_changes_nothing(run_text: Callable, sharing: str, loss: str) -> None:  # type: ignore[type-arg]
    """A user who waits for replies (and never speaks) makes links and server take every step at its time.

    The others' uploads must not notice, to the last bit: devices of few uploads and of many that overlap on the
    radio, cells that are near and far.
    """
    body = text("tcp", loss).replace("near: {", f"near: {{sharing: {sharing}, ").replace("20 /min", "60 /min")
    metrics, log = run_text(body)
    prompt, same = run_text(body.replace("\nserver:", WAITING + "server:"))
    log, same = (frame.sort_values("upload", ignore_index=True) for frame in (log, same))
    assert (log["radio_gap_s"] < 0).any() and (log["batch"] == 4).any()
    assert len(log) > 5_000 and log.equals(same)
    assert prompt["events_per_upload"] > metrics["events_per_upload"] + 0.5


def test_utterances_still_being_coded_at_the_end_are_rows(run_text: Callable) -> None:  # type: ignore[type-arg]
    """Coding takes longer than the drain: such uploads are unfinished, not missing."""
    _, quick = run_text(text())
    metrics, slow = run_text(text() + "drain: 1 s\n", encode_s=30.0)
    assert len(quick) == len(slow) == metrics["uploads"]
    assert sorted(quick["upload"]) == sorted(slow["upload"])
    unfinished = slow[slow["outcome"] == 5]
    assert len(unfinished) > 0 and unfinished["latency_s"].isna().all()


def test_packet_losses_cost_tcp_time(run_text: Callable) -> None:  # type: ignore[type-arg]
    """TCP loses no upload to lost packets, but waits for them to be sent again."""
    clean, _ = run_text(text("tcp"))
    lossy, _ = run_text(text("tcp", "{kind: packet, probability: 5 %}"))
    assert lossy["delivered_fraction"] == clean["delivered_fraction"] == 1.0
    assert lossy["stage_transfer_mean_s"] > 1.2 * clean["stage_transfer_mean_s"]


def test_simpy_processes_run_beside_the_uploads() -> None:
    """The clock is still SimPy's: processes, time-outs and failures keep their meaning, in one order of time."""
    clock, seen = Clock(), []

    def process(env: simpy.Environment):  # type: ignore[no-untyped-def]
        yield env.timeout(1.0)
        seen.append(("process", env.now))
        with pytest.raises(ValueError):
            yield env.process(failing(env))
        seen.append(("caught", env.now))

    def failing(env: simpy.Environment):  # type: ignore[no-untyped-def]
        yield env.timeout(1.0)
        raise ValueError

    arrivals = iter([2.5, float("inf")])

    def feed() -> float:
        seen.append(("arrival", clock.now))
        return next(arrivals)

    clock.process(process(clock))
    clock.at(1.5, lambda thing: seen.append((thing, clock.now)), "call")
    clock.feed, clock.arrival_s = feed, 0.5
    assert clock.peek() == 0.0
    clock.run_to(3.0)
    assert seen == [("arrival", 0.5), ("process", 1.0), ("call", 1.5), ("caught", 2.0), ("arrival", 2.5)]
    assert clock.now == 3.0 and clock.peek() == float("inf")
