"""`amser reproduce icassp2025`: published and ours never mix, and the real protocol runs on a mini IEMOCAP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from amser.cli import main
from amser.exits import Exit, UserError
from amser.reproduction import tables
from amser.reproduction.emotions import committed, rows_of, write_committed
from amser.reproduction.overhead import overhead
from amser.reproduction.page import emotions_figure, render
from amser.reproduction.rows import RATES, Part, Row, frame, load_published
from amser.reproduction.words import codecs_by_rate, word_rows
from amser.reproduction.work import Options, reproduce
from recognizers.emotion.evaluation import Evaluation, Predictions

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
        insertions=[0, 0], no_speech_prob=[0.9, 0.1], avg_logprob=[-0.1, -0.2],
    )  # fmt: skip
    rows = [row for row in word_rows(table, "speech", Heard()).rows if row.rate is None]
    assert [(row.metric, row.value, row.n) for row in rows] == [("wer", 0.1, 2), ("flagged", 0.5, 2)]


def test_published_and_ours_stand_in_columns_of_their_own(tmp_path: Path) -> None:
    own = tmp_path / "mine.json"
    figure = {"table": "wer", "subject": "whisper", "metric": "wer", "rate": 0.125, "value": 0.06, "on": "corpus A"}
    own.write_text(json.dumps({"figures": [figure, figure | {"value": 0.09, "on": "corpus B"}]}))
    known = load_published(own)
    found = frame([ROW, Row(**(asdict(ROW) | {"rate": 0.5}))], known)
    assert found["published"].tolist()[:2] == [0.06, 0.09] and np.isnan(found["published"][2])
    assert found["difference"].tolist()[:2] == pytest.approx([0.02, -0.01])
    assert set(found["value"]) == {0.08} and found["published_on"].tolist() == ["corpus A", "corpus B", ""]
    table = tables.beside_table([ROW], known)
    assert [table.rows[0][i] for i in (2, 3, 4, 6, 9)] == ["6.0 %", "corpus A", "8.0 %", "speech", "+2.0 points"]
    assert [one["table"] for one in known.not_known] == ["emotion"]


def test_what_is_not_known_is_said() -> None:
    known = load_published()
    assert tables.beside_table([ROW], known).rows[0][2] == "not known"
    page = render(Part([ROW], missing=["a corpus"]), known, [])
    assert "Missing: a corpus." in page and "word error rate at five compress rates" in page


@pytest.mark.parametrize("text", ["{", "[]", '{"figures": [{"table": "wer"}]}', '{"figures": 3}'])
def test_a_broken_file_of_published_figures_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "own.json").write_text(text)
    with pytest.raises(UserError, match=r"own\.json"):
        load_published(tmp_path / "own.json")
    with pytest.raises(UserError, match="cannot read"):
        load_published(tmp_path / "none.json")


def test_overhead_comes_out_of_the_scenario(tmp_path: Path) -> None:
    """The fitted times within 0.1 %, as in tests/sim/test_library_figures.py; finished points are reused."""
    found = {(row.subject, row.metric): row.value for row in overhead(tmp_path).rows}
    assert found["raw", "time"] == pytest.approx(406.58, rel=1e-3)
    assert found["AMSER", "time"] == pytest.approx(180.75, rel=1e-3)
    assert round(found["AMSER", "energy"], 4) == 0.0025
    table = tables.overhead_table(overhead(tmp_path).rows, load_published())
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
    names = [cells[0] for cells in tables.networks_table(rows, "EMO-DB", "accuracy").rows]
    assert len(set(names)) == len(names) == 8
    curves = emotions_figure(rows).data
    assert len(curves) == 8 and all(len(curve.x) == len(RATES) for curve in curves)


def test_committed_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    true = np.array([0, 1, 2, 3, 0])
    speakers = tuple("abcde")
    predictions = Predictions(tuple("vwxyz"), true, {0.125: true[::-1], 1.0: true}, speakers, speakers)
    found = Evaluation("xu", "acted", ("angry", "happy", "neutral", "sad"), "leave", "clean", 9, "nano", predictions)
    write_committed([found], "2026-11-26", tmp_path / "emotion.csv")
    rows = committed(tmp_path / "emotion.csv").rows
    accuracy = {row.rate: row.value for row in rows if row.metric == "accuracy"}
    assert accuracy == {1.0: 1.0, 0.125: 0.6} and {row.measured for row in rows} == {"2026-11-26"}
    assert {(row.subject, row.corpus, row.n) for row in rows} == {("xu", "acted", 5)}


def test_rows_of_several_seeds_are_means_of_the_same_utterances() -> None:
    """One training all right, one with two of five wrong: 80 %, of five utterances, not of ten."""
    true = np.array([0, 1, 2, 3, 0])
    both, speakers = np.concatenate([true, true]), tuple("abcde") * 2
    guesses = {1.0: np.concatenate([true, [0, 1, 2, 0, 3]])}
    predictions = Predictions(tuple("vwxyz") * 2, both, guesses, speakers, speakers, (1,) * 5 + (1001,) * 5)
    found = Evaluation("xu", "acted", ("angry", "happy", "neutral", "sad"), "leave", "clean", 9, "nano", predictions)
    (row,) = (row for row in rows_of(found, "own") if row.metric == "accuracy")
    assert row.value == pytest.approx(0.8) and row.n == 5 and row.low < 0.8 < row.high
    assert row.protocol.endswith("means of 2 seeds")


def random_checkpoint(path: Path) -> None:
    """A Whisper of the official file format with random weights and one second of context."""
    from whisper.model import ModelDimensions, Whisper

    dims = ModelDimensions(80, 50, 16, 1, 1, 51_864, 64, 16, 1, 1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Whisper(dims)
        torch.nn.init.normal_(model.decoder.positional_embedding)
    torch.save({"dims": vars(dims), "model_state_dict": model.state_dict()}, path)


def mini_iemocap(root: Path) -> None:
    """Five sessions of two speakers, each with two turns of each of the four classes, as short noises."""
    rng = np.random.default_rng(0)
    for session in range(1, 6):
        dialog = f"Ses0{session}F_impro01"
        folder = root / f"Session{session}"
        wav = folder / "sentences" / "wav" / dialog
        for place in (wav, folder / "dialog" / "EmoEvaluation", folder / "dialog" / "transcriptions"):
            place.mkdir(parents=True)
        turns, said = [], []
        for number, label in enumerate(("neu", "ang", "exc", "sad") * 2):
            turn = f"{dialog}_{'FM'[number % 2 ^ number // 4]}{number:03d}"
            turns.append(f"[{number}.0 - {number}.5]\t{turn}\t{label}\t[2.5, 2.5, 2.5]")
            said.append(f"{turn} [00{number}.0-00{number}.5]: Excuse me.")
            soundfile.write(wav / f"{turn}.wav", rng.normal(0, 0.1, 8000), 16_000, subtype="PCM_16")
        (folder / "dialog" / "EmoEvaluation" / f"{dialog}.txt").write_text("\n".join(turns))
        (folder / "dialog" / "transcriptions" / f"{dialog}.txt").write_text("\n".join(said))


@pytest.mark.slow
def test_the_real_protocol_on_a_mini_iemocap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave one session out, four classes, the recogniser's own words, all networks, all rates; resumed by fold."""
    monkeypatch.setattr("amser.reproduction.work._shipped", lambda options: Part())
    monkeypatch.setenv("AMSER_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    mini_iemocap(tmp_path / "IEMOCAP_full_release")
    random_checkpoint(tmp_path / "random.pt")
    options = Options(tmp_path / "out", None, tmp_path, str(tmp_path / "random.pt"), epochs=1)
    told: list[str] = []
    parts = list(reproduce(options, lambda share, text: told.append(text)))
    iemocap = parts[-1]
    assert iemocap.missing == []
    words = [row for row in iemocap.rows if row.table == "wer" and row.metric == "wer"]
    assert {row.n for row in words} == {40} and len(words) == 8
    emotion = [row for row in iemocap.rows if row.table == "emotion" and row.metric == "accuracy"]
    assert {row.subject for row in emotion} == {"amser", "umons", "xu", "yoon"} and len(emotion) == 4 * len(RATES)
    assert {row.n for row in emotion} == {40}
    assert "leave one session out, 5 folds; words: random" in emotion[0].protocol
    assert any("IEMOCAP, yoon: fold 5 of 5" in line for line in told)
    again = list(reproduce(options))[-1]
    assert again.rows == iemocap.rows
    missing = [line for part in parts for line in part.missing]
    assert any(line.startswith("human spoken digits (fsdd): AMSER_CORPORA") for line in missing)


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
