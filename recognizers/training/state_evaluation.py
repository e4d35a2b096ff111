"""What AMSER's network and its yardstick reach on people they never heard: across the speakers of a corpus, and from
one corpus to another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from channel.codecs import build_codec
from recognizers.corpora import Corpus
from recognizers.emotion.state_network import StateDims
from recognizers.emotion.states import WhisperStates
from recognizers.emotion.types import EmotionError
from recognizers.measurement.bar import Advance
from recognizers.training.predictions import Ints, Labels, prediction_rows
from recognizers.training.speaker_folds import network_predictions, yardstick_predictions
from recognizers.training.stacked import StateRecipe, probabilities, train_stacked
from recognizers.training.state_examples import StateExamples, hear_corpus

if TYPE_CHECKING:
    import pandas as pd

TRAINED = ("raw", "amser-25", "amser-12.5")
"""Codecs of a training across rates: the rates between them are as strange to the network as another codec's."""
TESTED = ("raw", *(f"amser-{rate}" for rate in ("100", "50", "25", "18.75", "12.5")))

Words = Callable[[Corpus, str], Sequence[str]]
"""The words of every utterance of a corpus through a codec."""


@dataclass(frozen=True)
class StateStudy:
    """How a corpus is heard, and how the network is trained."""

    states: WhisperStates
    encoder: str
    folder: Path
    """Where heard states are kept."""
    trained: tuple[str, ...] = TRAINED
    tested: tuple[str, ...] = TESTED
    seeds: tuple[int, ...] = (1, 2, 3)
    modalities: str = "both"
    names: tuple[str, str] = ("amser", "yardstick")
    """Of the network and the regression in the rows."""
    recipe: StateRecipe = field(default_factory=StateRecipe)
    advance: Advance | None = None

    @property
    def dims(self) -> StateDims:
        """Sizes of the network that reads these states."""
        return StateDims(self.states.layers, self.states.width, modalities=self.modalities)

    @property
    def training(self) -> str:
        """`clean`, or the codecs of the training."""
        return "clean" if self.trained == ("raw",) else "+".join(self.trained)


def heard_examples(corpus: Corpus, study: StateStudy, labels: Sequence[str], words: Words | None) -> StateExamples:
    """The utterances of some classes through all codecs of a study; without `words` nothing was said."""
    chosen = tuple(u for u in corpus.utterances if u.emotion in labels)
    if not chosen:
        raise EmotionError(f"corpus {corpus.name} has no utterance of the classes {', '.join(labels)}")
    # The cache's key stays that of the whole corpus: another choice of classes hears nothing anew.
    places = [n for n, u in enumerate(corpus.utterances) if u.emotion in labels]
    heard, spoken = {}, {}
    for codec in dict.fromkeys((*study.trained, *study.tested)):

        def advance(done: int, total: int, codec: str = codec) -> None:
            if study.advance:
                study.advance(done, total, f" {corpus.name} {codec}")

        whole = hear_corpus(corpus, build_codec(codec), study.states, study.folder, advance=advance)
        heard[codec] = [whole.stretches[place] for place in places]
        texts = words(corpus, codec) if words else [""] * len(corpus.utterances)
        spoken[codec] = [study.states.word_vectors(texts[place]) for place in places]
    known = Labels(
        tuple(u.id for u in chosen),
        tuple(u.speaker for u in chosen),
        np.array([list(labels).index(str(u.emotion)) for u in chosen], dtype=np.int64),
        tuple(labels),
        corpus.name,
    )
    return StateExamples(known, heard, spoken)


def across_speakers(corpus: Corpus, study: StateStudy, words: Words | None = None) -> pd.DataFrame:
    """Leave one speaker out: rows of `prediction_rows` for every seed of the network, and for the yardstick."""
    import pandas as pd

    if not corpus.labels:
        raise EmotionError(f"corpus {corpus.name} has no emotion labels, so nothing can be learnt from it")
    examples = heard_examples(corpus, study, corpus.labels, words)
    found, _ = yardstick_predictions(examples, study.trained, study.tested, study.states.layers)
    rows = [_rows(examples, found, study, study.names[1], 0)]
    for seed in study.seeds:
        recipe = replace(study.recipe, seed=seed)
        guessed = network_predictions(examples, study.trained, study.tested, study.dims, recipe)
        rows.append(_rows(examples, guessed, study, study.names[0], seed))
    return pd.concat(rows, ignore_index=True)


def across_corpora(train: Corpus, test: Corpus, study: StateStudy, words: Words | None = None) -> pd.DataFrame:
    """Train on all of one corpus and test on all of another, over the classes that both have.

    Raises `EmotionError` where a speaker is in both, or fewer than two classes are.
    """
    import pandas as pd

    labels = [label for label in train.labels if label in test.labels]
    if len(labels) < 2:
        raise EmotionError(f"{train.name} and {test.name} share the classes {labels}; at least two are needed")
    check_disjoint(train, test)
    heard = heard_examples(train, study, labels, words)
    strange = heard_examples(test, study, labels, words)
    rows = []
    for seed in study.seeds:
        everyone = [np.arange(len(heard), dtype=np.int64)]
        network = train_stacked(heard, everyone, study.trained, study.dims, replace(study.recipe, seed=seed))
        guessed = {codec: probabilities(network, strange, codec)[0].argmax(dim=1).numpy() for codec in study.tested}
        rows.append(_rows(strange, guessed, study, study.names[0], seed))
    return pd.concat(rows, ignore_index=True)


def check_disjoint(train: Corpus, test: Corpus) -> None:
    """Raises `EmotionError` where a speaker of one is in the other.

    Speakers are told by name. Corpora that differ may both have a speaker `03`, so what counts between them is the
    audio: no file of one may be in the other.
    """
    if train.digest == test.digest:
        raise EmotionError(f"{train.root} and {test.root} hold the same utterances; train and test on different people")
    shared = {u.speaker for u in train.utterances} & {u.speaker for u in test.utterances} - {""}
    if train.root == test.root and shared:
        raise EmotionError(f"speakers {', '.join(sorted(shared))} are in both parts of {train.root}")
    one, other = ({u.path.resolve() for u in part.utterances if u.path} for part in (train, test))
    files = one & other
    if files:
        raise EmotionError(f"{len(files)} recordings are in both corpora, such as {min(files)}")


def _rows(
    examples: StateExamples, found: Mapping[str, Ints], study: StateStudy, network: str, seed: int
) -> pd.DataFrame:
    return prediction_rows(examples.known, found, network=network, training=study.training, seed=seed)
