"""From names on the command line to the codec study of ``recognizers.measurement.codec_comparison``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from amser.codec_names import codecs_named, own_codecs
from amser.exits import UserError

if TYPE_CHECKING:
    import pandas as pd

    from recognizers.corpora import Corpus
    from recognizers.measurement.protocols import Recognizer
    from scenarios.schema.corpus import MeasuredCorpusSpec
    from scenarios.schema.server import RecognizerSpec


def run_codec_study(
    corpus: str,
    recognizer: str,
    emotion: str,
    codecs: Sequence[str] | None = None,
    limit: int | None = None,
    scenario: str | None = None,
) -> pd.DataFrame:
    """The tidy frame of ``recognizers.measurement.codec_comparison.study_codecs``.

    ``corpus`` is a folder, a manifest, or one that ships, with its audio or with measured tables; ``recognizer`` a
    Whisper, ``sphinx`` or ``none``; ``emotion`` a network, the path of its weights, or ``none``; ``codecs`` are
    standard ones, by default those of the corpus's table, or the usual ones; those that ``scenario`` defines are
    compared too.
    Raises ``UserError``, ``ScenarioError``, ``CorpusError``, ``ModelUnavailable``, ``EmotionError``.
    """
    from recognizers.emotion.recognizer import load_emotion
    from recognizers.measurement.codec_comparison import study_codecs

    spec, speech = _speech(corpus, recognizer)
    hearer = recognizer_named(recognizer, spec)
    bands = 80 if hearer is None else hearer.bands
    names = dict.fromkeys((*(codecs or _usual(corpus, recognizer)), *own_codecs(scenario)))
    built = codecs_named(names, scenario, bands)
    network = None if emotion == "none" else load_emotion(emotion)
    return study_codecs(speech.spread(limit), built, hearer, network, progress=True)


def _speech(corpus: str, recognizer: str) -> tuple[MeasuredCorpusSpec | None, Corpus]:
    """A corpus that its measured table knows, or one with audio."""
    from typing import get_args

    from recognizers.corpora import open_corpus
    from recognizers.measurement.parts_from_spec import corpus_of
    from scenarios.schema.corpus import MeasuredCorpusSpec
    from scenarios.schema.server import WhisperSpec

    if corpus not in get_args(MeasuredCorpusSpec.model_fields["kind"].annotation):
        return None, open_corpus(corpus)
    spec = MeasuredCorpusSpec.model_validate({"kind": corpus})
    return spec, corpus_of(spec, WhisperSpec(model=recognizer))


def _usual(corpus: str, recognizer: str) -> Sequence[str]:
    """The codecs of the measured table, or the usual ones."""
    from recognizers.measurement.codec_comparison import DEFAULT_CODECS
    from recognizers.measurement.shipped_tables import measured_tables

    for table in measured_tables():
        if (table.corpus, table.model) == (corpus, recognizer):
            return list(table.rows(["codec"])["codec"].unique())
    return DEFAULT_CODECS


def listener_named(name: str) -> Recognizer:
    """A Whisper by name or path, or ``sphinx``.  Raises ``ModelUnavailable``, and ``UserError`` for ``none``."""
    found = recognizer_named(name)
    if found is None:
        raise UserError(f"'{name}' hears no words; name a Whisper or sphinx")
    return found


def recognizer_named(name: str, corpus: MeasuredCorpusSpec | None = None) -> Recognizer | None:
    """A Whisper by name or path, ``sphinx``, or None for ``none``.  Raises ``ModelUnavailable``."""
    from recognizers.measurement.parts_from_spec import recognizer_of
    from scenarios.schema.server import NoRecognizerSpec, SphinxSpec, WhisperSpec

    specs: dict[str, RecognizerSpec] = {"sphinx": SphinxSpec(kind="sphinx"), "none": NoRecognizerSpec(kind="none")}
    return recognizer_of(specs.get(name) or WhisperSpec(model=name), corpus)
