"""The engine that runs a scenario: SimPy, the definition, or the compiled one, for fleets; their figures are alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from scenarios import Scenario
from scenarios.schema.engine import beyond_compiled
from sim import model
from sim.draws import Key, uniforms
from sim.site import Site
from sim.upload_log import Counted, Figures, Rows

Play = Callable[[Scenario, Site, Callable[[Rows], None], Callable[[float], None] | None], Figures]
"""Lets a site live through its scenario and gives its rows to a sink: ``run``, or an observation of a real one."""

SMALL = 2_000
"""Utterances of a replication, below which SimPy has finished before the compiled engine is loaded."""


class Chosen(NamedTuple):
    """An engine and why it was taken, in words."""

    name: Literal["simpy", "compiled"]
    reason: str


def choose(scenario: Scenario) -> Chosen:
    """The engine, from the scenario alone: never from the machine or what it has compiled already."""
    if scenario.engine != "auto":
        return Chosen(scenario.engine, "asked for")
    beyond = beyond_compiled(scenario)
    if beyond is not None:
        path, what = beyond
        return Chosen("simpy", f"the compiled engine does not cover {'.'.join(map(str, path))}: {what}")
    expected = _utterances(scenario)
    if expected < SMALL:
        return Chosen("simpy", f"about {expected:,.0f} utterances are simulated before the compiled engine is loaded")
    return Chosen("compiled", f"about {expected:,.0f} utterances in a replication")


def _utterances(scenario: Scenario) -> float:
    """Utterances of a replication as the rates say; recordings and users' own traffic count as many."""
    total = 0.0
    for group in scenario.devices.values():
        traffic = group.traffic
        if traffic.kind == "periodic":
            rate = 1.0 / traffic.period
        elif traffic.kind == "closed-loop":
            rate = 1.0 / traffic.think
        elif traffic.kind == "talk-spurts":
            rate = 1.0 / (traffic.speech + traffic.pause)
        elif traffic.kind == "heavy-tailed":
            rate = traffic.mean
        elif traffic.kind == "poisson" or traffic.kind == "diurnal":
            rate = traffic.rate
        else:
            return float("inf")
        total += rate * group.count
    return total * scenario.duration * scenario.sites


def counter(scenario: Scenario, site: Site) -> Callable[[Rows], Counted] | None:
    """What counts chunks of rows at the compiled engine's speed; None where columns are counted instead."""
    if choose(scenario).name == "simpy":
        return None
    from sim.compiled.counting import Counter

    service = site.server.service
    return Counter(
        scenario.warmup_s,
        site.duration_s,
        service.active_w - service.idle_w,
        site.tables.audio_s,
        len(site.tables.codecs),
        np.array([group.cell for group in site.groups]),
        len(site.cells),
    )


def sample(scenario: Scenario, rows: Rows, key: Key) -> Rows:
    """The rows that a sampled log keeps: each by luck of its own, whatever happened to it and whoever runs."""
    share = scenario.log.share
    if choose(scenario).name == "simpy":
        luck, _ = uniforms(key.low, key.high, 0, rows["upload"], 0)
        kept: Rows = rows[luck < share]
        return kept
    from sim.compiled.counting import sample as sampled

    return sampled(rows, key, share)


def run(
    scenario: Scenario, site: Site, sink: Callable[[Rows], None], tick: Callable[[float], None] | None = None
) -> Figures:
    """Run a site of the scenario to its last reply; ``sink`` takes the log in chunks."""
    if choose(scenario).name == "simpy":
        return model.run(site, sink, tick)
    from sim import compiled  # loads Numba

    return compiled.run(site, sink, tick)
