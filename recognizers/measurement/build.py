"""From a scenario's corpus, recogniser and emotion network to the things themselves."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from recognizers.measurement.protocols import Corpus, EmotionRecogniser, Recogniser
from recognizers.measurement.synthetic import synthetic_corpus
from scenarios.plugins import make
from scenarios.schema.server import (
    CorpusSpec,
    EmotionSpec,
    ManifestCorpusSpec,
    RecogniserPluginSpec,
    RecogniserSpec,
    ShippedCorpusSpec,
    SphinxSpec,
    SyntheticCorpusSpec,
    WhisperSpec,
)


def corpus_of(spec: CorpusSpec) -> Corpus:
    """Open a corpus; ``~`` and ``$NAME`` in its path are expanded.  Raises ``CorpusError``."""
    from recognizers.corpora.opening import open_corpus, open_shipped

    if isinstance(spec, SyntheticCorpusSpec):
        return synthetic_corpus(spec)
    if isinstance(spec, ShippedCorpusSpec):
        corpus = open_shipped()
    else:
        folder = Path(os.path.expandvars(spec.path)).expanduser()
        corpus = open_corpus(spec.kind.replace("-", ""), folder)
        if isinstance(spec, ManifestCorpusSpec) and spec.split is not None:
            corpus = corpus.select(split=spec.split)
    if spec.limit is None or spec.limit >= len(corpus.utterances):
        return corpus
    count = len(corpus.utterances)
    spread = tuple(corpus.utterances[i * count // spec.limit] for i in range(spec.limit))
    return replace(corpus, utterances=spread, digest="")


def recogniser_of(spec: RecogniserSpec, *, device: str = "cpu") -> Recogniser | None:
    """Load a recogniser; ``None`` for kind ``none``.  Raises ``ModelUnavailable`` or ``MeasurementError``."""
    if isinstance(spec, WhisperSpec):
        from recognizers.whisper import load_whisper

        return load_whisper(spec.model, device=device)
    if isinstance(spec, SphinxSpec):
        from recognizers.sphinx import SphinxRecogniser

        return SphinxRecogniser()
    if isinstance(spec, RecogniserPluginSpec):
        return make(spec.class_, Recogniser, "recogniser", spec.options)
    return None


def emotion_of(spec: EmotionSpec) -> EmotionRecogniser | None:
    """Load an emotion network; ``None`` for kind ``none``.  Raises ``EmotionError``."""
    if spec.kind == "none":
        return None
    from recognizers.emotion.recognizer import load_emotion

    if spec.weights == "shipped":
        return load_emotion(spec.kind)
    return load_emotion(Path(os.path.expandvars(spec.weights)).expanduser())
