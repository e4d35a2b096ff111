"""Words and emotions of simulated uploads: the corpus decides how well they are known, not the uploads."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scenarios import loads
from sim.build_site import Situation
from sim.figures.accuracy import ACCURACY, COLUMNS, accuracies, accuracy_differences, recognized
from sim.study.recognized import accuracies_of, read_recognized
from sim.study.replication import Task, replicate
from sim.utterances import Tables

UTTERANCES = 60
TEXT = """
amser: 1
name: words
duration: 10 min
corpus: {kind: synthetic, utterances: 60}
recognizer: {kind: none}
emotion: {kind: none}
codecs: {one: {kind: fixed, size: 2 kB}, two: {kind: fixed, size: 1 kB}}
cells: {cell: {capacity: 10 Mbit/s, rtt: 40 ms}}
devices:
  first: {count: 20, profile: pixel-8, radio: lte, traffic: {kind: poisson, rate: 6 /min}, codec: one, cell: cell}
  second: {count: 10, profile: pixel-8, radio: lte, traffic: {kind: poisson, rate: 6 /min}, codec: two, cell: cell}
server: {service: {kind: constant, time: 20 ms}}
log: {keep: none}
"""


def tables(seed: int = 1, labels: tuple[str, ...] = ("angry", "calm")) -> Tables:
    """Two codecs with errors of their own on 60 utterances of 3 to 20 words and two emotions."""
    rng = np.random.default_rng(seed)
    words = np.tile(rng.integers(3, 21, UTTERANCES).astype(float), (2, 1))
    errors = rng.binomial(words.astype(int), np.array([[0.1], [0.2]])).astype(float)
    true = rng.integers(0, len(labels), UTTERANCES)
    heard = np.where(rng.random((2, UTTERANCES)) < 0.8, true, 1 - true)
    bare = Tables.unrecognized({"one": 2000, "two": 1000}, np.full(UTTERANCES, 2.0))
    return replace(bare, word_errors=errors, reference_words=words, emotion=true, emotion_heard=heard, labels=labels)


def ran(folder: Path, *sets: str) -> tuple[dict[str, float], pd.DataFrame, Path]:
    """One replication in ``folder``: its metrics, what was recognized, and where."""
    scenario = loads(TEXT, sets).points[0].scenario
    task = Task(Situation(scenario, tables(), Path.cwd()), 1, 0, folder / "p-s0")
    metrics = replicate(task)
    return metrics, read_recognized([task.folder]), task.folder


def width(found: tuple[float, ...]) -> float:
    return found[2] - found[1]


def test_ten_times_the_uploads_leave_the_interval_as_it_is(tmp_path: Path) -> None:
    """1,800 and 18,000 uploads of 60 utterances, without a log: an interval over uploads would be 3.2 times as narrow.

    Of 30 uploads an utterance, the unequal weights (1 / sqrt(30) each) move the ends by a few per cent.
    """
    shorter, longer = (accuracies_of((ran(tmp_path / time, f"duration={time}")[2],)) for time in ("10 min", "100 min"))
    for metric in ACCURACY:
        assert width(longer[metric]) == pytest.approx(width(shorter[metric]), rel=0.15)
        assert longer[metric].n == shorter[metric].n == UTTERANCES
        assert longer[metric].over == "utterances"


def test_a_mixed_fleet_is_scored_by_what_it_sent(tmp_path: Path) -> None:
    """Word errors by hand from the uploads of each codec; each replication's own figure is the same."""
    metrics, table, _ = ran(tmp_path)
    assert list(table.columns) == list(COLUMNS) and table["uploads"].sum() == metrics["uploads"]
    known, errors, words, right = tables(), 0.0, 0.0, 0
    for row in table.itertuples():
        codec, utterance = known.codecs.index(row.codec), known.utterances.index(row.utterance)
        errors += row.uploads * known.word_errors[codec, utterance]
        words += row.uploads * known.reference_words[codec, utterance]
        right += row.uploads * int(known.emotion_heard[codec, utterance] == known.emotion[utterance])
    found = accuracies(table)
    assert found["wer"].value == metrics["wer"] == pytest.approx(errors / words, rel=1e-12)
    assert found["ser_accuracy"].value == metrics["ser_accuracy"] == pytest.approx(right / metrics["uploads"])
    shares = table.groupby("codec")["uploads"].sum() / metrics["uploads"]
    assert shares["one"] == pytest.approx(2 / 3, abs=0.05)  # 20 of 30 like devices; three deviations of 1,800 uploads


def test_only_what_was_recognized_is_scored(tmp_path: Path) -> None:
    """A server that refuses most uploads recognizes few; the refused ones are neither right nor wrong."""
    sets = ("server.service.time=2 s", "server.queue_limit=2", "server.batching.largest=1")
    metrics, table, _ = ran(tmp_path, *sets)
    recognized_share = metrics["delivered_fraction"] + metrics["late_fraction"]
    assert recognized_share < 0.5
    assert table["uploads"].sum() == pytest.approx(metrics["uploads"] * recognized_share)


def test_points_are_compared_utterance_by_utterance() -> None:
    """Codec two errs where codec one does and a little more: paired, that is known better than either."""
    known = tables()
    more = np.minimum(known.word_errors[0] + (np.arange(UTTERANCES) % 9 == 0), known.reference_words[0])
    known = replace(known, word_errors=np.stack([known.word_errors[0], more]))
    each = [recognized(known, np.outer(chosen, np.full(UTTERANCES, 7))) for chosen in ([1, 0], [0, 1])]
    first, second = map(accuracies, each)
    found = accuracy_differences(each[1], each[0])["wer"]
    assert found.value == pytest.approx(second["wer"].value - first["wer"].value, rel=1e-12)
    assert found.n == UTTERANCES and found.low > 0
    assert width(found) < 0.6 * math.hypot(width(first["wer"]), width(second["wer"]))


def test_nothing_recognized_has_no_figures() -> None:
    for counts in (None, np.zeros((2, UTTERANCES), np.int64)):
        found = accuracies(recognized(tables(), counts))
        assert set(found) == set(ACCURACY)
        assert all(math.isnan(score.value) and score.n == 0 for score in found.values())
    silent = accuracies(recognized(Tables.unrecognized({"one": 9}, np.ones(4)), np.ones((1, 4), np.int64)))
    assert math.isnan(silent["wer"].value) and math.isnan(silent["ser_f1_macro"].value)
