"""Phones: what they need to run, what they log, and how they give up."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from io import StringIO

import numpy as np
import pytest

import scenarios
from amser.live import clock
from amser.live.batcher import Rule
from amser.live.client import Address, Connection, TimedOut
from amser.live.errors import LiveError
from amser.live.phone import Phones
from amser.live.plan import Plan, read_plan
from amser.live.sketch import sketched_plan
from tests.amser.live.conftest import Rote, running

SHORT = [
    "corpus.limit=4",
    "devices.phones.count=3",
    "devices.phones.traffic.rate=120 /min",
    "duration=2 s",
    "drain=10 s",
]


def plan_of(folder, *sets: str) -> Plan:
    experiment = scenarios.load("live", [*SHORT, *sets])
    return sketched_plan(folder, experiment.points[0].scenario, experiment.base_dir, 80)


def spoken(plan: Plan, url: str) -> list[dict]:
    log = StringIO()
    phones = Phones(plan, Address.of(url), log)
    phones.warm()
    phones.speak(clock.now() + 0.05)
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_plan_says_what_a_simulation_draws(tmp_path):
    """The same devices speak the same utterances at the same times as in the upload log of a run."""
    from sim.arrivals import Arrivals
    from sim.build_site import Situation, build_site
    from sim.draws import Draws

    plan = plan_of(tmp_path / "plan")
    experiment = scenarios.load("live", SHORT)
    scenario = experiment.points[0].scenario
    from amser.live.sketch import _tables, spoken_corpus
    from channel.codecs import build_codec

    corpus = spoken_corpus(scenario)
    tables = _tables(corpus, {"amser-12.5": build_codec("amser-12.5")}, sizes=False)
    site = build_site(Situation(scenario, tables, experiment.base_dir), Draws(scenario.seed, 0))
    rows = [row for window in Arrivals(site.groups, tables.audio_s, site.draws, 2.0) for row in window.tolist()]
    assert [tuple(one) for one in plan.spoken] == [row[1:] for row in rows]
    assert plan.scenario == scenario and len(plan.spoken) > 5


def test_every_utterance_is_spoken_and_its_stages_are_in_order(tmp_path, rote):
    plan = plan_of(tmp_path / "plan")
    rote.service_s = 0.02
    with running(rote, Rule(largest=2)) as server:
        rows = spoken(plan, server.url)
    assert sorted(row["upload"] for row in rows) == list(range(len(plan.spoken)))
    for row in rows:
        names = ("spoken", "woke", "began", "ready", "left", "arrived", "started", "served", "replied")
        stamps = [row[f"{name}_s"] for name in names]
        assert stamps == sorted(stamps) and row["status"] == 200 and row["same_clock"]
        assert row["served_s"] - row["started_s"] >= 0.02
    # What the server got is what was sent: nano's tables would have the same bytes.
    assert sorted(len(job.data) for batch in rote.heard for job in batch) == sorted(r["payload_bytes"] for r in rows)


def test_a_full_queue_is_logged_as_such(tmp_path):
    rote = Rote(service_s=0.5)
    with running(rote, Rule(largest=1, queue_limit=0)) as server:
        rows = spoken(plan_of(tmp_path / "plan"), server.url)
    statuses = [row["status"] for row in rows]
    assert 503 in statuses and statuses.count(200) == rote.jobs


def test_a_policy_of_load_looks_at_the_uploads_under_way(tmp_path):
    """A slow server keeps uploads under way, so that later ones are leaner; the first is the richest."""
    policy = "{kind: load, watch: replies, codecs: [amser-25, amser-12.5], above: [0]}"
    plan = plan_of(tmp_path / "plan", f"devices.phones.policy={policy}")
    with running(Rote(service_s=0.7), Rule(largest=1)) as server:
        rows = sorted(spoken(plan, server.url), key=lambda row: row["upload"])
    assert rows[0]["codec"] == "amser-25" and "amser-12.5" in {row["codec"] for row in rows[1:]}


def test_a_payload_that_does_not_arrive_is_given_up_and_one_that_did_is_waited_for():
    """The peer never reads: its window fills, so bytes stay outstanding.  A slow answer is no reason to give up."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection = Connection(Address("127.0.0.1", deaf.getsockname()[1]))
        begun = time.monotonic()
        with pytest.raises(TimedOut):
            connection.post("/", bytes(30_000_000), timeout_s=0.3, answer_s=20.0)
        assert time.monotonic() - begun < 15.0
    rote = Rote(service_s=0.6)
    with running(rote) as server:
        connection = Connection(Address("127.0.0.1", server.port))
        assert connection.post("/v1/recognise?codec=raw", bytes(3200), timeout_s=0.1, answer_s=20.0).status == 200
        connection.close()


def test_an_idle_connection_that_the_server_closed_is_opened_again():
    with running(Rote()) as one:
        connection = Connection(Address("127.0.0.1", one.port))
        assert connection.post("/v1/recognise?codec=raw", bytes(3200), timeout_s=None, answer_s=20.0).status == 200
        kept = connection._socket
        assert kept is not None
        kept.shutdown(2)
        assert connection.post("/v1/recognise?codec=raw", bytes(3200), timeout_s=None, answer_s=20.0).status == 200
        connection.close()


def test_stopped_phones_follow_what_is_under_way(tmp_path):
    plan, log = plan_of(tmp_path / "plan"), StringIO()
    with running(Rote(service_s=0.3)) as server:
        phones = Phones(plan, Address.of(server.url), log)
        threading.Timer(1.0, phones.stopped.set).start()
        done = phones.speak(clock.now())
    rows = [json.loads(line) for line in log.getvalue().splitlines()]
    assert 0 < done == len(rows) < len(plan.spoken) and {row["status"] for row in rows} == {200}


@pytest.mark.parametrize(
    ("sets", "reason"),
    [
        (["devices.phones.traffic={kind: closed-loop, think: 1 s}"], "do not wait for replies"),
        (["devices.phones.policy=stream"], "whole utterances"),
        (["devices.phones.policy={kind: load, codecs: [raw, amser-25], above: [0]}"], "watch `replies`"),
        (["devices.phones.battery=10 Wh"], "battery"),
        (["devices.phones.codec=size", "codecs.size={kind: fixed, size: 1 kB}"], "carries no speech"),
    ],
)
def test_what_phones_do_not_do_is_said(tmp_path, sets, reason):
    with pytest.raises(LiveError, match=reason):
        plan_of(tmp_path / "plan", *sets)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "amser-plan", "version": 1}', "null", "\x00"])
def test_what_is_no_plan_is_one_message(tmp_path, text):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(LiveError, match="not a plan"):
        read_plan(tmp_path)
    with pytest.raises(LiveError, match="--write-plan"):
        read_plan(tmp_path / "nowhere")


@pytest.mark.parametrize("url", ["localhost:8765", "ftp://x", "http://", "http://x:99999", "http://x/y"])
def test_what_is_no_url_is_one_message(url):
    with pytest.raises(LiveError, match="write http://HOST:PORT"):
        Address.of(url)


THIN = """
import sys
for name in ("torch", "whisper", "librosa", "pandas", "pyarrow", "numba", "simpy", "plotly", "av"):
    sys.modules[name] = None  # as if it were not installed
from amser.cli import main
main(["phone", "--plan", sys.argv[1], "--server", sys.argv[2], "--log", sys.argv[3]])
"""


def test_a_plan_is_spoken_with_numpy_and_scipy_alone(tmp_path):
    """What a Raspberry Pi needs: without torch, pandas, Numba and all the rest, the payloads are the same."""
    plan_of(tmp_path / "plan")
    rote = Rote()
    with running(rote) as server:
        log = tmp_path / "log"
        done = subprocess.run(
            [sys.executable, "-c", THIN, tmp_path / "plan", server.url, log],
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert {row["status"]: row["error"] for row in rows} == {200: ""} and len(rows) == rote.jobs


def test_the_mel_without_numba_is_the_kernels():
    from channel.mel import _power_by_numpy, log_mel, normalised

    for samples, bands in ((160, 80), (399, 80), (16_000, 80), (51_234, 128)):
        audio = np.random.default_rng(samples).normal(0.0, 0.1, samples).astype(np.float32)
        np.testing.assert_allclose(normalised(_power_by_numpy(audio, bands)), log_mel(audio, bands), atol=1e-5)
