"""Scenario files: YAML 1.2, inheritance, overrides, sweeps; and errors that name file, line, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
from scenarios import ScenarioError, load, loads

GOOD = """\
amser: 1
duration: 10 min
corpus: {kind: synthetic}
recognizer: {kind: none}
emotion: {kind: none}
codecs:
  big: {kind: fixed, size: 144 kB}
  small-12.5: {kind: fixed, size: 14.4 kB}
cells:
  uplink: {capacity: 10 Mbit/s, rtt: 40 ms}
devices:
  phones:
    count: 40
    profile: pixel-8
    radio: lte
    traffic: {kind: poisson, rate: 2 /min}
    codec: big
    cell: uplink
server: {service: {kind: constant, time: 100 ms}}
"""


def faults(text: str, *sets: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loads(text, sets, file="s.yaml")
    return str(caught.value).splitlines()


def test_a_good_file_is_one_point_in_si_units() -> None:
    experiment = loads(GOOD)
    (point,) = experiment.points
    assert point.parameters == {}
    assert point.scenario.duration == 600.0
    assert point.scenario.cells["uplink"].rtt == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "duration: 10 min",
            "duraton: 10 min",
            [
                "s.yaml:2:1: duraton: unknown key; did you mean 'duration'?",
                "s.yaml:1:1: duration: this key is required",
            ],
        ),
        ("duration: 10 min", "duration: 10", ["s.yaml:2:1: duration: a duration needs a unit"]),
        ("duration: 10 min", "duration: 1e30 d", ["s.yaml:2:1: duration: a duration must be at most 3.15576e+09 s"]),
        (
            "10 Mbit/s",
            "10 MB",
            ["s.yaml:10:12: cells.uplink.capacity: 'MB' is not a unit of a bit rate"],
        ),
        (
            "codec: big",
            "codec: bog",
            ["s.yaml:17:5: devices.phones.codec: there is no codec named 'bog'; did you mean 'big'?"],
        ),
        (
            "cell: uplink",
            "cell: uplnk",
            ["s.yaml:18:5: devices.phones.cell: there is no cell named 'uplnk'; did you mean 'uplink'?"],
        ),
        (
            "kind: poisson",
            "kind: poison",
            ["s.yaml:16:15: devices.phones.traffic.kind: 'poison' is no known kind; did you mean 'poisson'?"],
        ),
        ("count: 40", "count: many", ["s.yaml:13:5: devices.phones.count: expected a whole number, found 'many'"]),
        ("amser: 1", "amser: 2", ["s.yaml:1:1: amser: this testbed reads version 1 of the language, found 2"]),
        (
            "    count: 40\n",
            "    count: 40\n    count: 41\n",
            ["s.yaml:14:5: count: this key is written twice; keep one of them"],
        ),
        ("duration: 10 min", "duration: [10 min", ["s.yaml:3:"]),
        (
            "duration: 10 min",
            "duration: 10 min\nwarmup: 11 min",
            ["s.yaml:3:1: warmup: the warm-up (660 s) leaves nothing of the duration (600 s)"],
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_remedy(old: str, new: str, expected: list[str]) -> None:
    assert old in GOOD
    said = faults(GOOD.replace(old, new, 1))
    for text in expected:
        assert any(line.startswith(text) for line in said), said


def test_all_mistakes_are_reported_at_once() -> None:
    broken = (
        GOOD.replace("duration: 10 min", "duration: 10")
        .replace("count: 40", "cuont: 40")
        .replace("kind: constant", "kind: konstant")
    )
    said = faults(broken)
    assert len(said) == 4  # duration, count missing, cuont unknown, kind
    assert [int(line.split(":")[1]) for line in said] == sorted(int(line.split(":")[1]) for line in said)


def test_names_are_followed_in_a_file_with_other_faults() -> None:
    """Also in the group that has one: a second look must not be needed."""
    broken = GOOD.replace("count: 40", "count: none").replace("codec: big", "codec: bog")
    said = faults(broken.replace("cell: uplink", "cell: uplnk"))
    assert [line.split(": ")[1] for line in said] == [f"devices.phones.{key}" for key in ("count", "codec", "cell")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"amser: 1\ntitle: B\xe4r\n", "2:9: byte 0xe4 is not UTF-8; save the file as UTF-8"),
        (b"amser: 1\ncells:\n\tuplink: {}\n", "3:1: not valid YAML: found character '\\t'"),
        (b"", "1:1: a scenario is a mapping of keys to values, found an empty file"),
        (b"- amser\n", "1:1: a scenario is a mapping of keys to values, found a list"),
        (b"a: " + b"[" * 5000 + b"]" * 5000, "1:1: nested too deeply"),
        # Aliases of aliases: 10^8 values from nine lines.
        (
            b"a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            + b"".join(b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 10)) for i in range(7)),
            "1:1: more than 100000 values",
        ),
    ],
)
def test_what_is_no_scenario_at_all_is_one_fault(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        load(path)
    (fault,) = caught.value.faults
    assert str(fault).startswith(f"{path}:{says}")


def test_a_misspelt_key_of_a_sweep_is_one_fault_at_the_key() -> None:
    (line,) = faults(GOOD + "sweep:\n  grid:\n    devices.phones.codecc: [big, small-12.5]\n")
    assert line == "s.yaml:22:5: devices.phones.codecc: unknown key; did you mean 'codec'?"


def test_yaml_is_version_1_2() -> None:
    """`no` is text, 1e3 a number, 017 is 17: what YAML 1.1 readers get wrong."""
    point = loads(GOOD.replace("amser: 1", "amser: 1\ntitle: no\nseed: 017")).points[0]
    assert point.scenario.title == "no"
    assert point.scenario.seed == 17


def test_set_goes_through_the_schema_and_finds_names_with_dots() -> None:
    point = loads(
        GOOD, ["devices.phones.codec=small-12.5", "codecs.small-12.5.size=20 kB", "devices.phones.count=80"]
    ).points[0]
    assert point.scenario.devices["phones"].codec == "small-12.5"
    assert point.scenario.codec_specs()["small-12.5"].size == 20_000  # type: ignore[union-attr]
    assert point.scenario.devices["phones"].count == 80


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("devices.phone.count=3", "names no part of this scenario; did you mean 'phones'?"),
        ("duration=5", "needs a unit"),
        ("device.phones.count=3", "device: unknown key; did you mean 'devices'?"),
        ("duration", "write it as key=value"),
        ("duration.x=1", "nothing can be set below a single value"),
        ("devices.phones.cuont=1", "did you mean 'count'?"),
        ("devices.phones.traffic={kind: [}", "not valid YAML"),
    ],
)
def test_a_wrong_set_names_itself(assignment: str, says: str) -> None:
    (line,) = faults(GOOD, assignment)[:1]
    assert says in line
    assert line.startswith("--set")


def test_grid_and_zip_make_points_and_labels() -> None:
    sweep = """
sweep:
  grid: {devices.phones.codec: [big, small-12.5], devices.phones.count: [10, 20, 30]}
  zip: {cells.uplink.rtt: [10 ms, 20 ms], server.accelerators: [1, 2]}
  replications: 3
"""
    experiment = loads(GOOD + sweep)
    assert len(experiment.points) == 2 * 3 * 2
    assert experiment.replications == 3
    assert len({p.key for p in experiment.points}) == 12
    for point in experiment.points:
        assert point.scenario.devices["phones"].count == point.parameters["devices.phones.count"]
        assert (point.parameters["cells.uplink.rtt"] == "10 ms") == (point.scenario.server.accelerators == 1)


@pytest.mark.parametrize(
    ("sweep", "says"),
    [
        ("{grid: {devices.phnes.codec: [big]}}", "names no part of this scenario; did you mean 'phones'?"),
        ("{grid: {devices.phones.codec: [bog]}}", "there is no codec named 'bog'"),
        ("{grid: {devices.phones.codec: []}}", "must have at least 1"),
        ("{zip: {duration: [1 s, 2 s], seed: [1]}}", "lists that go together need one length"),
        ("{grid: {seed: [1]}, zip: {seed: [2]}}", "this key is in `grid` too"),
        ("{grid: {name: [a, b]}}", "cannot be swept"),
    ],
)
def test_a_wrong_sweep_is_refused(sweep: str, says: str) -> None:
    assert any(says in line for line in faults(GOOD + f"sweep: {sweep}\n"))


def test_key_ignores_prose_and_sees_figures() -> None:
    key = loads(GOOD).points[0].key
    assert loads(GOOD + "title: another\n").points[0].key == key
    assert loads(GOOD, ["devices.phones.count=41"]).points[0].key != key


def test_extends_merges_mappings_and_replaces_lists_and_kinds(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(GOOD + "title: parent\nsweep: {grid: {seed: [1, 2, 3]}}\n")
    (tmp_path / "child.yaml").write_text(
        "extends: parent.yaml\ndevices: {phones: {count: 5, traffic: {kind: periodic, period: 10 s}}}\n"
        "sweep: {grid: {seed: [7]}}\n"
    )
    experiment = load(tmp_path / "child.yaml")
    (point,) = experiment.points
    group = point.scenario.devices["phones"]
    assert (group.count, group.codec, group.traffic.kind) == (5, "big", "periodic")
    assert point.scenario.seed == 7
    assert experiment.name == "child" and experiment.title == ""
    # A fault in an inherited key points at the parent's file.
    with pytest.raises(ScenarioError, match=r"parent\.yaml:17:5: devices\.phones\.codec"):
        load(tmp_path / "child.yaml", ["codecs={}"])


def test_extends_in_a_circle_and_of_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    (tmp_path / "c.yaml").write_text("extends: nowhere.yaml\n")
    with pytest.raises(ScenarioError, match="break the circle"):
        load(tmp_path / "a.yaml")
    with pytest.raises(ScenarioError, match=r"c\.yaml:1:1: extends: no such scenario file"):
        load(tmp_path / "c.yaml")


@pytest.mark.parametrize("name", ["nowhere.yaml", "quickstrat", "/"])
def test_a_missing_file_is_one_clear_line(name: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(name)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", sorted(scenarios.library()))
def test_every_ready_scenario_loads_and_says_what_it_is(name: str) -> None:
    experiment = load(name)
    assert experiment.points and experiment.title
    assert experiment.points[0].scenario.description


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=80))
def test_any_text_is_a_scenario_or_a_scenario_error(text: str) -> None:
    try:
        loads(text)
    except ScenarioError as error:
        assert str(error)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.sampled_from(list("{}[]:,- \n\t#&*!|>'\"%@`0aé")))
def test_one_wrong_character_never_escapes_as_another_error(position: int, character: str) -> None:
    """Any single substitution gives a scenario or a ScenarioError whose every line names the file."""
    try:
        loads(GOOD[:position] + character + GOOD[position + 1 :], file="s.yaml")
    except ScenarioError as error:
        assert all("s.yaml" in line for line in str(error).splitlines())
