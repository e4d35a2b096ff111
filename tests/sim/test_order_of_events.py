"""The order of what happens at the server, and what has no reply when the run ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

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
    order = np.lexsort((started, arrived.round(8)))  # who arrives at one instant may start in either order
    assert (np.diff(started.to_numpy()[order]) >= -1e-9).all()
    assert log["queue_s"].min() >= -1e-9
    assert log["batch"].max() == 4


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
