"""From a scenario's corpus, recognizer and emotion network to its measurement table.

A mixture of corpora is measured part by part: each has its own language, and only what has labels has emotions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recognizers.corpora.types import Corpus
from recognizers.measurement.parts_from_spec import corpus_of, emotion_of, recognizer_of
from recognizers.measurement.protocols import EmotionRecognizer, Recognizer
from recognizers.measurement.shipped_tables import measured_tables
from scenarios.schema.corpus import MeasuredCorpusSpec, MixtureCorpusSpec, OneCorpusSpec
from scenarios.schema.scenario import Scenario
from scenarios.schema.server import WhisperSpec

if TYPE_CHECKING:
    import pandas as pd

    from scenarios.schema.codec import CodecSpec

DEFAULT_BANDS = 80


@dataclass(frozen=True)
class Hearing:
    """One corpus with what listens to it."""

    corpus: Corpus
    recognizer: Recognizer | None
    emotion: EmotionRecognizer | None
    worded: frozenset[str] | None = None
    """Fingerprints of the codecs whose words can be had; None: of any."""

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
    corpus, worded = corpus_of(spec, scenario.recognizer), _worded(spec, scenario)
    recognizer = recognizer_of(scenario.recognizer, spec) if worded is None or worded else None
    labelled = any(utterance.emotion for utterance in corpus.utterances)
    return Hearing(corpus, recognizer, emotion_of(scenario.emotion, spec) if labelled else None, worded)


def _worded(spec: OneCorpusSpec, scenario: Scenario) -> frozenset[str] | None:
    """Codecs whose words can be had: of a corpus without audio, those that its table knows the words of."""
    if not isinstance(spec, MeasuredCorpusSpec) or spec.path is not None:
        return None
    if not isinstance(scenario.recognizer, WhisperSpec):
        return None
    wanted = (spec.kind, scenario.recognizer.model)
    tables = [table for table in measured_tables() if (table.corpus, table.model) == wanted]
    # A table with words throughout is asked for whatever comes: then the error says that it lacks the codec.
    partly = [table.worded for table in tables if not table.has_words]
    return frozenset().union(*partly) if partly else None


def measured(
    scenario: Scenario, specs: Mapping[str, CodecSpec], *, cache_dir: Path | None = None, progress: bool = False
) -> pd.DataFrame:
    """The measurement table of a scenario, under the codecs of ``specs``.

    Columns and errors are those of ``measure``; rows go codec by codec.  Utterances of a mixture are named
    ``corpus/utterance``.  ``frame.attrs["tables"]`` names the measured tables that were used."""

    heard = hearings(scenario)
    frames = [_measured(one, specs, cache_dir, progress) for one in heard]
    if len(frames) > 1:
        for one, frame in zip(heard, frames, strict=True):
            for column in ("utterance", "speaker"):  # two corpora may use one name
                frame[column] = one.corpus.name + "/" + frame[column]
    return _joined(frames, list(specs))


def _measured(heard: Hearing, specs: Mapping[str, CodecSpec], cache_dir: Path | None, progress: bool) -> pd.DataFrame:
    """One corpus; its codecs without words, if any, are measured apart from those that have some."""
    from channel.codecs import build_codec
    from recognizers.measurement.measure import measure

    codecs = {name: build_codec(spec, bands=heard.bands, name=name) for name, spec in specs.items()}
    known = codecs if heard.worded is None else {n: c for n, c in codecs.items() if c.fingerprint() in heard.worded}
    parts = [(known, heard.recognizer), ({n: c for n, c in codecs.items() if n not in known}, None)]
    return _joined(
        [
            measure(heard.corpus, part, recognizer, heard.emotion, cache_dir=cache_dir, progress=progress)
            for part, recognizer in parts
            if part
        ],
        list(specs),
    )


def _joined(frames: Sequence[pd.DataFrame], codecs: Sequence[str]) -> pd.DataFrame:
    """Tables as one, in the order of ``codecs``; of their ``attrs`` the measured tables and the counts of cells."""
    import pandas as pd

    if len(frames) == 1:
        return frames[0]
    tables = {table["table"]: table for frame in frames for table in frame.attrs["tables"]}
    counts = {count: sum(frame.attrs[count] for frame in frames) for count in ("measured", "recalled")}
    for frame in frames:
        frame.attrs = {}
    order = {name: place for place, name in enumerate(codecs)}
    whole = pd.concat(frames, ignore_index=True).sort_values("codec", key=lambda c: c.map(order), kind="stable")
    whole = whole.reset_index(drop=True)
    whole.attrs = counts | {"tables": list(tables.values())}
    return whole


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
