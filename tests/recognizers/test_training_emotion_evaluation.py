"""Folds, metrics and cross-validation of the emotion networks."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizers.emotion import EmotionError
from recognizers.emotion.batch import Batch, collate
from recognizers.emotion.networks import NetworkSpec
from recognizers.emotion.recognizer import load_emotion
from recognizers.emotion.tokenizers import Tokenizer
from recognizers.emotion.weights import start_from
from recognizers.scores import CLASS_METRICS
from recognizers.training.emotion.cross_validation import cross_validate, leave_one_out
from recognizers.training.emotion.evaluation import evaluate_weights
from recognizers.training.emotion.examples import Examples, with_heard_words
from recognizers.training.emotion.recipe import Recipe, Trained, train_network
from recognizers.training.emotion.train import split_by_speaker, train_emotion
from recognizers.training.predictions import Labels, prediction_rows, scored, scored_against

LABELS = ("angry", "sad")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def examples(count: int = 40, speakers: int = 5, sessions: int = 0) -> Examples:
    """Two classes that the Mel's level tells apart."""
    rng = np.random.default_rng(7)
    targets = rng.integers(0, 2, count)
    mels = tuple((rng.normal(t, 0.3, (80, 30 + i % 7))).astype(np.float32) for i, t in enumerate(targets))
    names = tuple(f"s{i % speakers}" for i in range(count))
    rooms = tuple(str(i % speakers % sessions) if sessions else "" for i in range(count))
    ids = tuple(f"u{i}" for i in range(count))
    return Examples(ids, mels, ("go",) * count, targets.astype(np.int64), names, rooms, LABELS, "toy", "d", {})


@given(st.integers(3, 9), st.integers(3, 9))
@settings(max_examples=30, deadline=None)
def test_no_speaker_is_on_both_sides_of_a_fold(speakers: int, folds: int) -> None:
    data = examples(speakers * 4, speakers)
    if folds > speakers:
        with pytest.raises(EmotionError, match=f"found {folds}"):
            leave_one_out(data, folds=folds)
        return
    parts = leave_one_out(data, folds=folds)
    tested = np.concatenate([fold.test for fold in parts])
    assert sorted(tested.tolist()) == list(range(len(data)))
    for fold in parts:
        owners = [{data.speakers[i] for i in part} for part in (fold.train, fold.dev, fold.test)]
        assert all(owners)
        assert not owners[0] & owners[1] and not owners[1] & owners[2] and not owners[0] & owners[2]


def dialogues(turns: int = 60) -> Examples:
    """Ten speakers, two in each of five sessions, as in IEMOCAP: s0 talks to s1, s2 to s3."""
    data = examples(turns, speakers=10)
    return dataclasses.replace(data, sessions=tuple(str(int(name[1:]) // 2) for name in data.speakers))


@pytest.mark.parametrize(("by", "folds"), [("session", None), ("speaker", None), ("speaker", 5), ("speaker", 7)])
def test_nobody_trains_who_talks_to_a_dev_or_test_speaker(by: str, folds: int | None) -> None:
    data = dialogues()
    parts = leave_one_out(data, by, folds)
    assert sorted(np.concatenate([fold.test for fold in parts]).tolist()) == list(range(len(data)))
    for fold in parts:
        rooms = [{data.sessions[i] for i in part} for part in (fold.train, fold.dev, fold.test)]
        owners = [{data.speakers[i] for i in part} for part in (fold.train, fold.dev, fold.test)]
        assert all(owners) and not rooms[0] & (rooms[1] | rooms[2])
        assert not owners[1] & owners[2]


def test_a_session_is_tested_the_next_is_dev_and_three_train() -> None:
    data = dialogues()
    for fold in leave_one_out(data, by="session"):
        assert {data.sessions[i] for i in fold.test} == {fold.name}
        assert {data.sessions[i] for i in fold.dev} == {str((int(fold.name) + 1) % 5)}
        assert len({data.speakers[i] for i in fold.train}) == 6
    with pytest.raises(EmotionError, match="folds by session need"):
        leave_one_out(examples(), by="session")
    with pytest.raises(EmotionError, match="by speaker or by session"):
        leave_one_out(examples(), by="day")
    with pytest.raises(EmotionError, match="nobody to train on"):
        leave_one_out(dataclasses.replace(examples(speakers=4), sessions=("a", "b") * 20), folds=3)


RECIPE = Recipe(epochs=3, batch=8, learning_rate=1e-2, averaging=0.5, no_words=0.0)


def test_cross_validation_resumes_and_scores(tmp_path: Path) -> None:
    data = examples(24, speakers=3)
    seen: list[tuple[int, ...]] = []
    first = cross_validate("yoon", data, tmp_path, recipe=RECIPE, advance=lambda *step: seen.append(step))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    # The level tells the classes apart without overlap, and truncation to rank 10 keeps the level.
    assert (scored(first.rows)["accuracy"] > 0.9).all() and set(first.rows["codec"]) >= {"raw", "amser-12.5"}
    (folder,) = tmp_path.iterdir()
    (folder / "fold-s2.parquet").unlink()
    (folder / "fold-s0.parquet").write_bytes(b"PAR1")
    kept = (folder / "fold-s1.parquet").stat().st_mtime_ns
    again = cross_validate("yoon", data, tmp_path, recipe=RECIPE)
    assert (folder / "fold-s1.parquet").stat().st_mtime_ns == kept
    pd.testing.assert_frame_equal(first.rows, again.rows)
    assert set(first.of_fold("s1").rows["speaker"]) == {"s1"}
    cross_validate("yoon", data, tmp_path, recipe=dataclasses.replace(RECIPE, seed=9, epochs=1))
    assert len(list(tmp_path.iterdir())) == 2


def spoilt(data: Examples, places: np.ndarray) -> Examples:
    """Other Mels, words and labels at some places."""
    inside = set(places.tolist())
    mels = tuple(mel[::-1] * 3 + 1 if i in inside else mel for i, mel in enumerate(data.mels))
    texts = tuple("nonsense" if i in inside else text for i, text in enumerate(data.texts))
    targets = np.where(np.isin(np.arange(len(data)), places), 1 - data.targets, data.targets)
    return dataclasses.replace(data, mels=mels, texts=texts, targets=targets)


@pytest.mark.parametrize("name", ["umons", "xu", "yoon"])
def test_nothing_of_a_fold_is_fitted_on_its_test_speakers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the test speakers say and feel, the training of their fold is the same, epoch for epoch: band
    statistics, class weights, running means, words, learning and the choice of the epoch."""
    data, once = examples(24, speakers=3), dataclasses.replace(RECIPE, epochs=2)
    fold = leave_one_out(data)[0]
    made: list[Trained] = []

    def kept(*args: Any, **options: Any) -> Trained:
        made.append(train_network(*args, **options))
        return made[-1]

    monkeypatch.setattr("recognizers.training.emotion.cross_validation.train_network", kept)
    for place, part in enumerate((data, spoilt(data, fold.test))):
        cross_validate(name, part, tmp_path / str(place), recipe=once, rates=(1.0,), only=fold.name)
    assert made[0].history == made[1].history and made[0].best == made[1].best


def test_the_dev_set_chooses_the_epoch_and_nothing_else() -> None:
    """With another dev set every step of training is the same; another epoch may be kept."""
    data = examples(24, speakers=3)
    fold = leave_one_out(data)[0]
    train, dev = data.take(fold.train), data.take(fold.dev)
    once = dataclasses.replace(RECIPE, epochs=4, patience=4, across_rates=False)
    usual, other = (
        train_network(NetworkSpec.of("yoon", LABELS), train, part, once)
        for part in (dev, spoilt(dev, np.arange(len(dev))))
    )
    assert [epoch.train_loss for epoch in usual.history] == [epoch.train_loss for epoch in other.history]
    assert all(torch.equal(a, b) for a, b in zip(usual.network.buffers(), other.network.buffers(), strict=True)
               if a.shape == (80,))  # fmt: skip
    for trained in (usual, other):
        assert trained.best == min(trained.history, key=lambda epoch: epoch.dev_loss)
    assert usual.best.number != other.best.number


def test_folds_of_many_speakers_have_files_too(tmp_path: Path) -> None:
    """File systems end names at 255 bytes and take no slash; two folds that begin alike must not share a file."""
    data = examples(24, speakers=4)
    names = {f"s{i}": f"{'a/' if i < 2 else 'b:'}{'long' * 40}{i}" for i in range(4)}
    data = dataclasses.replace(data, speakers=tuple(names[s] for s in data.speakers))
    found = cross_validate("yoon", data, tmp_path, recipe=dataclasses.replace(RECIPE, epochs=1))
    assert len(list(tmp_path.rglob("fold-*.parquet"))) == 4 and found.rows["fold"].nunique() == 4
    again = cross_validate("yoon", data, tmp_path, recipe=dataclasses.replace(RECIPE, epochs=1))
    pd.testing.assert_frame_equal(again.rows, found.rows)


def of_seeds(*each: list[int], speakers: int = 3) -> pd.DataFrame:
    """Predictions through `raw` by a training of each seed, right where its list has a 1; all right through `low`."""
    count = len(each[0])
    true = np.arange(count) % 2
    ids, owners = tuple(map(str, range(count))), tuple(str(i % speakers) for i in range(count))
    known = Labels(ids, owners, true, LABELS, "toy")
    guessed = [{"raw": np.where(np.array(one) == 1, true, 1 - true), "low": true} for one in each]
    return pd.concat(prediction_rows(known, one, network="a", training="t", seed=s) for s, one in enumerate(guessed))


def test_seeds_are_averaged_and_their_deviation_shown() -> None:
    """Accuracies of 100 % and 50 %: mean 75 %, deviation of two values |a - b| / sqrt 2 = 35.4 points."""
    both = of_seeds([1] * 12, [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    raw, low = scored_against(both, "raw").to_dict("records")
    assert (raw["seeds"], raw["utterances"], raw["accuracy"]) == (2, 12, pytest.approx(0.75))
    assert raw["deviation"] == pytest.approx(0.5 / 2**0.5) and np.isnan(raw["loss"])
    assert low["loss"] == pytest.approx(0.25) and low["loss_low"] < 0.25 < low["loss_high"]


@pytest.mark.parametrize("speakers", [3, 12])
def test_more_seeds_are_not_more_utterances(speakers: int) -> None:
    """Three trainings that answer alike say no more than one, so the interval is the same, not sqrt 3 tighter.

    Of 120 utterances with few speakers utterances are drawn: deviation sqrt(0.75 * 0.25 / 120) = 0.040. The quantiles
    of 2000 resamples are known to a tenth of the half-width.
    """
    one = [1, 1, 1, 0] * 30
    alone, thrice = (scored(of_seeds(*[one] * times, speakers=speakers)).iloc[0] for times in (1, 3))
    for name in ("low", "high", *CLASS_METRICS):
        assert thrice[name] == pytest.approx(alone[name], rel=1e-12)
    assert thrice["utterances"] == 120 and thrice["over"] == ("utterances" if speakers == 3 else "speakers")
    if speakers == 3:
        assert thrice["high"] - thrice["low"] == pytest.approx(2 * 1.96 * 0.0395, rel=0.12)


def test_seeds_of_one_command_are_those_of_several(tmp_path: Path) -> None:
    """`--seeds 2` from seed 1 trains what seed 1 and seed 1001 alone would, and shares their finished folds."""
    data, once = examples(24, speakers=3), dataclasses.replace(RECIPE, epochs=1)
    both = cross_validate("yoon", data, tmp_path, recipe=once, seeds=2)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("fold-*.parquet")}
    assert len(files) == 6
    alone = [cross_validate("yoon", data, tmp_path, recipe=dataclasses.replace(once, seed=s)) for s in (1, 1001)]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("fold-*.parquet")} == files
    apart = pd.concat([found.rows for found in alone], ignore_index=True)
    pd.testing.assert_frame_equal(both.rows, apart)


def test_heard_words_come_from_the_compressed_mel() -> None:
    class Listener:
        name = "listener"

        def transcribe(self, mels: list[np.ndarray]) -> list[SimpleNamespace]:
            return [SimpleNamespace(text=f"rank {np.linalg.matrix_rank(mel, tol=1e-2)}") for mel in mels]

    heard = with_heard_words(examples(6), Listener(), (0.125, 1.0))
    assert heard.words(0.125)[0] == "rank 10"
    assert heard.words(1.0)[0] == heard.texts[0] == "rank 30"
    assert heard.text_source == "listener"
    assert heard.take([0, 2]).words(0.125) == ("rank 10", "rank 10")


@pytest.mark.parametrize("across_rates", [True, False])
def test_training_meets_the_words_that_were_heard_in_its_mel(
    across_rates: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listener says the rank of what it hears, so a Mel and words that do not belong together would show."""

    class Listener:
        name = "listener"

        def transcribe(self, mels: list[np.ndarray]) -> list[SimpleNamespace]:
            return [SimpleNamespace(text=str(rank_of(mel))) for mel in mels]

    met: list[tuple[int, int]] = []

    def seen(mels: list[np.ndarray], texts: list[str], tokenizer: Tokenizer) -> Batch:
        met.extend((rank_of(mel), int(text)) for mel, text in zip(mels, texts, strict=True))
        return collate(mels, texts, tokenizer)

    monkeypatch.setattr("recognizers.training.emotion.recipe.collate", seen)
    heard = with_heard_words(examples(24, 3), Listener())
    recipe = dataclasses.replace(RECIPE, augment=0.0, across_rates=across_rates)
    train_network(NetworkSpec.of("yoon", LABELS), heard, heard, recipe)
    assert len(met) == 24 * recipe.epochs and all(mel == said for mel, said in met)
    # 30 to 36 frames have no rank of 40: of the five rates three truncate.
    assert {mel for mel, _ in met if mel < 30} == ({10, 15, 20} if across_rates else set())
    with pytest.raises(EmotionError, match="words that listener hears in truncated Mels"):
        alone = with_heard_words(examples(24, 3), Listener(), (1.0,))
        train_network(NetworkSpec.of("yoon", LABELS), alone, heard, dataclasses.replace(RECIPE, epochs=1))


def rank_of(mel: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(mel, tol=1e-2))


def test_trained_weights_say_what_they_come_from(tmp_path: Path) -> None:
    train, dev = split_by_speaker(examples(), 1)
    assert not set(train.speakers) & set(dev.speakers)
    path = tmp_path / "w.safetensors"
    trained = train_emotion("xu", train, dev, path, recipe=dataclasses.replace(RECIPE, epochs=1))
    assert path.exists()
    assert trained.spec.trained_on["corpus"] == "toy"
    assert trained.spec.trained_on["utterances"] == len(train)
    # Both parts come from the corpus of digest "d"; of another one nothing is said.
    assert evaluate_weights(load_emotion(path), dev).trained == "toy, the corpus that is tested"
    assert evaluate_weights(load_emotion(path), dataclasses.replace(dev, digest="e")).trained == "toy"


def test_training_starts_from_other_weights(tmp_path: Path) -> None:
    train, dev = split_by_speaker(examples(16, 4), 1)
    path = tmp_path / "w.safetensors"
    once = dataclasses.replace(RECIPE, epochs=1, learning_rate=1e-9)
    donor = train_emotion("yoon", train, dev, path, recipe=once)
    spec = NetworkSpec.of("yoon", LABELS)
    fresh = train_network(spec, train, dev, once, prepare=start_from(path)).network
    # With next to no learning the weights stay the donor's, to the 11 bits that the file keeps.
    theirs = donor.network.project_audio.weight
    torch.testing.assert_close(fresh.project_audio.weight, theirs, atol=1e-3, rtol=1e-3)
    with pytest.raises(EmotionError, match="does not fit"):
        train_network(NetworkSpec.of("xu", LABELS), train, dev, once, prepare=start_from(path))
