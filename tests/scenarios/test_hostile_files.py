"""Scenario files and overrides that nobody writes, or only by mistake: read as meant, or one message with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from amser.cli.main import run
from scenarios import ScenarioError, load, loads
from scenarios.yaml_nodes import MOST_BYTES, parse
from tests.scenarios.test_loader import GOOD, faults

PHONES = "{profile: pixel-8, radio: lte, traffic: {kind: poisson, rate: 2 /min}, codec: big, cell: uplink"


def devices(text: str) -> str:
    """The good scenario with other devices."""
    start = GOOD.index("devices:")
    return GOOD[:start] + f"devices: {text}\n" + GOOD[GOOD.index("server:") :]


# ---------------------------------------------------------------- what YAML offers


def test_merge_keys_are_merged_and_keep_their_places() -> None:
    two = devices(f"{{a: &base {PHONES}, count: 2}}, b: {{<<: *base, count: 3}}, c: {{<<: [*base, {{count: 9}}]}}}}")
    scenario = loads(two).points[0].scenario
    assert [group.count for group in scenario.devices.values()] == [2, 3, 2]  # what is first wins
    wrong = two.replace("pixel-8", "pixel-nine")
    (told, *_) = faults(wrong)
    assert told.startswith("s.yaml:11:21: devices.a.profile")  # where it is written, not where it is merged


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("duration: 10 min", "title: 2024-13-45\nduration: 10 min", "s.yaml:2:8: title: 2024-13-45 is a date to YAML"),
        ("duration: 10 min", "duration: !!omap [a: 1]", "s.yaml:2:11: duration: the tag !!omap means nothing"),
        ("duration: 10 min", "duration: !!set {a, b}", "the tag !!set means nothing"),
        ("duration: 10 min", "duration: !!binary aGVsbG8=", "the tag !!binary means nothing"),
        ("duration: 10 min", "duration: !mine 10 min", "the tag !mine means nothing"),
        ("duration: 10 min", "duration: !!python/object:os.system {}", "means nothing in a scenario"),
        ("duration: 10 min", "seed: !!int abc\nduration: 10 min", "s.yaml:2:7: seed: expected a whole number"),
        ("duration: 10 min", "seed: !!float x\nduration: 10 min", "expected a number, found 'x'"),
        ("duration: 10 min", "seed: !!bool x\nduration: 10 min", "expected true or false, found 'x'"),
        ("duration: 10 min", "seed: 0x" + "f" * 5000 + "\nduration: 10 min", "at most 30 digits, found 5002"),
        ("duration: 10 min", "seed: " + "9" * 5000 + "\nduration: 10 min", "at most 30 digits, found 5000"),
        ("duration: 10 min", "seed: 0o7_7\nduration: 10", "duration: a duration needs a unit"),
        ("duration: 10 min", "? [a, b]\n: 1\nduration: 10 min", "a key is text, not a list"),
        ("duration: 10 min", "<<: 3\nduration: 10 min", "`<<` merges a mapping"),
        ("duration: 10 min", "<<: [3]\nduration: 10 min", "`<<` merges a mapping"),
        ("duration: 10 min", "duration: &a [*a]", "an alias stands for something that contains it"),
        ("duration: 10 min", "x: &a {<<: *a}\nduration: 10 min", "an alias stands for something that contains it"),
        ("duration: 10 min", "duration: 10 min\n---\na: 1", "expected a single document"),
        ("amser: 1", "amser: true", "this testbed reads version 1 of the language, found True"),
    ],
)
def test_what_no_scenario_needs_is_refused_in_one_line(old: str, new: str, says: str) -> None:
    told = faults(GOOD.replace(old, new))
    assert any(says in line for line in told) and all(len(line) < 400 for line in told)


def test_numbers_are_read_as_yaml_1_2_has_them() -> None:
    data: Any = parse("[0o17, 0x1F, 1_000, -7, 010, 1.5e3, .inf, ~, true, yes, 'on', !!str 5, 12:30]", "t")[0]
    assert data == [15, 31, 1000, -7, 10, 1500.0, float("inf"), None, True, "yes", "on", "5", "12:30"]


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("title=2024-13-45", "title: '2024-13-45': 2024-13-45 is a date to YAML"),
        ("title=!!int abc", "expected a whole number, found 'abc'"),
        ("title=" + "[" * 2000, "nested too deeply"),
        ("title=" + "{a: " * 2000, "nested too deeply"),
        ("title=&a [*a]", "an alias stands for something that contains it"),
        ("seed=" + "9" * 5000, "at most 30 digits"),
        ("a." * 300 + "b=1", "a key has at most 500 characters"),
        ("x" * 5000, "write it as key=value"),
        ("title=" + "x" * (MOST_BYTES + 1), "is larger than 256 KiB"),
        ("title=\x00", "not valid YAML"),
    ],
)
def test_overrides_pass_the_checks_of_files(assignment: str, says: str) -> None:
    (told,) = faults(GOOD, assignment)
    assert says in told and told.startswith("--set: ") and len(told) < 300


# ---------------------------------------------------------------- how much


def test_a_file_is_measured_before_it_is_read(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    for text in ("[" + "1, " * 400_000 + "]", "#" * 50_000_000):
        large.write_text(text)
        with pytest.raises(ScenarioError, match=r"large\.yaml: is larger than 256 KiB"):
            load(large)


def test_aliases_of_aliases_are_counted() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert faults("\n".join(lines)) == ["s.yaml:1:1: more than 100000 values, counting what aliases repeat"]


def sweep(text: str) -> str:
    return f"{GOOD}sweep: {text}\n"


def test_points_are_counted_before_they_are_made() -> None:
    keys = ", ".join(f"devices.phones.a{i}: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]" for i in range(9))
    says = "s.yaml:20:1: sweep: 1000000000 points; at most 10000 are run in one study"
    assert faults(sweep(f"{{grid: {{{keys}}}}}")) == [says]
    lhs = "{lhs: {points: 100000, ranges: {devices.phones.count: {low: 1, high: 9}}}}"
    assert "at most 10000" in faults(sweep(lhs))[0]
    counts = ", ".join(map(str, range(1, 201)))
    (told,) = faults(sweep(f"{{grid: {{devices.phones.count: [{counts}]}}, replications: 9999}}"))
    assert told.endswith("200 points in 9999 replications; at most 1000000 runs make a study")


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("{grid: {devices.phones.codec: [big, big]}}", "codec = big is the same point as devices.phones.codec"),
        ("{grid: {cells.uplink.rtt: [1 s, 1000 ms]}}", "rtt = 1000 ms is the same point as cells.uplink.rtt = 1 s"),
        ("{zip: {devices.phones.count: [1, 2, 1], seed: [5, 6, 5]}}", "as devices.phones.count = 1, seed = 5"),
        ("{grid: {title: [a, b]}}", "title = b is the same point as title = a"),
    ],
)
def test_a_point_is_there_once(section: str, says: str) -> None:
    """Equal values after parsing are one point: its uploads would count twice."""
    (told,) = faults(sweep(section))
    assert says in told and told.startswith("s.yaml:20:")


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("count: 40", "count: true", "devices.phones.count: expected a whole number, found true"),
        ("count: 40", "count: '40'", "devices.phones.count: expected a whole number, found '40'"),
        ("count: 40", "count: 40.0", "devices.phones.count: expected a whole number, found 40.0"),
        ("count: 40", "count: 40\n    weight: true", "devices.phones.weight: expected a number, found true"),
        ("count: 40", "count: 40\n    weight: '2'", "devices.phones.weight: expected a number, found '2'"),
        ("count: 40", "count: 40\n    weight: .inf", "devices.phones.weight: expected a finite number"),
        ("count: 40", "count: 40\n    weight: .nan", "devices.phones.weight: expected a finite number"),
        ("duration: 10 min", "duration: 10 min\nseed: false", "seed: expected a whole number, found false"),
        ("duration: 10 min", "duration: 10 min\ntitle: 5", "title: expected text"),
        ("rate: 2 /min", "rate: 1e300 /s", "a rate of events must be at most 1e+06 1/s, found '1e300 /s'"),
        ("rate: 2 /min", "rate: 1e-300 /s", "a rate of events above 0 must be at least 1e-15 1/s"),
        ("10 Mbit/s", "1e300 bit/s", "a bit rate must be at most 1e+15 bit/s"),
        ("rtt: 40 ms", "rtt: 1e-300 s", "a duration above 0 must be at least 1e-12 s"),
        (
            "rtt: 40 ms",
            "outages: {mean_up: 1 us, mean_down: 1 s}",
            "a mean stay must be at least 0.001 s",
        ),  # all memory
        ("size: 144 kB", "size: 1e300 B", "a size must be at most 1e+12 byte"),
    ],
)
def test_a_slip_is_no_number(old: str, new: str, says: str) -> None:
    assert any(says in line for line in faults(GOOD.replace(old, new)))


def test_more_uploads_than_a_life_has_are_found_by_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "much.yaml"
    path.write_text(GOOD.replace("rate: 2 /min", "rate: 1e6 /s").replace("count: 40", "count: 1000000"))
    assert run(["check", str(path)]) == 2
    assert "much.yaml:16:5: devices.phones.traffic: about 6e+14 uploads of this group" in capsys.readouterr().err


# ---------------------------------------------------------------- inheritance and names


def test_an_inherited_sweep_that_wins_is_said_and_can_be_dropped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "parent.yaml").write_text(sweep("{grid: {cells.uplink.capacity: [1 Mbit/s, 2 Mbit/s]}}"))
    child = tmp_path / "child.yaml"
    child.write_text("extends: parent.yaml\ncells: {uplink: {capacity: 7 Mbit/s}}\n")
    (said,) = load(child).warnings
    assert "child.yaml:2:18: cells.uplink.capacity is written here, but the sweep of the scenario it extends" in said
    assert "parent.yaml:20:16" in said and "`sweep.grid: {cells.uplink.capacity: null}` drops that" in said
    assert run(["check", str(child)]) == 0 and "amser: warning: " in capsys.readouterr().err
    child.write_text(child.read_text() + "sweep: {grid: {cells.uplink.capacity: null}}\n")
    (point,) = load(child).points
    assert point.scenario.cells["uplink"].capacity.rate == 7e6  # type: ignore[union-attr]
    assert load(child).warnings == []


def test_null_drops_what_is_inherited_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(GOOD)
    (tmp_path / "child.yaml").write_text("extends: parent.yaml\ncodecs: {small-12.5: null}\n")
    assert list(load(tmp_path / "child.yaml").points[0].scenario.codecs) == ["big"]
    (tmp_path / "child.yaml").write_text("extends: parent.yaml\ncodecs: {other: null}\n")
    with pytest.raises(ScenarioError, match=r"codecs\.other: expected a mapping"):
        load(tmp_path / "child.yaml")


@pytest.mark.parametrize(
    ("file", "name"),
    [("my study.yaml", "my-study"), ("étude №1.yaml", "tude-1"), ("-x-.yaml", "x"), ("§.yaml", "scenario")],
)
def test_any_file_may_hold_a_scenario(file: str, name: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text("\ufeff" + GOOD, encoding="utf-8")  # some editors mark UTF-8
    assert load(tmp_path / file).name == name


def test_a_folded_text_is_one_line_of_its_words() -> None:
    """YAML 1.2, section 8.1.3: folding makes a space of each line break, and nothing else."""
    from scenarios import load

    text = str(load("quickstart").resolved["description"])
    assert "twelve seconds each" in text and text.strip().isprintable()


def test_a_mixture_holds_each_corpus_once_and_only_its_faults_are_told() -> None:
    """Twice the same utterances say no more, but would narrow their interval."""
    synthetic = "corpus: {kind: synthetic}"
    for corpora, told in (
        ("[librispeech, emodb, librispeech]", "corpus.parts: the corpus librispeech is named twice"),
        ("[{kind: manifest, path: a}, {kind: manifest, path: a, limit: 3}]", "the corpus manifest is named twice"),
        ("[librispeech, nothing]", "corpus.parts[1].kind: 'nothing' is no known kind"),
        ("[librispeech]", "corpus.parts: must have at least 2"),
    ):
        (one,) = faults(GOOD.replace(synthetic, f"corpus: {corpora}"))
        assert told in one
    loads(GOOD.replace(synthetic, "corpus: [{kind: manifest, path: a}, {kind: manifest, path: b}]"))
