"""The summary by point and metric, and its tables."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amser.console import Table, print_json
from amser.summary import Summary, short_names, short_values
from sim.study.results import Results


def frame(rows: list[tuple[object, ...]], columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*columns, "metric", "unit", "mean", "low", "high", "n", "over"])


def test_points_keep_the_order_of_the_file_and_missing_values_are_none() -> None:
    rows = [
        ("raw", "wer", "1", 0.02, 0.01, 0.03, 50, "utterances"),
        ("amser-25", "wer", "1", float("nan"), None, None, 50, "utterances"),
    ]
    summary = Summary(frame(rows, ["codec"]), ["codec"])
    assert summary.points == (("raw",), ("amser-25",))
    assert summary.get(("raw",), "wer") == (0.02, 0.01, 0.03, 50, "utterances")
    assert summary.get(("amser-25",), "wer") is None
    assert summary.get(("raw",), "no such metric") is None


def test_a_study_without_a_sweep_is_one_point() -> None:
    summary = Summary(frame([("latency_mean_s", "s", 0.5, 0.4, 0.6, 3, "replications")], []), [])
    assert summary.points == ((),)
    assert summary.overview().rows == [["the scenario", "500 ± 100"]]


def test_counts_are_no_percentages() -> None:
    rows = [
        ("uploads", "1", 400.0, None, None, 1, "replications"),
        ("wer", "1", 0.02, None, None, 1, "utterances"),
        ("loss_fraction", "1", 0.1, None, None, 1, "replications"),
    ]
    summary = Summary(frame(rows, []), [])
    assert [summary.scale(m).unit for m in ("uploads", "wer", "loss_fraction")] == ["", "%", "%"]


def test_overview_of_a_results_folder(codec_study: Path) -> None:
    found = Results.open(codec_study)
    table = Summary(found.summary, found.parameters).overview()
    assert table.columns[:3] == ["codec", "payload [kB]", "rate [kbit/s]"]
    assert [row[0] for row in table.rows][:2] == ["raw", "flac"]
    assert table.rows[0][1] == "96.0"
    assert "±" in table.rows[0][3]


def test_words_and_emotions_stand_with_the_ends_of_their_interval_and_their_utterances() -> None:
    """A bootstrap interval is not symmetric, so ± would say something false; 90 of 120 utterances have an emotion."""
    rows = [
        ("wer", "1", 0.0213, 0.0098, 0.0391, 120, "utterances"),
        ("ser_accuracy", "1", 0.75, 0.61, 0.87, 90, "speakers"),
        ("delivered_fraction", "1", 1.0, 1.0, 1.0, 5, "replications"),
    ]
    table = Summary(frame(rows, []), []).overview()
    assert table.columns == ["point", "WER [%]", "emotion [%]", "delivered [%]", "utterances"]
    assert table.rows == [["the scenario", "2.1 (1.0 to 3.9)", "75 (61 to 87)", "100", "120, 90"]]


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (["devices.phones.codec"], ["codec"]),
        (["a.count", "b.count"], ["a.count", "b.count"]),
        (["x", "x.y"], ["x", "y"]),
        ([], []),
    ],
)
def test_short_names_tell_parameters_apart(keys: list[str], names: list[str]) -> None:
    assert short_names(keys) == names


KINDS = st.sampled_from(["fixed", "link", "csv"])
FILES = st.sampled_from(["a.csv", "b.csv", "x/a.csv", "x/b.csv"])
ENTRIES = st.fixed_dictionaries(
    {}, optional={"kind": KINDS, "file": FILES, "codecs": st.lists(KINDS), "transfer": KINDS}
)


@given(st.lists(st.one_of(ENTRIES.map(json.dumps), KINDS, st.integers(0, 3), st.none()), unique_by=str))
def test_no_two_swept_values_have_one_name(values: list[object]) -> None:
    """Policies, traces of equal file names in two folders, names beside mappings of that kind."""
    names = short_values(values)
    assert set(names) == {str(value) for value in values}
    assert len(set(names.values())) == len(names)


def test_plain_table_aligns_numbers_to_the_right() -> None:
    table = Table(["codec", "n"], [["raw", "5"], ["flac", "12"]], right=frozenset({1}))
    assert table.plain() == "codec   n\n-----  --\nraw     5\nflac   12\n"


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": float("nan"), "b": pd.Series([1.5]).iloc[0], "c": Path("x"), "d": float("inf")})
    assert json.load(io.StringIO(capsys.readouterr().out)) == {"a": None, "b": 1.5, "c": "x", "d": None}
