"""``amser observe``: an observation's rows are a run's, and end to end it hears what was measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scenarios
from amser.live.errors import LiveError
from amser.live.observing import Setting, observe
from amser.live.phone import Entry
from amser.live.plan import write_plan
from amser.live.reality import figures_of, rows_of
from amser.live.sketch import _tables, audio_of, spoken_corpus
from channel.codecs import build_codec
from sim.build_site import Situation, build_site
from sim.draws import Draws
from sim.outcomes import DELIVERED, LATE, LOST, REJECTED, UNFINISHED
from sim.upload_log import columns_of

SHORT = ["corpus.limit=4", "devices.phones.count=2", "devices.phones.traffic.rate=60 /min", "duration=4 s"]


def site_and_plan(folder, *sets: str):
    experiment = scenarios.load("live", [*SHORT, *sets])
    scenario = experiment.points[0].scenario
    corpus = spoken_corpus(scenario)
    tables = _tables(corpus, {"amser-12.5": build_codec("amser-12.5")}, sizes=True)
    situation = Situation(scenario, tables, experiment.base_dir)
    plan = write_plan(folder, situation, Draws(1, 0), audio_of(corpus), 80)
    return build_site(situation, Draws(1, 0)), plan


def entry(plan, number: int, status: int, **more) -> Entry:
    spoken = plan.spoken[number]
    found = Entry(number, spoken.group, spoken.device, spoken.utterance, spoken.spoken_s, "amser-12.5")
    begin = spoken.spoken_s
    stamps = {"ready_s": begin + 0.01, "left_s": begin + 0.011, "replied_s": begin + 0.3}
    if status == 200:
        stamps |= {"arrived_s": begin + 0.05, "started_s": begin + 0.07, "served_s": begin + 0.25}
    values = vars(found) | stamps | {"status": status, "encode_cpu_s": 0.004, "sent_bytes": 9000} | more
    return Entry(**json.loads(json.dumps(values)))


def test_a_log_becomes_the_rows_of_a_run(tmp_path):
    """Stages add up to the latency; the path's known delay is backhaul; joules are 2 W over the seconds of coding."""
    site, plan = site_and_plan(tmp_path / "plan", "cells.uplink.retry={deadline: 250 ms, attempts: 2}")
    entries = [
        entry(plan, 0, 200),
        entry(plan, 1, 503),
        entry(plan, 2, 0),
        entry(plan, 3, 200, replied_s=plan.spoken[3].spoken_s + 0.2),
    ]
    rows = rows_of(entries, plan, site)
    assert rows["outcome"][:4].tolist() == [LATE, REJECTED, LOST, DELIVERED]
    assert set(rows["outcome"][4:].tolist()) <= {UNFINISHED}
    columns = columns_of(rows, site.server.service)
    stages = ("encode", "hold", "wake", "access", "transfer", "backhaul", "queue", "service", "reply")
    total = np.sum([columns[f"{name}_s"] for name in stages], axis=0)
    np.testing.assert_allclose(total[[0, 3]], columns["latency_s"][[0, 3]], rtol=1e-9)
    assert columns["backhaul_s"][0] == pytest.approx(0.010)  # half of the scenario's 20 ms
    assert columns["encode_j"][0] == pytest.approx(0.008)
    figures = figures_of(rows, site)
    assert figures.server_utilisation == pytest.approx(2 * 0.18 / 4.0)


@pytest.mark.parametrize(
    ("sets", "reason"),
    [
        (["cells.uplink.transport=tcp"], "TCP without TLS"),
        (["cells.uplink.capacity={kind: gilbert-elliott, good_rate: 1 Mbit/s, good: 1 s, bad: 1 s}"], "a constant one"),
        (["cells.uplink.loss={kind: payload, probability: 1 %}"], "losses of packets"),
        (["corpus=librispeech", "recognizer.model=tiny.en", "emotion.kind=none"], "no audio here"),
    ],
)
def test_what_cannot_be_observed_is_said_before_anything_is_measured(tmp_path, sets, reason):
    with pytest.raises(LiveError, match=reason):
        observe(scenarios.load("live", sets), Setting("loopback"), results_root=tmp_path)
    assert not list(tmp_path.iterdir())


ORPHAN = """
import os, sys
from amser.live.reality import _started
child = _started([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"], dict(os.environ))
child.stdout.readline()
print(child.pid, flush=True)
os._exit(1)
"""


def test_nothing_is_left_of_an_observer_that_was_killed():
    """Its processes are sent SIGINT by the kernel, which ends a plain Python at once (and a server in order)."""
    done = subprocess.run([sys.executable, "-c", ORPHAN], capture_output=True, text=True, timeout=120)
    child = int(done.stdout)
    until = time.monotonic() + 60.0
    stat = Path(f"/proc/{child}/stat")
    while stat.exists() and stat.read_text().split()[2] != "Z" and time.monotonic() < until:
        time.sleep(0.05)
    # A zombie has ended, and nobody has asked for its exit code yet.
    assert not stat.exists() or stat.read_text().split()[2] == "Z"


@pytest.mark.slow
def test_an_observation_hears_what_was_measured(tmp_path):
    """End to end over loopback with nano: every upload answered with the words and the class of its cell."""
    command = [
        sys.executable,
        "-m",
        "amser",
        "observe",
        "live",
        "--network",
        "loopback",
        "--results",
        str(tmp_path),
        "--json",
        "-q",
    ]
    for assignment in SHORT:
        command += ["-s", assignment]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=400, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (heard_file,) = (tmp_path / "live").glob("*/observed/*.parquet")
    heard = pd.read_parquet(heard_file)
    log = pd.read_parquet(next((tmp_path / "live").glob("*/points/observed-*/uploads.parquet")))
    manifest = json.loads((heard_file.parent.parent / "manifest.json").read_text())
    assert len(heard) == len(log) > 3 and set(heard["status"]) == {200}
    assert (heard["text"] == heard["cell_text"]).all() and (heard["emotion"] == heard["cell_emotion"]).all()
    assert set(log["outcome"]) == {"delivered"} and found["complete"]
    folder = str(heard_file.parent.parent)
    again = subprocess.run(
        [*command[:3], "compare", f"one={folder}", f"two={folder}", "--json"],
        capture_output=True,
        text=True,
        timeout=200,
    )
    (itself,) = json.loads(again.stdout)
    assert itself["heard"] == {"answered": len(heard), "other_words": 0, "other_classes": 0}
    assert {e["error"] for e in itself["errors"] if e["stage"] == "latency"} == {0.0}
    # Uploads carry a head that a simulation does not know of: about a hundred bytes each.
    assert (log["wire_bytes"] - log["payload_bytes"]).between(60, 200).all()
    assert manifest["observed"]["network"].startswith("loopback") and "simulated_by" not in manifest
