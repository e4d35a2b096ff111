"""An overloaded station is named; a stable one is not, however full."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios import loads
from sim.study.experiment import run

BODY = """
duration: 10 min
cells:
  town: {capacity: TOWN Mbit/s, sharing: SHARING, transport: udp, packet: {mtu: 65535 B}}
  office: {capacity: 1 Gbit/s, sharing: equal, transport: udp}
devices:
  phones:
    {count: 50, profile: pixel-8, radio: wifi, traffic: {kind: poisson, rate: 6 /min}, codec: big, cell: town}
  laptops:
    {count: 50, profile: pixel-8, radio: wifi, traffic: {kind: poisson, rate: 6 /min}, codec: small, cell: office}
server: {service: {kind: exponential, mean: SERVICE ms}, batching: {largest: 1}}
"""
# 5 uploads a second of 150 kB and three headers of 28 bytes on `town`.
OFFERED_BPS = 5 * (150_000 + 3 * 28) * 8


def body(link_load: float, server_load: float, sharing: str = "fifo") -> str:
    """Loads of the link of `town`, and of a server that would have 10 uploads a second if the links carried all."""
    text = BODY.replace("TOWN", f"{OFFERED_BPS / link_load / 1e6}").replace("SERVICE", f"{server_load * 100}")
    return text.replace("SHARING", sharing)


@pytest.mark.parametrize("sharing", ["fifo", "equal"])
def test_an_overloaded_link_grows(run_text: Callable, sharing: str) -> None:  # type: ignore[type-arg]
    """First come, first served at 1.5 times what it carries: 1,500 arrivals vary by 2.6 %, so 8 % is three deviations.

    Equal sharing completes fewer still, because all that are under way have had a part.
    """
    metrics, _ = run_text(body(1.5, 0.3, sharing))
    if sharing == "fifo":
        assert metrics["uplink_growth_town"] == pytest.approx(1.5, rel=0.08)
    else:
        assert metrics["uplink_growth_town"] > 1.5
    assert metrics["uplink_growth_office"] == metrics["server_growth"] == 1.0


def test_an_overloaded_server_grows(run_text: Callable) -> None:  # type: ignore[type-arg]
    metrics, _ = run_text(body(0.3, 2.0))
    assert metrics["server_growth"] == pytest.approx(2.0, rel=0.08)
    assert metrics["uplink_growth_town"] == metrics["uplink_growth_office"] == 1.0


@pytest.mark.parametrize("sharing", ["fifo", "equal"])
def test_a_stable_queue_does_not(run_text: Callable, sharing: str) -> None:  # type: ignore[type-arg]
    """At 90 % of both, in ten replications: a full queue is not a growing one."""
    for replication in range(10):
        metrics, _ = run_text(body(0.9, 0.9, sharing), replication=replication)
        assert metrics["uplink_growth_town"] == metrics["server_growth"] == 1.0


def test_a_warning_names_the_link(tmp_path: Path) -> None:
    head = "amser: 1\ncorpus: {kind: synthetic, utterances: 20}\nrecognizer: {kind: none}\nemotion: {kind: none}\n"
    head += "codecs: {big: {kind: fixed, size: 150 kB}, small: {kind: fixed, size: 15 kB}}\nsweep: {replications: 2}\n"
    found = run(loads(head + body(1.5, 0.3)), results_root=tmp_path, cache_dir=tmp_path / "cache")
    [warning] = [w for w in found.manifest["warnings"] if "unstable" in w]
    assert warning.startswith("the run: the uplink of town is unstable (load above 1): 1.")
    stable = run(loads(head + body(0.5, 0.3)), results_root=tmp_path, cache_dir=tmp_path / "cache")
    assert not any("unstable" in w for w in stable.manifest["warnings"])
