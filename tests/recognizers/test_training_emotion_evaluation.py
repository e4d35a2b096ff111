"""Folds, metrics and cross-validation of the emotion networks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
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
from recognizers.training.emotion.cross_validation import cross_validate
from recognizers.training.emotion.evaluation import Evaluation, Predictions, evaluate_weights
from recognizers.training.emotion.evaluation_tables import evaluation_tables
from recognizers.training.emotion.examples import Examples
from recognizers.training.emotion.folds import leave_one_out
from recognizers.training.emotion.heard_words import with_heard_words
from recognizers.training.emotion.recipe import Recipe, train_network
from recognizers.training.emotion.train import split_by_speaker, train_emotion

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
    seen: list[tuple[str, int, int]] = []
    first = cross_validate("yoon", data, tmp_path, recipe=RECIPE, on_fold=lambda *step: seen.append(step))
    assert seen == [(f"s{place}", place + 1, 3) for place in range(3)]
    # The level tells the classes apart without overlap, and truncation to rank 10 keeps the level.
    assert first.scores(1.0).accuracy > 0.9
    assert first.scores(0.125).accuracy > 0.9
    (folder,) = tmp_path.iterdir()
    (folder / "fold-s2.json").unlink()
    kept = (folder / "fold-s1.json").stat().st_mtime_ns
    again = cross_validate("yoon", data, tmp_path, recipe=RECIPE)
    assert (folder / "fold-s1.json").stat().st_mtime_ns == kept
    assert all(np.array_equal(first.predictions.predicted[r], again.predictions.predicted[r]) for r in (0.125, 1.0))
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
def test_nothing_of_a_fold_is_fitted_on_its_test_speakers(name: str, tmp_path: Path) -> None:
    """Whatever the test speakers say and feel, the training of their fold is the same, epoch for epoch: band
    statistics, class weights, running means, words, learning and the choice of the epoch."""
    data, once = examples(24, speakers=3), dataclasses.replace(RECIPE, epochs=2)
    fold = leave_one_out(data)[0]
    histories = []
    for place, part in enumerate((data, spoilt(data, fold.test))):
        cross_validate(name, part, tmp_path / str(place), recipe=once, rates=(1.0,), only=fold.name)
        (file,) = (tmp_path / str(place)).rglob("fold-*.json")
        histories.append(json.loads(file.read_text())["history"])
    assert histories[0] == histories[1]


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
    assert len(list(tmp_path.rglob("fold-*.json"))) == 4 and len(set(found.predictions.folds)) == 4
    again = cross_validate("yoon", data, tmp_path, recipe=dataclasses.replace(RECIPE, epochs=1))
    assert again.predictions.ids == found.predictions.ids


def evaluation(predicted: list[int], true: list[int], architecture: str = "amser") -> Evaluation:
    count = len(true)
    guesses = np.array(predicted, dtype=np.int64)
    found = Predictions(
        tuple(map(str, range(count))),
        np.array(true, dtype=np.int64),
        {0.125: 1 - guesses, 1.0: guesses},
        tuple(str(i % 3) for i in range(count)),
        tuple(str(i % 6) for i in range(count)),
    )
    return Evaluation(architecture, "toy", LABELS, "leave one out", "clean", 7, "reference", found)


def test_spread_differences_and_tables() -> None:
    true = [0, 1] * 6
    right, wrong = evaluation(true, true), evaluation([1 - t for t in true], true, "xu")
    assert right.over_folds(1.0)["accuracy"] == (1.0, 0.0)
    assert right.over_folds(0.125)["accuracy"] == (0.0, 0.0)
    assert right.minus(wrong, 1.0)["accuracy"].value == 1.0
    text = evaluation_tables([right, wrong])
    assert "| AMSER (our reading) | 7 | clean | 0.0% | 100.0% |" in text  # no draw differs: no interval
    assert "+100.0 | – |" in text and "Intervals: 95 %, over utterances." in text
    with pytest.raises(EmotionError, match="same utterances"):
        right.minus(evaluation([0, 1], [0, 1]), 1.0)


def of_seeds(*each: list[int], speakers: int = 3) -> Evaluation:
    """One evaluation per seed, all right where the list has a 1, side by side."""
    count = len(each[0])
    true = np.arange(count * len(each)) % count % 2
    right = np.array([value for one in each for value in one])
    found = Predictions(
        tuple(str(i) for _ in each for i in range(count)),
        true.astype(np.int64),
        {0.125: true.astype(np.int64), 1.0: np.where(right == 1, true, 1 - true).astype(np.int64)},
        tuple(str(i % 3) for _ in each for i in range(count)),
        tuple(str(i % speakers) for _ in each for i in range(count)),
        tuple(1000 * number + 1 for number in range(len(each)) for _ in range(count)),
    )
    return Evaluation("amser", "toy", LABELS, "leave one out", "clean", 7, "reference", found)


def test_seeds_are_averaged_and_their_deviation_shown() -> None:
    """Accuracies of 100 % and 50 %: mean 75 %, deviation of two values |a - b| / sqrt 2 = 35.4 points."""
    both = of_seeds([1] * 12, [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    assert both.seeds == (1, 1001) and both.utterances == 12
    mean, deviation = both.over_seeds(1.0)["accuracy"]
    assert mean == pytest.approx(0.75) and deviation == pytest.approx(0.5 / 2**0.5)
    assert both.scores(1.0).accuracy == pytest.approx(mean)
    assert both.of_seed(1001, 1.0).accuracy == 0.5
    text = evaluation_tables([both])
    assert "12 utterances" in text and "Seeds: 1, 1001" in text
    assert "| 1: 100.0% | 1001: 50.0% | 75.0% ± 35.4 |" in text
    assert "±" not in evaluation_tables([of_seeds([1] * 12)]).split("### Scores")[0]
    with pytest.raises(EmotionError, match="utterances and seeds"):
        both.minus(of_seeds([1] * 12), 1.0)


@pytest.mark.parametrize("speakers", [3, 12])
def test_more_seeds_are_not_more_utterances(speakers: int) -> None:
    """Three trainings that answer alike say no more than one, so the interval is the same, not sqrt 3 tighter.

    Of 120 utterances with few speakers utterances are drawn: deviation sqrt(0.75 * 0.25 / 120) = 0.040. The quantiles
    of 2000 resamples are known to a tenth of the half-width. UA and F1 are means over the seeds as well.
    """
    one = [1, 1, 1, 0] * 30
    alone, thrice = (of_seeds(*[one] * times, speakers=speakers).interval(1.0) for times in (1, 3))
    for metric, found in alone.items():
        assert thrice[metric][:3] == pytest.approx(found[:3], rel=1e-12)
        assert thrice[metric].n == 120 and thrice[metric].over == ("utterances" if speakers == 3 else "speakers")
    if speakers == 3:
        accuracy = thrice["accuracy"]
        assert accuracy.high - accuracy.low == pytest.approx(2 * 1.96 * 0.0395, rel=0.12)


def test_seeds_of_one_command_are_those_of_several(tmp_path: Path) -> None:
    """`--seeds 2` from seed 1 trains what seed 1 and seed 1001 alone would, and shares their finished folds."""
    data, once = examples(24, speakers=3), dataclasses.replace(RECIPE, epochs=1)
    both = cross_validate("yoon", data, tmp_path, recipe=once, seeds=2)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("fold-*.json")}
    assert len(files) == 6
    alone = [cross_validate("yoon", data, tmp_path, recipe=dataclasses.replace(once, seed=s)) for s in (1, 1001)]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("fold-*.json")} == files
    for rate in (0.125, 1.0):
        apart = np.concatenate([found.predictions.predicted[rate] for found in alone])
        np.testing.assert_array_equal(both.predictions.predicted[rate], apart)
        assert both.over_seeds(rate)["f1_macro"][0] == pytest.approx(
            np.mean([found.scores(rate).f1_macro for found in alone])
        )


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
