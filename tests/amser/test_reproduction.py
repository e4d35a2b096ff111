"""`amser reproduce icassp2025`: published and ours never mix, and the real protocol runs on a mini IEMOCAP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from amser.cli import main
from amser.reproduction import row_tables
from amser.reproduction.emotions import committed, rows_of
from amser.reproduction.overhead import overhead
from amser.reproduction.page import emotions_figure, render
from amser.reproduction.published import load_published
from amser.reproduction.rows import RATES, Part, Row, frame
from amser.reproduction.word_rates import codecs_by_rate, word_rows
from amser.reproduction.work import Options, reproduce
from recognizers.corpora import Classes
from recognizers.training.emotion.evaluation import Evaluation
from recognizers.training.predictions import Labels, prediction_rows
from scenarios.errors import Exit
from tests.recognizers.iemocap_tree import write_iemocap

ROW = Row("wer", "nano", "speech", "weights", "", 0.125, "wer", "1", 0.08, 0.05, 0.11, 90)


def run_command(*arguments: str) -> int:
    """The exit code of the command line."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


class Heard:
    name = "toy"
    description = "a toy"


def measured(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_rates_are_the_posters_ranks() -> None:
    """12.5 to 100 % of 80 bands are ranks 10, 15, 20, 40 and 80."""
    ranks = [getattr(codec, "rank", None) for codec in codecs_by_rate(80).values()]
    assert ranks == [None, 80, 40, 20, 15, 10, 6, 4]


def test_word_errors_are_summed_before_they_are_divided() -> None:
    """One error in 1 word and none in 9 words make 1 / 10, not the mean of 1 and 0."""
    table = measured(
        codec=["raw", "raw"], utterance=["a", "b"], reference_words=[1, 9], substitutions=[1, 0], deletions=[0, 0],
        insertions=[0, 0], speaker=[None, None], no_speech_prob=[0.9, 0.1], avg_logprob=[-0.1, -0.2],
    )  # fmt: skip
    rows = [row for row in word_rows(table, "speech", Heard()).rows if row.rate is None]
    assert [(row.metric, row.value, row.n) for row in rows] == [("wer", 0.1, 2), ("flagged", 0.5, 2)]


def test_all_printed_values_are_there_digit_by_digit() -> None:
    """Forty shares with five places and the four values of the overhead; spot checks against the poster."""
    known = load_published()
    shares = [figure for figure in known.figures if figure.table == "emotion"]
    assert len(shares) == 40 and len(known.figures) == 44
    assert {len(figure.printed) for figure in shares} == {7}
    cells = {(f.metric, f.subject, f.rate): f.printed for f in shares}
    assert cells["accuracy", "amser", 0.1875] == "0.69540" and cells["accuracy", "yoon", 1.0] == "0.58260"
    assert cells["f1_weighted", "umons", 0.125] == "0.67713" and cells["f1_weighted", "xu", 0.5] == "0.63487"
    table = row_tables.printed_table(known.tables[0])
    assert table.rows[0] == ["12.50 %", "0.69833", "0.67840", "0.63343", "0.55523"]
    overhead = {(f.subject, f.metric): f.value for f in known.figures if f.table == "overhead"}
    # Both columns give the same power, 49.6 and 49.8 W: digits that were mistyped would hardly agree.
    watts = [3.6e6 * overhead[who, "energy"] / overhead[who, "time"] for who in ("raw", "AMSER")]
    assert watts == pytest.approx([49.6, 49.8], abs=0.05)


def test_the_baselines_accuracies_point_to_session_2() -> None:
    """Fourteen of fifteen are k / 1,023 cut or rounded to five places; of all sizes to 1,300 no other fits them."""
    shares = [f for f in load_published().figures if f.metric == "accuracy" and f.subject != "amser"]

    def fits(value: float, n: int) -> bool:
        near = [k / n * 1e5 for k in (int(value * n), int(value * n) + 1)]
        return any(int(v + 1e-9) == round(value * 1e5) or round(v) == round(value * 1e5) for v in near)

    counts = {n: sum(fits(figure.value, n) for figure in shares) for n in range(200, 1300)}
    assert counts[1023] == 14 and max(count for n, count in counts.items() if n != 1023) < 10
    (other,) = (figure for figure in shares if not fits(figure.value, 1023))
    assert (other.subject, other.rate) == ("xu", 0.25)


def test_a_published_figure_stands_beside_the_same_corpus_only() -> None:
    """Ours on IEMOCAP has its neighbour and a difference; the same network on another corpus has neither."""
    ours = Row("emotion", "umons", "iemocap", "own folds", "leave one session out", 0.125, "accuracy", "1", 0.7, n=1023)
    other = replace(ours, corpus="EMO-DB")
    known = load_published()
    found = frame([ours, other], known)
    assert found["published"][0] == 0.6784 and np.isnan(found["published"][1])
    assert found["difference"][0] == pytest.approx(0.0216) and np.isnan(found["difference"][1])
    table = row_tables.beside_table([ours, other, ROW], known)
    assert [row[2:6] for row in table.rows] == [["0.67840", "70.0 %", "–", "+2.2 points"]]
    acted = [replace(other, rate=rate, metric=metric) for rate in RATES for metric in ("accuracy", "f1_weighted")]
    page = render(Part([*acted, ROW], missing=["a corpus"]), known, [])
    assert "Missing" in page and "points" not in page.partition("<body>")[2]
    assert all(figure.printed in page for figure in known.figures)


def test_overhead_comes_out_of_the_scenario(tmp_path: Path) -> None:
    """The fitted times within 0.1 %, as in tests/sim/test_library_figures.py; finished points are reused."""
    found = {(row.subject, row.metric): row.value for row in overhead(tmp_path).rows}
    assert found["raw", "time"] == pytest.approx(406.58, rel=1e-3)
    assert found["AMSER", "time"] == pytest.approx(180.75, rel=1e-3)
    assert round(found["AMSER", "energy"], 4) == 0.0025
    table = row_tables.overhead_table(overhead(tmp_path).rows, load_published())
    assert [row[-1] for row in table.rows] == ["fitted", "fitted", "fitted", "predicted"]


def test_committed_figures_are_rows_of_networks() -> None:
    part = committed()
    assert not part.missing and {row.table for row in part.rows} == {"emotion"}
    for row in part.rows:
        assert row.low <= row.value <= row.high and row.measured != "in this run"


def test_trainings_of_one_network_stay_apart() -> None:
    """A network trained in two ways has two lines in a table, and a curve in each of two panels, one value a rate."""
    rows = [row for row in committed().rows if row.corpus == "EMO-DB"]
    assert len({row.weights for row in rows}) == 2
    names = [cells[0] for cells in row_tables.networks_table(rows, "EMO-DB", "accuracy").rows]
    assert len(set(names)) == len(names) == 8
    curves = emotions_figure(rows).data
    assert len(curves) == 8 and all(len(curve.x) == len(RATES) for curve in curves)


def test_rows_of_several_seeds_are_means_of_the_same_utterances() -> None:
    """One training all right, one with two of five wrong: 80 %, of five utterances, not of ten."""
    true, names = np.array([0, 1, 2, 3, 0]), ("angry", "happy", "neutral", "sad")
    known = Labels(tuple("vwxyz"), tuple("abcde"), true, names, "acted")
    guesses = [true, np.array([0, 1, 2, 0, 3])]
    parts = [
        prediction_rows(known, {"raw": one}, network="xu", training="clean", seed=s) for s, one in enumerate(guesses)
    ]
    found = Evaluation(pd.concat(parts), "acted", names, "leave", "clean", "nano")
    (row,) = (row for row in rows_of(found, "own") if row.metric == "accuracy")
    assert (row.subject, row.corpus, row.rate, row.n) == ("xu", "acted", 1.0, 5)
    assert row.value == pytest.approx(0.8) and row.low < 0.8 < row.high
    assert row.protocol.endswith("means of 2 seeds; intervals over utterances")


TURNS = tuple((f"{'FM'[n % 2 ^ n // 4]}{n:03d}", label) for n, label in enumerate(("neu", "ang", "exc", "sad") * 2))
"""Two turns of each of the four classes, one by either speaker."""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mini IEMOCAP of five sessions and small networks, so that a CPU trains them."""
    monkeypatch.setattr("amser.reproduction.work._shipped", lambda options: Part())
    monkeypatch.setattr("amser.reproduction.emotions.FULL", {"umons": "small", "yoon": "small"})
    monkeypatch.setenv("AMSER_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    write_iemocap(tmp_path, range(1, 6), TURNS)
    return tmp_path


@pytest.mark.slow
def test_the_real_protocol_on_a_mini_iemocap(tree: Path) -> None:
    """One session left out, four classes, the recognizer's own words, all rates, session 2 apart; resumed by fold."""
    options = Options(tree / "out", None, tree, "nano", epochs=1)
    told: list[str] = []
    parts = list(reproduce(options, lambda share, text: told.append(text)))
    iemocap = parts[-1]
    assert iemocap.missing == []
    words = [row for row in iemocap.rows if row.table == "wer" and row.metric == "wer"]
    assert {row.n for row in words} == {40} and len(words) == 8
    emotion = [row for row in iemocap.rows if row.table == "emotion" and row.metric == "accuracy"]
    assert {row.subject for row in emotion} == {"umons", "yoon"} and {row.corpus for row in emotion} == {"iemocap"}
    protocols = {(row.protocol.partition(";")[0], row.n) for row in emotion}
    assert protocols == {("leave one session out, 5 folds", 40), ("leave one session out, 2 alone", 8)}
    assert len(emotion) == 2 * 2 * len(RATES) and "words: nano" in emotion[0].protocol
    assert any("IEMOCAP, yoon: fold 5 of 5" in line for line in told)
    beside = row_tables.beside_table(emotion, load_published())
    assert len(beside.rows) == len(emotion) and beside.rows[0][2] == "0.67644"
    assert list(reproduce(options))[-1].rows == iemocap.rows
    missing = [line for part in parts for line in part.missing]
    assert any(line.startswith("human spoken digits (fsdd): AMSER_CORPORA") for line in missing)
    alone = list(reproduce(replace(options, test_session=2)))[-1]
    # The fold of session 2 is the one that was trained among all five.
    assert [r for r in alone.rows if r.table == "emotion"] == [r for r in iemocap.rows if "2 alone" in r.protocol]


@pytest.mark.slow
def test_other_classes_of_iemocap_have_no_published_neighbour(tree: Path) -> None:
    options = Options(tree / "out", None, tree, "nano", epochs=1, test_session=2)
    iemocap = list(reproduce(replace(options, classes=Classes.parse("ang,sad+neu"))))[-1]
    emotion = [row for row in iemocap.rows if row.table == "emotion"]
    assert {(row.corpus, row.n) for row in emotion} == {("iemocap, angry, sad+neutral", 6)}
    assert not row_tables.beside_table(emotion, load_published()).rows


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--test-session", "2", "--classes", "ang,sad"], "--classes, --test-session: about IEMOCAP; name its folder"),
        (["--iemocap", "x", "--classes", "ang"], "--classes: classes 'ang': expected two or more"),
        (["--iemocap", "x", "--glove", "none.txt"], "none.txt: no such file"),
    ],
)
def test_options_about_iemocap_are_checked_first(
    options: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("reproduce", "icassp2025", "-o", str(tmp_path / "out"), *options) != Exit.DONE
    assert says in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_missing_corpus_and_model_are_one_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amser.reproduction.work._shipped", lambda options: Part())
    (tmp_path / "librispeech").mkdir()
    options = Options(tmp_path / "out", tmp_path, tmp_path / "none", str(tmp_path / "none.pt"))
    missing = [line for part in reproduce(options) for line in part.missing]
    assert "human spoken digits (fsdd)" in missing[0] and "has no folder" in missing[0]
    assert "LibriSpeech" in missing[1] and "no known layout" in missing[1]
    assert "no such folder" in missing[-1] and len([line for line in missing if "\n" in line]) == 0


def test_command_line_writes_report_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("amser.reproduction.reproduce", lambda options, tell: iter([Part([ROW], missing=["IEMOCAP"])]))
    assert run_command("reproduce", "icassp2025", "-o", str(tmp_path), "--json") == Exit.DONE
    document: Mapping[str, Any] = json.loads(capsys.readouterr().out)
    assert document["missing"] == ["IEMOCAP"] and document["figures"][0]["value"] == 0.08
    assert document["figures"][0]["published"] is None
    assert pd.read_csv(tmp_path / "figures.csv")["subject"].tolist() == ["nano"]
    page = (tmp_path / "report.html").read_text()
    assert ' src="' not in page.partition("<body>")[2] and "<link" not in page  # needs nothing else


def test_interrupted_runs_keep_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(options: Options, tell: object) -> Any:
        yield Part([ROW])
        raise KeyboardInterrupt

    monkeypatch.setattr("amser.reproduction.reproduce", stopped)
    assert run_command("reproduce", "icassp2025", "-o", str(tmp_path)) == Exit.INTERRUPTED
    assert "interrupted" in (tmp_path / "report.html").read_text()
