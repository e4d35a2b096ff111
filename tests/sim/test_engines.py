"""The reference and the compiled engine, upload by upload: on every library scenario and on random ones.

They share the formulas and the random numbers but not the order of events, which each writes for itself.  Times agree
to 1e-9 s and energies to 1e-9; mostly they are equal to the last bit.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import scenarios
from recognizers.service.calibration import FOLDER
from scenarios import ScenarioError, loads
from scenarios.schema.engine import beyond_compiled
from sim import compiled
from sim.build_site import Situation, build_site
from sim.draws import Draws
from sim.engine import SMALL, choose, counter
from sim.figures.growth import Growth
from sim.figures.metrics import Accumulator
from sim.upload_log import Rows, columns_of
from tests.sim.engines import agree, run_both, tables_of
from tests.sim.random_scenarios import scenario_texts

LIBRARY = sorted(Path(scenarios.__file__).parent.joinpath("library").glob("*.yaml"))
UPLOADS = 400  # about so many in the shortened run


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_engines_agree_on_the_library(path: Path) -> None:
    """Every point that differs in what is simulated, shortened, and with fewer devices where there are many."""
    experiment = scenarios.load(path)
    seen = set()
    for point in experiment.points:
        scenario = point.scenario
        groups = {name: g.model_copy(update={"count": min(g.count, 500)}) for name, g in scenario.devices.items()}
        rate = sum(_rate(g.traffic) * g.count for g in groups.values())
        duration = min(scenario.duration, max(30.0, UPLOADS / rate))
        short = scenario.model_copy(update={"devices": groups, "duration": duration, "warmup": 0.0})
        key = short.model_dump_json(include={"devices", "cells", "server"})
        if key in seen:
            continue
        seen.add(key)
        if (beyond := beyond_compiled(short)) is not None:
            assert beyond[1] in ("`router`", "phones that move")  # nothing else in the library is beyond it
            continue
        agree(*run_both(short, tables_of(short, encode_s=0.002), path.parent))


def test_engines_agree_on_service_times_that_spread(tmp_path: Path) -> None:
    """Batches of a calibration with quantiles: the same luck and the same interpolation."""
    content = json.loads((FOLDER / "server-host-cpu.json").read_text(encoding="utf-8"))
    content["models"]["nano"]["spread"] = [0.5, 0.75, 1.0, 1.25, 1.5]
    (tmp_path / "spread.json").write_text(json.dumps(content), encoding="utf-8")
    sets = [f"server.service={tmp_path / 'spread.json'}", "cells.uplink.sharing=equal", "duration=2 min"]
    scenario = scenarios.load("live", sets).points[0].scenario
    one, other = run_both(scenario, tables_of(scenario), tmp_path)
    agree(one, other)
    alone = one[one["batch"] == 1]
    assert len(alone) > 50
    # Uniform between half and one and a half times the fit: of 50 and more times the smallest and largest differ by
    # a factor of 3, but for what the lengths add; below 1.5 with probability under 1e-10.
    assert alone["service_s"].max() > 1.5 * alone["service_s"].min()


def _rate(traffic: object) -> float:
    for name in ("rate", "mean"):
        if hasattr(traffic, name):
            return float(getattr(traffic, name))
    if hasattr(traffic, "period"):
        return 1.0 / traffic.period
    return 1.0 if hasattr(traffic, "think") else 0.2


@settings(max_examples=60, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
@given(scenario_texts())
def test_engines_agree_on_random_scenarios(text: str) -> None:
    scenario = loads(text).points[0].scenario
    agree(*run_both(scenario, tables_of(scenario), Path.cwd()))


TIES = """
amser: 1
duration: 35 s
drain: 20 s
corpus: {kind: synthetic, utterances: 40}
recognizer: {kind: none}
emotion: {kind: none}
codecs: {one: {kind: fixed, size: 1 kB}}
cells:
  cell:
    capacity: {kind: diurnal, rate: 2.3 Mbit/s, hours: [50 %, 100 %, 50 %, 100 %, 50 %, 100 %, 50 %, 100 %, 50 %, 100 %,
      50 %, 100 %, 50 %, 100 %, 50 %, 100 %, 50 %, 100 %, 50 %, 100 %, 50 %, 100 %, 50 %, 100 %], start: 2.3 h}
    sharing: fifo
    transport: {kind: tcp, initial_window: 30}
    retry: {attempts: 3, backoff: 500 ms, timeout: 1.7 s}
devices:
  phones: {count: 11, profile: raspberry-pi-4, radio: sa, traffic: {kind: poisson, rate: 18.7 /min}, codec: one,
    policy: {kind: stream, block: 1.35 s}, cell: cell}
server: {accelerators: 2, service: {kind: constant, time: 100 ms}}
"""


def test_what_happens_at_once_by_construction_is_decided_alike() -> None:
    """Blocks of one size on a full fifo link: a block's end falls on its own time-out, but for rounding.

    A block leaves the queue when another is given up, at b + t; it then takes as long as one that began at b, and its
    own time-out is t after that one's end.  Where the engines' instants differ by a bit, one of them sends what the
    other gives up.  Twelve seeds hold several such ties.
    """
    for seed in range(12):
        scenario = loads(TIES, [f"seed={seed}"]).points[0].scenario
        reference, found = run_both(scenario, tables_of(scenario), Path.cwd())
        agree(reference, found)
        assert (reference["outcome"] == 1).mean() > 0.1  # lost: the link is full


def test_a_packet_trace_repeats_for_a_day(tmp_path: Path) -> None:
    """Opportunities of 9 ms, ten million times over: both know the bits of a period, not of the day."""
    (tmp_path / "short.up").write_text("2\n2\n5\n5\n5\n9\n")
    sets = [f"cells.cell.capacity={{kind: mahimahi, file: {tmp_path}/short.up, start: 3 ms}}", "duration=24 h"]
    scenario = loads(TEXT, [*sets, "devices.phones.traffic={kind: poisson, rate: 1 /h}"]).points[0].scenario
    assert beyond_compiled(scenario) is None
    reference, found = run_both(scenario, tables_of(scenario), tmp_path)
    assert reference["speech_end_s"].max() > 80_000.0
    agree(reference, found)


@pytest.mark.parametrize("warmup", ["0 s", "30 s"])
def test_rows_are_counted_as_columns_are(warmup: str) -> None:
    """The compiled sums of a log with batteries that die and uploads that are lost, against those of its columns."""
    battery = "battery: {capacity: 150 J, level_lowest: 20 %}, codec"
    text = TEXT.replace("codec: small", f"{battery}: small")
    text = text.replace("rtt:", "loss: {kind: payload, probability: 20 %}, rtt:")
    scenario = loads(text, [f"warmup={warmup}", "engine=compiled"]).points[0].scenario
    tables = tables_of(scenario)
    site = build_site(Situation(scenario, tables, Path.cwd()), Draws(1, 0))
    count = counter(scenario, site)
    assert count is not None and not isinstance(scenario.warmup, str)
    one, other = (Accumulator(tables, 1, scenario.warmup, scenario.duration) for _ in range(2))
    growths = [Growth(np.zeros(1, np.int64), 1, scenario.duration) for _ in range(2)]

    def sink(rows: Rows) -> None:
        columns = columns_of(rows, site.server.service)
        one.add(columns)
        growths[0].add(columns)
        counted = count(rows)
        other.add_counted(counted)
        growths[1].add_counted(counted)

    compiled.run(site, sink)
    reference, found = one.metrics({}), other.metrics({})
    assert reference["battery-dead_fraction"] > 0.1 and reference["lost_fraction"] > 0.05
    assert found == pytest.approx(reference, rel=1e-12, nan_ok=True)
    assert list(one.group_energies_j()) == list(other.group_energies_j()) == [0]
    assert one.group_energies_j()[0] == pytest.approx(other.group_energies_j()[0], rel=1e-12)
    assert growths[0].ratios() == growths[1].ratios()
    assert one.recognized().equals(other.recognized())


TEXT = """
amser: 1
duration: 100 s
corpus: {kind: synthetic, utterances: 20}
recognizer: {kind: none}
emotion: {kind: none}
codecs: {small: {kind: fixed, size: 14.4 kB}}
cells: {cell: {capacity: 10 Mbit/s, rtt: 40 ms}}
devices:
  phones:
    {count: 10, profile: pixel-8, radio: lte-2012, traffic: {kind: poisson, rate: 4 /min}, codec: small, cell: cell}
server: {service: {kind: constant, time: 100 ms}}
"""


def test_engines_agree_on_what_power_control_costs() -> None:
    """Phones near and far: what sending costs for a second differs by more than twice, and alike in both."""
    rates = "{kind: propagation, radius: 300 m, rate: nr-cqi}"
    sets = ["devices.phones.radio=nr-fr1", "cells.cell.sharing=blocks", f"cells.cell.device_rates={rates}"]
    scenario = loads(TEXT, sets).points[0].scenario
    reference, found = run_both(scenario, tables_of(scenario), Path.cwd())
    agree(reference, found)
    watts = reference["transmit_j"] / reference["radio_active_s"]
    assert watts.max() > 2.0 * watts.min()


def test_small_studies_do_not_wait_for_a_compiler() -> None:
    small = loads(TEXT).points[0].scenario
    assert choose(small).name == "simpy"
    devices = math.ceil(SMALL / (100 * 4 / 60)) + 1
    large = loads(TEXT, [f"devices.phones.count={devices}"]).points[0].scenario
    assert choose(large).name == "compiled"
    assert choose(loads(TEXT, ["engine=compiled"]).points[0].scenario).name == "compiled"


def test_what_the_compiled_engine_does_not_cover_is_named() -> None:
    sets = ["devices.phones.count=100000", "cells.cell.sharing=max-min"]
    chosen = choose(loads(TEXT, sets).points[0].scenario)
    assert chosen.name == "simpy" and "cells.cell.sharing: `max-min`" in chosen.reason
    with pytest.raises(ScenarioError, match=r"engine: the compiled engine does not cover cells\.cell\.sharing"):
        loads(TEXT, [*sets, "engine=compiled"])


def test_instants_that_are_equal_stay_equal() -> None:
    """``until`` hits its instant to the last bit, from wherever it is asked."""
    from sim.model.clock import Clock

    rng = np.random.default_rng(1)
    # Early on, the wait has fewer digits after the point than now: there no delay leads to one instant in ten.
    nows = [*rng.exponential(1e4, 2000), *rng.uniform(0.5, 2.0, 2000)]
    for now, wait in zip(nows, rng.exponential(10.0, 4000), strict=True):
        clock = Clock()
        if now > 0.0:
            clock.run(until=now)
        instant = float(now + wait)
        seen: list[float] = []
        callbacks = clock.until(instant).callbacks
        assert callbacks is not None
        callbacks.append(lambda _, clock=clock, seen=seen: seen.append(clock.now))
        clock.run()
        assert seen == [instant]
