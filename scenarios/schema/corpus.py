"""The speech that the devices send: corpora with audio, with measured tables, or of durations alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from scenarios.quantities import PositiveDuration
from scenarios.schema.base import Listed, Spec, kind_short_form


class _Audio(Spec):
    limit: Annotated[int, Field(ge=1)] | None = None
    """Use only this many utterances, evenly spread over the corpus."""


class ShippedCorpusSpec(_Audio):
    """The speech that ships with the project: synthetic voice-assistant commands in four emotions."""

    kind: Literal["shipped"] = "shipped"
    """`shipped`: the committed test clips."""


class ManifestCorpusSpec(_Audio):
    """The user's own audio, listed in a table."""

    kind: Literal["manifest"]
    """`manifest`: a TSV file with a header: path, text, and if known emotion, speaker, split."""
    path: str
    """The TSV file, or the folder that holds `manifest.tsv`; audio paths are relative to it."""
    split: str | None = None
    """Only the rows of this split."""


class MeasuredCorpusSpec(_Audio):
    """A published corpus whose measured tables ship with the project; its audio is needed for nothing they hold."""

    kind: Literal["librispeech", "speechocean", "emodb", "ravdess"]
    """Which corpus; `amser list measured` says which models and codecs its tables hold."""
    path: str | None = None
    """The corpus's folder, for codecs, models and utterances that no table holds; left out, the tables alone."""


class HumanCorpusSpec(_Audio):
    """Forty short utterances of LibriSpeech that ship with the project, audio and all."""

    kind: Literal["librispeech-short"]
    """`librispeech-short`: people's speech, on which any codec can be measured without a download."""


class FolderCorpusSpec(_Audio):
    """A published corpus in its own folder layout."""

    kind: Literal["iemocap", "crema-d"]
    """Which corpus, and so which layout and label files."""
    path: str
    """The corpus's folder."""


class SyntheticCorpusSpec(Spec):
    """Utterances that are durations only, for `fixed` codecs and studies without recognition."""

    kind: Literal["synthetic"]
    """`synthetic`: log-normally distributed durations, no audio."""
    utterances: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """How many different utterances."""
    median: PositiveDuration = 3.0
    """Median duration of an utterance."""
    spread: Annotated[float, Field(ge=0.0, le=2.0)] = 0.4
    """Standard deviation of the duration's natural logarithm; 0 makes all alike."""
    shortest: PositiveDuration = 0.3
    """Durations below are raised to this."""
    longest: PositiveDuration = 30.0
    """Durations above are cut to this (Whisper's window)."""

    @model_validator(mode="after")
    def _ordered(self) -> SyntheticCorpusSpec:
        if not self.shortest <= self.median <= self.longest:
            found = f"{self.shortest:g} s, {self.median:g} s, {self.longest:g} s"
            raise ValueError(f"durations need shortest <= median <= longest, found {found}")
        return self


_One = (
    ShippedCorpusSpec
    | HumanCorpusSpec
    | MeasuredCorpusSpec
    | ManifestCorpusSpec
    | FolderCorpusSpec
    | SyntheticCorpusSpec
)
OneCorpusSpec = Annotated[_One, Field(discriminator="kind"), BeforeValidator(kind_short_form)]


class MixtureCorpusSpec(Spec):
    """Several corpora together: word errors over what has words, emotion over what has labels."""

    kind: Literal["mixture"]
    """`mixture`: also written as a list, `corpus: [librispeech, emodb]`."""
    parts: Annotated[tuple[OneCorpusSpec, ...], Listed, Field(min_length=2)]
    """The corpora, each of another kind or from another folder; devices speak each utterance as often as any other."""

    @field_validator("parts")
    @classmethod
    def _each_once(cls, parts: tuple[OneCorpusSpec, ...]) -> tuple[OneCorpusSpec, ...]:
        # A corpus that is there twice has no more to say, yet its intervals would be narrower.
        seen: set[tuple[str, object]] = set()
        for part in parts:
            which = (part.kind, getattr(part, "path", None))
            if which in seen:
                raise ValueError(f"the corpus {part.kind} is named twice; leave one of them out")
            seen.add(which)
        return parts


def _from_list(value: Any) -> Any:
    return {"kind": "mixture", "parts": value} if isinstance(value, list) else kind_short_form(value)


_Named = Annotated[str, Field(description="a corpus that ships, by its kind: `librispeech`")]
_Several = Annotated[list[Any], Field(description="several corpora together: `[librispeech, emodb]`")]
CorpusSpec = Annotated[
    Annotated[_One | MixtureCorpusSpec, Field(discriminator="kind")],
    BeforeValidator(_from_list, json_schema_input_type=_Named | _Several | _One | MixtureCorpusSpec),
]
