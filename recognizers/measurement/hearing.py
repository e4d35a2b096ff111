"""From a scenario's corpus, recognizer and emotion network to its measurement table.

A mixture of corpora is measured part by part: each has its own language, and only what has labels has emotions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recognizers.measurement.parts_from_spec import corpus_of, emotion_of, recognizer_of
from recognizers.measurement.protocols import Corpus, EmotionRecognizer, Recognizer
from recognizers.measurement.shipped_tables import measured_tables
from scenarios.schema.corpus import MeasuredCorpusSpec, MixtureCorpusSpec, OneCorpusSpec
from scenarios.schema.scenario import Scenario
from scenarios.schema.server import WhisperSpec

if TYPE_CHECKING:
    import pandas as pd

    from scenarios.schema.codec import CodecSpec

__all__ = ["Hearing", "corpora", "described", "hearings", "measured", "rests_on_tables"]

DEFAULT_BANDS = 80


@dataclass(frozen=True)
class Hearing:
    """One corpus with what listens to it."""

    corpus: Corpus
    recognizer: Recognizer | None
    emotion: EmotionRecognizer | None

    @property
    def bands(self) -> int:
        """Mel bands that the codecs must give."""
        return DEFAULT_BANDS if self.recognizer is None else self.recognizer.bands


def hearings(scenario: Scenario) -> list[Hearing]:
    """The corpora of a scenario, each with its recognizer and network."""
    return [_hearing(part, scenario) for part in _parts(scenario)]


def corpora(scenario: Scenario) -> list[Corpus]:
    """The corpora of a scenario."""
    return [corpus_of(part, scenario.recognizer) for part in _parts(scenario)]


def rests_on_tables(scenario: Scenario) -> bool:
    """Whether all its speech is in measured tables alone, so that neither audio nor weights are wanted."""
    return all(isinstance(part, MeasuredCorpusSpec) and part.path is None for part in _parts(scenario))


def _parts(scenario: Scenario) -> tuple[OneCorpusSpec, ...]:
    spec = scenario.corpus
    return spec.parts if isinstance(spec, MixtureCorpusSpec) else (spec,)


def _hearing(spec: OneCorpusSpec, scenario: Scenario) -> Hearing:
    corpus = corpus_of(spec, scenario.recognizer)
    recognizer = recognizer_of(scenario.recognizer, spec) if _has_words(spec, scenario) else None
    labelled = any(utterance.emotion for utterance in corpus.utterances)
    return Hearing(corpus, recognizer, emotion_of(scenario.emotion, spec) if labelled else None)


def _has_words(spec: OneCorpusSpec, scenario: Scenario) -> bool:
    """Whether words can be had of a corpus: of one without audio, only if its table has them."""
    if not isinstance(spec, MeasuredCorpusSpec) or spec.path is not None:
        return True
    if not isinstance(scenario.recognizer, WhisperSpec):
        return True
    wanted = (spec.kind, scenario.recognizer.model)
    return all(table.has_words for table in measured_tables() if (table.corpus, table.model) == wanted)


def measured(
    scenario: Scenario, specs: Mapping[str, CodecSpec], *, cache_dir: Path | None = None, progress: bool = False
) -> pd.DataFrame:
    """The measurement table of a scenario, under the codecs of ``specs``.

    Columns and errors are those of ``measure``; rows go codec by codec.  Utterances of a mixture are named
    ``corpus/utterance``.  ``frame.attrs["tables"]`` names the measured tables that were used."""
    import pandas as pd

    heard = hearings(scenario)
    frames = [_measured(one, specs, cache_dir, progress) for one in heard]
    if len(frames) == 1:
        return frames[0]
    order = {name: place for place, name in enumerate(specs)}
    tables = [table for frame in frames for table in frame.attrs["tables"]]
    for one, frame in zip(heard, frames, strict=True):
        for column in ("utterance", "speaker"):  # two corpora may use one name
            frame[column] = one.corpus.name + "/" + frame[column]
        frame.attrs = {}
    whole = pd.concat(frames, ignore_index=True).sort_values("codec", key=lambda c: c.map(order), kind="stable")
    whole = whole.reset_index(drop=True)
    whole.attrs["tables"] = tables
    return whole


def _measured(heard: Hearing, specs: Mapping[str, CodecSpec], cache_dir: Path | None, progress: bool) -> pd.DataFrame:
    from channel.codecs import build_codec
    from recognizers.measurement.measure import measure

    codecs = {name: build_codec(spec, bands=heard.bands, name=name) for name, spec in specs.items()}
    return measure(heard.corpus, codecs, heard.recognizer, heard.emotion, cache_dir=cache_dir, progress=progress)


def described(heard: Sequence[Hearing]) -> Iterator[dict[str, object]]:
    """Corpora, recognizers and networks with their digests, for manifests."""
    for one in heard:
        yield {
            "corpus": {
                "name": one.corpus.name,
                "digest": getattr(one.corpus, "digest", ""),  # a corpus of the user's own may have none
                "utterances": len(one.corpus.utterances),
            },
            "recognizer": _named(one.recognizer),
            "emotion": _named(one.emotion),
        }


def _named(part: Recognizer | EmotionRecognizer | None) -> dict[str, str] | None:
    return None if part is None else {"name": part.name, "fingerprint": part.fingerprint()}
