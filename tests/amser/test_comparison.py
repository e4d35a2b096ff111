"""Comparing studies: inputs first, then figures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from amser.cli.main import run
from amser.comparison import compare, named
from amser.exits import UserError
from scenarios import loads
from sim.figures.statistics import Interval, independent_difference, mean_interval
from sim.study.experiment import run as run_study
from sim.study.results import Results
from tests.sim.small_study import TEXT

POINTS = [{"devices.phones.codec": codec} for codec in ("raw", "amser-25")]


def opened(**folders: Path) -> dict[str, Results]:
    return {name: Results.open(folder) for name, folder in folders.items()}


def test_a_study_equals_itself(results_folder: Callable[..., Path]) -> None:
    folder = results_folder(POINTS)
    found = compare(opened(a=folder, b=folder))
    assert found.identical and not found.inputs and found.differences


def test_changed_inputs_and_figures_are_named(tmp_path: Path, make_results: Callable[..., Path]) -> None:
    first, second = make_results(tmp_path / "a", POINTS), make_results(tmp_path / "b", POINTS[:1])
    (second / "resolved.yaml").write_text("amser: 1\nname: quickstart\nseed: 2\n", encoding="utf-8")
    summary = (second / "summary.csv").read_text(encoding="utf-8").splitlines()
    summary = [line.replace("0.021,0.011,0.036", "0.5,0.45,0.55") if ",wer," in line else line for line in summary]
    (second / "summary.csv").write_text("\n".join(summary) + "\n", encoding="utf-8")
    found = compare(opened(first=first, second=second))
    assert found.inputs["scenario.seed"] == ("(absent)", 2)
    wer = next(d for d in found.differences if d.metric == "wer")
    assert wer.value.mean == 0.5 and wer.gap.mean == pytest.approx(0.5 - 0.021)
    # Nobody knows which utterances these are of, so nothing bounds the difference.
    assert math.isnan(wer.gap.low) and not wer.told
    assert found.alone == (("first", "amser-25"),) and not found.identical


def test_three_studies_stand_in_one_table(tmp_path: Path, make_results: Callable[..., Path]) -> None:
    """A study that sweeps no codec is found at the one that its scenario names."""
    sweeps = make_results(tmp_path / "a", POINTS)
    fixed = [make_results(tmp_path / name, [{"devices.phones.count": 40}]) for name in "bc"]
    for folder in fixed:
        (folder / "resolved.yaml").write_text("amser: 1\ndevices: {phones: {codec: amser-25}}\n", encoding="utf-8")
    (sweeps / "resolved.yaml").write_text("amser: 1\ndevices: {phones: {count: 40}}\n", encoding="utf-8")
    found = compare(opened(a=sweeps, b=fixed[0], c=fixed[1]))
    assert found.summary.parameters == ("study", "devices.phones.codec", "devices.phones.count")
    assert [p[0] for p in found.summary.points] == ["a", "a", "b", "c"]
    assert {(d.point[0], d.base) for d in found.differences} == {(n, ("a", "amser-25", "40")) for n in "bc"}
    assert found.alone == (("a", "raw", "40"),)


def test_a_label_and_the_value_that_it_names_are_one_thing(tmp_path: Path, make_results: Callable[..., Path]) -> None:
    """One study labels a value, another does not; where a word means different values, the values are told."""
    near = {"cells.wifi.rtt": [{"label": "near", "value": 20}]}
    folders = {}
    for name, value, grid in (("a", "near", near), ("b", "20", {"cells.wifi.rtt": [20]}), ("c", "20", near)):
        folders[name] = make_results(tmp_path / name, [{"cells.wifi.rtt": value}])
        sweep = json.dumps({"amser": 1, "sweep": {"grid": grid}})
        (folders[name] / "resolved.yaml").write_text(sweep, encoding="utf-8")
    found = compare(opened(a=folders["a"], b=folders["b"]))
    assert found.summary.points == (("a", "near"), ("b", "near")) and not found.alone and found.differences
    other = json.dumps({"amser": 1, "sweep": {"grid": {"cells.wifi.rtt": [{"label": "near", "value": 40}]}}})
    (folders["b"] / "resolved.yaml").write_text(other, encoding="utf-8")
    found = compare(opened(a=folders["a"], c=folders["c"], b=folders["b"]))
    assert found.summary.points == (("a", "20"), ("c", "20"), ("b", "20"))


@pytest.mark.parametrize(
    "baseline, bases",
    [
        ((), {"raw 20", "raw 80"}),
        (["codec=raw"], {"raw 20", "raw 80"}),
        (["devices.phones.count=80"], {"raw 80", "amser-25 80"}),
        (["count=80", "codec=amser-25"], {"amser-25 80"}),
    ],
)
def test_any_swept_key_can_be_the_baseline(
    results_folder: Callable[..., Path], baseline: list[str], bases: set[str]
) -> None:
    points = [p | {"devices.phones.count": n} for p in POINTS for n in (20, 80)]
    found = compare(opened(one=results_folder(points)), baseline)
    assert {" ".join(map(str, d.base)) for d in found.differences} == bases
    assert len({d.point for d in found.differences}) == 4 - len(bases) and not found.alone
    chosen = found.differences[0]
    assert chosen.gap.mean == pytest.approx(chosen.value.mean - chosen.against.mean)
    assert not chosen.paired, "these folders keep no replications"


def test_costs_are_paired_where_seeds_are(tmp_path: Path) -> None:
    """Half the rate: with the same seed an interval of the pairs, with another one that of independent runs."""
    runs = {
        name: run_study(loads(TEXT, sets), results_root=tmp_path / name, cache_dir=tmp_path / "cache")
        for name, sets in {
            "fast": [],
            "slow": ["cells.cell.capacity=5 Mbit/s"],
            "seeded": ["cells.cell.capacity=5 Mbit/s", "seed=99"],
        }.items()
    }
    found = compare(runs)
    gaps = {d.point: d for d in found.differences if d.metric == "latency_mean_s"}
    paired, apart = gaps["slow", "big"], gaps["seeded", "big"]
    assert paired.paired and paired.told and not apart.paired
    each = [r.replications().set_index("devices.phones.codec")["latency_mean_s"]["big"] for r in runs.values()]
    by_pairs = mean_interval(each[1].to_numpy() - each[0].to_numpy())
    assert paired.gap[:4] == pytest.approx(by_pairs, rel=1e-9)
    two = independent_difference(*(Interval(*e[:4]) for e in (apart.value, apart.against)))
    assert apart.gap[:4] == pytest.approx(two, rel=1e-9)
    # A single study against its own baseline says what its differences.csv says.
    own, kept = compare({"fast": runs["fast"]}).frame(), runs["fast"].differences
    both = own.merge(kept, on=["devices.phones.codec", "metric"], suffixes=("", "_kept"))
    assert len(both) == kept["difference"].notna().sum()
    pd.testing.assert_series_equal(both["difference"], both["difference_kept"], check_names=False)
    pd.testing.assert_series_equal(both["high"], both["high_kept"], check_names=False)


def test_studies_are_named(tmp_path: Path, make_results: Callable[..., Path]) -> None:
    one, two = make_results(tmp_path / "a", POINTS), make_results(tmp_path / "b", POINTS)
    assert list(named([f"before={one}", f"after={two}"])) == ["before", "after"]
    assert named([str(one)]) == {"quickstart": one}
    with pytest.raises(UserError, match="two studies are called"):
        named([str(one), str(two)])  # one scenario, begun in one second


def recognized(folder: Path, wrong: set[int]) -> None:
    """Ten uploads of each of 80 utterances of four words, one of them wrong in those that are named."""
    for place in (folder / "points").glob("p00-s*"):
        pd.DataFrame(
            {
                "utterance": [f"u{i:02d}" for i in range(80)],
                "speaker": None,
                "codec": "raw",
                "uploads": 10,
                "word_errors": [float(i in wrong) for i in range(80)],
                "reference_words": 4.0,
                "emotion": None,
                "emotion_predicted": None,
            }
        ).to_parquet(place / "recognized.parquet")


def test_words_are_compared_utterance_by_utterance(tmp_path: Path, make_results: Callable[..., Path]) -> None:
    """20 against 30 of 80 utterances with an error: apart where 10 more are wrong, not where it is other ones.

    Paired: 10 differences of one in 320 words, deviation sqrt(10) / 320 (less 1/16): 3.1 points, 1.3 to 5.0.
    Unlike: 50 differences, 30 and -20: deviation sqrt(50) / 320, so that -1.2 to 7.5 holds 0.
    """
    first, more, other = (make_results(tmp_path / name, POINTS[:1]) for name in "abc")
    recognized(first, set(range(20)))
    recognized(more, set(range(30)))
    recognized(other, set(range(30, 60)))
    for second, apart, half in ((more, True, 0.0181), (other, False, 0.043)):
        found = next(d for d in compare(opened(a=first, b=second)).differences if d.metric == "wer")
        assert found.paired and found.gap.basis == "80 utterances"
        assert found.gap.mean == pytest.approx(10 / 320)
        assert (found.gap.high - found.gap.low) / 2 == pytest.approx(half, rel=0.15)
        assert (found.gap.low > 0) == apart


def test_compare_prints_what_differs(
    tmp_path: Path, make_results: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    sides = [f"{name}={make_results(tmp_path / name, POINTS)}" for name in "abc"]
    assert run(["compare", *sides]) == 0
    out = capsys.readouterr().out
    assert "the inputs are the same" in out and "figures are equal to the last digit" in out
    assert run(["compare", *sides, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["identical"]
    assert run(["compare", sides[0].removeprefix("a="), "--baseline", "codec=amser-25", "--all"]) == 0
    out = capsys.readouterr().out
    assert "minus that with devices.phones.codec amser-25" in out and "comparisons at 95 %" in out
    assert run(["compare", sides[0], "--baseline", "codec=mp3-8"]) == 2
    assert "devices.phones.codec takes raw, amser-25" in capsys.readouterr().err


def test_rerun_of_a_small_study_is_identical(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(small_scenario, encoding="utf-8")
    assert run(["run", "small.yaml", "-j", "1", "-q", "--no-report"]) == 0
    capsys.readouterr()
    assert run(["rerun", "results/small", "-j", "1"]) == 0
    assert "the inputs are the same" in capsys.readouterr().out
    # A figure that was tampered with is found.
    summary = next(Path("results/small").glob("*/summary.csv"))
    summary.write_text(summary.read_text(encoding="utf-8").replace("60000.0", "61000.0"), encoding="utf-8")
    assert run(["rerun", "results/small", "-j", "1", "--json"]) == 1
    assert not json.loads(capsys.readouterr().out)["identical"]
