"""Train emotion networks on a corpus and keep their weights: what `amser train emotion` does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from recognizers.corpora import Corpus
from recognizers.emotion.networks import NetworkSpec
from recognizers.emotion.types import EmotionError
from recognizers.emotion.weights import save_network
from recognizers.measurement.bar import Advance
from recognizers.training.emotion.examples import Examples, load_examples
from recognizers.training.emotion.glove import Glove
from recognizers.training.emotion.recipe import Epoch, Recipe, Trained, for_size, train_network

DEV_SHARE = 0.1


def load_split(
    corpus: Corpus, *, limit: int | None = None, seed: int = 1, advance: Advance | None = None
) -> tuple[Examples, Examples]:
    """Training and dev examples: the corpus's own `train` and `dev` splits, else a tenth of its speakers as
    dev.

    `limit` draws that many training utterances. Raises `EmotionError` if there is too little of either.
    """
    splits = {u.split for u in corpus.utterances}
    if {"train", "dev"} <= splits:
        chosen = corpus.select(split="train")
        if limit is not None and limit < len(chosen):
            places = np.sort(np.random.default_rng([seed, 2]).permutation(len(chosen))[:limit])
            chosen = Corpus(corpus.name, corpus.root, tuple(chosen.utterances[i] for i in places))
        train = load_examples(chosen, corpus.labels, advance=advance)
        return train, load_examples(corpus.select(split="dev"), train.labels)
    examples = load_examples(corpus.select(split="train") if "train" in splits else corpus, advance=advance)
    return split_by_speaker(examples, seed)


def split_by_speaker(examples: Examples, seed: int) -> tuple[Examples, Examples]:
    """Hold out about a tenth of the speakers (at least one) as dev set. Raises `EmotionError` with fewer
    than two."""
    speakers = sorted(set(examples.speakers))
    if len(speakers) < 2:
        raise EmotionError(f"corpus {examples.corpus} names {len(speakers)} speakers; a dev set needs another one")
    count = max(1, round(len(speakers) * DEV_SHARE))
    held = set(np.random.default_rng([seed, 3]).permutation(speakers)[:count].tolist())
    inside = np.array([speaker in held for speaker in examples.speakers])
    return examples.take(np.flatnonzero(~inside)), examples.take(np.flatnonzero(inside))


def train_emotion(
    architecture: str,
    train: Examples,
    dev: Examples,
    path: Path,
    *,
    recipe: Recipe | None = None,
    size: str = "small",
    modalities: str = "both",
    glove: Glove | None = None,
    device: str = "cpu",
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Trained:
    """Train one network and write its weights, with what it was trained on in the file. Returns the training.

    With `glove` its word vectors start from those. Raises `EmotionError` where the sets, the options or the vectors do
    not fit.
    """
    recipe = for_size(recipe or Recipe(), architecture, size)
    started = time.monotonic()
    tokenizer, width = (glove.vocabulary, glove.width) if glove else (None, None)
    spec = NetworkSpec.of(
        architecture, train.labels, size=size, tokenizer=tokenizer, modalities=modalities, word_width=width
    )
    trained = train_network(spec, train, dev, recipe, on_epoch, glove.fill if glove else None, device)
    origin = {
        "corpus": train.corpus,
        "corpus_digest": train.digest,
        "utterances": len(train),
        "dev_utterances": len(dev),
        "words_from": train.text_source,
        **({"word_vectors": glove.describe()} if glove else {}),
        "recipe": asdict(recipe),
        "epochs_run": len(trained.history),
        "best_epoch": trained.best.number,
        "dev_accuracy": round(trained.best.dev_accuracy, 4),
        "device": device,
        "wall_s": round(time.monotonic() - started),
    }
    spec = replace(spec, trained_on=origin)
    save_network(path, trained.network, spec)
    return replace(trained, spec=spec)
