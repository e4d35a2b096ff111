"""What an emotion network makes of a corpus at every compress rate, and how it came to that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from recognizers.emotion.layers import EmotionNetwork
from recognizers.emotion.recognizer import EmotionRecognizer, predict
from recognizers.emotion.tokenizers import Tokenizer
from recognizers.emotion.types import RATES, EmotionError
from recognizers.training.emotion.examples import Examples, compressed
from recognizers.training.predictions import Ints, prediction_rows

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Evaluation:
    """The classes that one network gave to the utterances of a corpus."""

    rows: pd.DataFrame
    """As of `prediction_rows`, and `fold`: what was left out of the training."""
    corpus: str
    labels: tuple[str, ...]
    protocol: str
    trained: str
    """`across rates`, `clean`, or where shipped weights come from."""
    words: str
    """Where the words come from."""

    def of_fold(self, name: str) -> Evaluation:
        """What the trainings that left out `name` give on it."""
        protocol = f"{self.protocol.rpartition(', ')[0]}, {name} alone"
        return replace(self, protocol=protocol, rows=self.rows[self.rows["fold"] == name])


def sent_as(rate: float) -> str:
    """The codec that a compress rate stands for: AMSER's fp32 factors, of which rate 1 changes nothing."""
    return "raw" if rate >= 1 else f"amser-{100 * rate:g}"


def classes_found(
    network: EmotionNetwork, tokenizer: Tokenizer, examples: Examples, rates: Sequence[float], modalities: str
) -> dict[str, Ints]:
    """By codec, the class (N,) of every utterance in the Mel, and with the words, of each rate."""
    found = {}
    for rate in rates:
        chances = predict(network, tokenizer, compressed(examples.mels, rate), examples.words(rate), modalities)
        found[sent_as(rate)] = np.asarray(chances.argmax(axis=1), dtype=np.int64)
    return found


def evaluate_weights(recognizer: EmotionRecognizer, examples: Examples, rates: Sequence[float] = RATES) -> Evaluation:
    """Apply trained weights to a test set at every rate. Raises `EmotionError` if the classes differ."""
    if recognizer.labels != examples.labels:
        raise EmotionError(
            f"the weights of {recognizer.name} know {', '.join(recognizer.labels)}, the corpus {examples.corpus} has "
            f"{', '.join(examples.labels)}; weights are tested on a corpus with all of their classes"
        )
    origin, modalities = recognizer.spec.trained_on, recognizer.spec.modalities
    trained = str(origin.get("corpus", "unknown"))
    if examples.digest and origin.get("corpus_digest") == examples.digest:
        trained += ", the corpus that is tested"  # its figures say nothing of other speech
    predicted = classes_found(recognizer.network, recognizer.tokenizer, examples, rates, modalities)
    rows = prediction_rows(examples.known, predicted, network=recognizer.name, training=trained, seed=0)
    words = examples.text_source if modalities != "audio" else "none"
    return Evaluation(rows.assign(fold="test"), examples.corpus, examples.labels, "test set", trained, words)
