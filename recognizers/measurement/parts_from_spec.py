"""From a scenario's corpus, recognizer and emotion network to the things themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recognizers.corpora.types import Corpus, Utterance
from recognizers.measurement.fill_cache import MeasurementError
from recognizers.measurement.protocols import EmotionRecognizer, Mel, Recognizer, Transcript
from recognizers.measurement.shipped_tables import NoTable, measured_corpus, measured_tables, remedy_of
from scenarios.plugins import make
from scenarios.schema.corpus import (
    CorpusSpec,
    FolderCorpusSpec,
    HumanCorpusSpec,
    ManifestCorpusSpec,
    MeasuredCorpusSpec,
    MixtureCorpusSpec,
    OneCorpusSpec,
    ShippedCorpusSpec,
    SyntheticCorpusSpec,
)
from scenarios.schema.server import EmotionSpec, RecognizerPluginSpec, RecognizerSpec, SphinxSpec, WhisperSpec

if TYPE_CHECKING:
    from recognizers.whisper.options import WhisperOptions

LANGUAGES: Mapping[str, str | None] = {"emodb": "de", "manifest": None, "synthetic": None}
"""Languages of the corpora that are not English; None where it is for the model to find out."""


def corpus_of(spec: OneCorpusSpec, recognizer: RecognizerSpec | None = None) -> Corpus:
    """Open a corpus; ``~`` and ``$NAME`` in its path are expanded.

    One without audio holds what its measured table for ``recognizer`` holds.  Raises ``CorpusError`` and, where no
    table ships, ``NoTable``."""
    if isinstance(spec, SyntheticCorpusSpec):
        return synthetic_corpus(spec)
    if isinstance(spec, MeasuredCorpusSpec) and spec.path is None:
        corpus = measured_corpus(spec.kind, recognizer.model if isinstance(recognizer, WhisperSpec) else None)
        return corpus.spread(spec.limit)
    return _opened(spec).spread(spec.limit)


def synthetic_corpus(spec: SyntheticCorpusSpec) -> Corpus:
    """Log-normal durations at evenly spaced probabilities: no randomness, so every run has the same ones.

    Durations are in whole milliseconds, between ``shortest`` and ``longest``.
    """
    from scipy.special import ndtri

    probabilities = (np.arange(spec.utterances) + 0.5) / spec.utterances
    normal = np.asarray(ndtri(probabilities), dtype=np.float64)
    durations_s = np.round(np.clip(spec.median * np.exp(spec.spread * normal), spec.shortest, spec.longest), 3)
    width = len(str(spec.utterances - 1))
    known = [Utterance(f"u{i:0{width}d}", None, "", None, "", float(d)) for i, d in enumerate(durations_s)]
    return Corpus("synthetic", Path(), tuple(known))


def _opened(
    spec: ShippedCorpusSpec | HumanCorpusSpec | MeasuredCorpusSpec | ManifestCorpusSpec | FolderCorpusSpec,
) -> Corpus:
    from recognizers.corpora.opening import open_corpus, open_human, open_shipped

    if isinstance(spec, ShippedCorpusSpec):
        return open_shipped()
    if isinstance(spec, HumanCorpusSpec):
        return open_human()
    folder = Path(os.path.expandvars(spec.path or "")).expanduser()
    kind = "manifest" if (folder / "manifest.tsv").is_file() else spec.kind.replace("-", "")
    corpus = open_corpus(kind, folder)
    if isinstance(spec, ManifestCorpusSpec) and spec.split is not None:
        return corpus.select(split=spec.split)
    return corpus


def recognizer_of(
    spec: RecognizerSpec, corpus: OneCorpusSpec | None = None, *, device: str = "cpu"
) -> Recognizer | None:
    """A recognizer for a corpus, whose language it takes where the scenario names none; ``None`` for kind ``none``.

    Weights that measured tables know are loaded when something must be recognized, others at once.  Raises
    ``ModelUnavailable``, ``DecodingOptionError``, and ``NoTable`` where only tables could answer and none does."""
    if isinstance(spec, WhisperSpec):
        return _whisper(spec, corpus, device)
    if isinstance(spec, SphinxSpec):
        from recognizers.sphinx import SphinxRecognizer

        return SphinxRecognizer()
    if isinstance(spec, RecognizerPluginSpec):
        return make(spec.class_, Recognizer, "recognizer", spec.options)
    return None


def _whisper(spec: WhisperSpec, corpus: OneCorpusSpec | None, device: str) -> Recognizer:
    from recognizers.whisper.options import fingerprint

    options = whisper_options(spec, corpus)

    def load() -> Recognizer:
        from recognizers.whisper import load_whisper

        loaded = load_whisper(spec.model, device=device)
        if loaded.tokens is None:
            return loaded.with_options(options)
        _refuse_options(spec)
        return loaded

    for table in measured_tables():
        if table.model == spec.model and table.recognizer == fingerprint(table.weights, options):
            return LazyRecognizer(spec.model, table.bands, table.recognizer, load)
    if isinstance(corpus, MeasuredCorpusSpec) and corpus.path is None:
        raise NoTable(
            f"the measured tables of corpus '{corpus.kind}' with model '{spec.model}' were made with other decoding "
            f"options than the scenario's; leave them at their defaults, or {remedy_of(corpus.kind)}"
        )
    return load()


def whisper_options(spec: WhisperSpec, corpus: OneCorpusSpec | None = None) -> WhisperOptions:
    """How a scenario has Whisper decode a corpus."""
    from recognizers.whisper.options import WhisperOptions

    language = spec.language or ("en" if corpus is None else LANGUAGES.get(corpus.kind, "en"))
    return WhisperOptions(
        language="en" if spec.model.endswith(".en") and spec.language is None else language,
        beam_size=spec.beam_size,
        prompt=spec.prompt,
        temperatures=spec.temperatures,
        compression_ratio_threshold=spec.compression_ratio_threshold,
        logprob_threshold=spec.logprob_threshold,
        no_speech_threshold=spec.no_speech_threshold,
        condition_on_previous_text=spec.condition_on_previous_text,
    )


def _refuse_options(spec: WhisperSpec) -> None:
    """nano's decoding is part of its training: options that change it would only make it worse, so none are taken."""
    from recognizers.whisper.options import DecodingOptionError

    given = sorted(spec.model_fields_set - {"kind", "model"})
    if given:
        raise DecodingOptionError(f"{spec.model} has a closed vocabulary and takes no {', '.join(given)}: remove it")


def emotion_of(spec: EmotionSpec, corpus: OneCorpusSpec | None = None) -> EmotionRecognizer | None:
    """An emotion network for a corpus; ``None`` for kind ``none``.

    Corpora with measured tables have the classes of cross-validation; others are classified by the network's weights.
    Raises ``EmotionError``, and ``NoTable`` for a corpus without audio whose tables do not have the network."""
    if spec.kind == "none":
        return None
    if isinstance(corpus, MeasuredCorpusSpec) and spec.weights == "shipped":
        return _measured_emotion(spec.kind, corpus.kind)
    from recognizers.emotion.recognizer import load_emotion

    if spec.weights == "shipped":
        return load_emotion(spec.kind)
    path = Path(os.path.expandvars(spec.weights)).expanduser()
    from recognizers.emotion.state_recognizer import is_of_states, load_states

    return load_states(path) if is_of_states(path) else load_emotion(path)


def encoder_of(emotion: EmotionSpec, corpus: CorpusSpec) -> str:
    """The Whisper whose states the emotion network reads; empty where it reads the Mel itself."""
    if emotion.kind != "amser":
        return ""
    if emotion.weights != "shipped":
        from recognizers.emotion.state_recognizer import encoder_of_file, is_of_states

        path = Path(os.path.expandvars(emotion.weights)).expanduser()
        return encoder_of_file(path) if is_of_states(path) else ""
    parts = corpus.parts if isinstance(corpus, MixtureCorpusSpec) else (corpus,)
    kinds = {part.kind for part in parts if isinstance(part, MeasuredCorpusSpec)}
    tables = [table for table in measured_tables() if table.corpus in kinds and table.emotion(emotion.kind)]
    return tables[0].model if tables else ""


def _measured_emotion(network: str, corpus: str) -> EmotionRecognizer:
    tables = [table for table in measured_tables() if table.corpus == corpus]
    for table in tables:
        if found := table.emotion(network):
            return found
    known = sorted({name for table in tables for name in table.networks})
    raise NoTable(
        f"no measured table of corpus '{corpus}' has the emotion network '{network}', only "
        f"{', '.join(known) or 'none'}; choose one of them or `emotion: {{kind: none}}`"
    )


@dataclass
class LazyRecognizer:
    """Stands for the recognizer that ``load`` gives, which must have this fingerprint."""

    name: str
    bands: int
    identity: str
    load: Callable[[], Recognizer]
    _loaded: Recognizer | None = field(default=None, init=False)

    def fingerprint(self) -> str:
        """What identifies weights and decoding, known without loading them."""
        return self.identity

    def transcribe(self, mels: Sequence[Mel], /) -> Sequence[Transcript]:
        """Load the weights if that has not happened, and recognize; errors are those of ``loaded``."""
        return self.loaded().transcribe(mels)

    def loaded(self) -> Recognizer:
        """The recognizer itself.

        Raises ``MeasurementError`` for other weights than those that the tables were made with."""
        if self._loaded is None:
            loaded = self.load()
            if loaded.fingerprint() != self.identity:
                raise MeasurementError(
                    f"the weights of '{self.name}' on this machine are not those that the measured tables were made "
                    "with; name the checkpoint by its path to use it as a model of its own"
                )
            self._loaded = loaded
        return self._loaded
