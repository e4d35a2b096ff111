"""From names on the command line to the codec study of ``recognizers.study``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amser.codec_names import codecs_named, own_codecs

if TYPE_CHECKING:
    import pandas as pd


def run_codec_study(
    corpus: str,
    recogniser: str,
    emotion: str,
    codecs: Sequence[str] | None = None,
    limit: int | None = None,
    scenario: str | None = None,
) -> pd.DataFrame:
    """The tidy frame of ``recognizers.study.study_codecs``.

    ``corpus`` is a folder, a manifest or ``shipped``; ``recogniser`` a Whisper, ``sphinx`` or ``none``;
    ``emotion`` a network, the path of its weights, or ``none``; ``codecs`` are standard ones or those that
    ``scenario`` defines, by default the usual and all of the scenario's.
    Raises ``UserError``, ``ScenarioError``, ``CorpusError``, ``ModelUnavailable``, ``EmotionError``.
    """
    from recognizers.corpora import open_corpus
    from recognizers.emotion.recognizer import load_emotion
    from recognizers.study import DEFAULT_CODECS, study_codecs

    names = codecs or dict.fromkeys((*DEFAULT_CODECS, *own_codecs(scenario)))
    hearer = recogniser_named(recogniser)
    bands = 80 if hearer is None else hearer.bands
    built = codecs_named(names, scenario, bands)
    network = None if emotion == "none" else load_emotion(emotion)
    speech: Any = open_corpus(corpus)
    if limit is not None and limit < len(speech.utterances):
        count = len(speech.utterances)
        chosen = tuple(speech.utterances[i * count // limit] for i in range(limit))
        speech = replace(speech, utterances=chosen, digest="")
    return study_codecs(speech, built, hearer, network, progress=True)


def recogniser_named(name: str) -> Any:
    """A Whisper by name or path, ``sphinx``, or None for ``none``.  Raises ``ModelUnavailable``."""
    from recognizers.measurement.build import recogniser_of
    from scenarios.schema.server import NoRecogniserSpec, SphinxSpec, WhisperSpec

    specs: dict[str, Any] = {"sphinx": SphinxSpec(kind="sphinx"), "none": NoRecogniserSpec(kind="none")}
    return recogniser_of(specs.get(name) or WhisperSpec(model=name))
