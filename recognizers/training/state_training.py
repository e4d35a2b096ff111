"""AMSER's network on encoder states, trained on all of a corpus and written as weights that a scenario can name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from recognizers.corpora import Corpus
from recognizers.emotion.state_recognizer import StateSpec, save_states
from recognizers.emotion.types import EmotionError
from recognizers.training.stacked import train_stacked
from recognizers.training.state_evaluation import StateStudy, Words, heard_examples


def train_states(corpus: Corpus, study: StateStudy, words: Words | None, path: Path) -> StateSpec:
    """Train on every labelled utterance, with the first seed; the recipe says when to stop, so nothing is held back.

    What such a network is worth is what `across_speakers` finds, which trains the same way without one speaker at a
    time. Raises `EmotionError` for a corpus of fewer than two classes.
    """
    if len(corpus.labels) < 2:
        raise EmotionError(f"corpus {corpus.name} has {len(corpus.labels)} classes; a network needs two to tell apart")
    labels = tuple(corpus.labels)
    examples = heard_examples(corpus, dataclasses.replace(study, tested=()), labels, words)
    everyone = [np.arange(len(examples), dtype=np.int64)]
    recipe = dataclasses.replace(study.recipe, seed=study.seeds[0])
    network = train_stacked(examples, everyone, study.trained, study.dims, recipe)
    trained_on = {
        "corpus": corpus.name,
        "corpus_digest": corpus.digest,
        "utterances": len(examples),
        "codecs": list(study.trained),
        "recipe": dataclasses.asdict(recipe),
    }
    spec = StateSpec(labels, study.dims, network.members, study.encoder, study.states.identity, trained_on)
    save_states(path, network, spec)
    return spec
