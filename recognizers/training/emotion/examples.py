"""The utterances of a corpus as a network meets them: Mel, words, label, and who speaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from recognizers.corpora import Corpus, CorpusError, Fault
from recognizers.emotion.types import RATES, EmotionError, Mel, rank_of_rate
from recognizers.measurement.bar import Advance
from recognizers.measurement.protocols import Recognizer
from recognizers.training.predictions import Labels


@dataclass(frozen=True)
class Examples:
    """N labelled utterances in memory."""

    ids: tuple[str, ...]
    mels: tuple[Mel, ...]
    texts: tuple[str, ...]
    targets: npt.NDArray[np.int64]
    """(N,): places in `labels`."""
    speakers: tuple[str, ...]
    sessions: tuple[str, ...]
    labels: tuple[str, ...]
    corpus: str
    digest: str
    """Of the corpus they come from."""
    texts_at: Mapping[float, tuple[str, ...]]
    """The recognizer's words at a compress rate, where they were computed; else `texts` stands for every
    rate."""
    text_source: str = "reference"
    """Where the words come from: `reference`, or a recognizer's name."""
    faults: tuple[Fault, ...] = ()

    @property
    def known(self) -> Labels:
        """All but Mels and words."""
        return Labels(self.ids, self.speakers, self.targets, self.labels, self.corpus)

    @cached_property
    def bases(self) -> tuple[Mel, ...]:
        """Of every Mel the orthonormal basis (bands, bands) of its columns, the strongest direction first."""
        return tuple(column_basis(mel) for mel in self.mels)

    def __len__(self) -> int:
        return len(self.ids)

    def words(self, rate: float = 1.0) -> tuple[str, ...]:
        """The words that come with the Mel of a compress rate."""
        return self.texts_at.get(rate, self.texts)

    def take(self, places: Sequence[int] | npt.NDArray[np.int64]) -> Examples:
        """Some of the examples, in the given order."""
        return replace(
            self,
            ids=_pick(self.ids, places),
            mels=tuple(self.mels[i] for i in places),
            texts=_pick(self.texts, places),
            targets=self.targets[list(places)],
            speakers=_pick(self.speakers, places),
            sessions=_pick(self.sessions, places),
            texts_at={rate: _pick(texts, places) for rate, texts in self.texts_at.items()},
        )


def _pick(values: Sequence[str], places: Iterable[int]) -> tuple[str, ...]:
    return tuple(values[i] for i in places)


def load_examples(
    corpus: Corpus,
    labels: Sequence[str] | None = None,
    *,
    advance: Advance | None = None,
) -> Examples:
    """Load the labelled utterances of a corpus and compute their Mels.

    `labels` restricts and orders the classes. Files that cannot be read become `faults`. Raises
    `EmotionError` if fewer than two classes are left.
    """
    from channel.mel import log_mel

    chosen = tuple(labels) if labels is not None else corpus.labels
    wanted = [u for u in corpus.utterances if u.emotion in chosen]
    mels: list[Mel] = []
    kept = []
    faults = list(corpus.faults)
    for done, utterance in enumerate(wanted, start=1):
        try:
            mels.append(log_mel(corpus.load_audio(utterance)))
            kept.append(utterance)
        except (CorpusError, ValueError) as error:
            faults.append(Fault(utterance.path or corpus.root, str(error)))
        if advance:
            advance(done, len(wanted))
    present = {u.emotion for u in kept}
    if len(present) < 2:
        raise EmotionError(
            f"corpus {corpus.name} has {len(kept)} usable utterances of the classes {list(chosen)}; "
            f"its labels are {list(corpus.labels)}; at least two classes are needed"
        )
    chosen = tuple(label for label in chosen if label in present)
    return Examples(
        ids=tuple(u.id for u in kept),
        mels=tuple(mels),
        texts=tuple(u.text for u in kept),
        targets=np.array([chosen.index(str(u.emotion)) for u in kept], dtype=np.int64),
        speakers=tuple(u.speaker for u in kept),
        sessions=tuple(u.session for u in kept),
        labels=chosen,
        corpus=corpus.name,
        digest=corpus.digest,
        texts_at={},
        faults=tuple(faults),
    )


def truncate_rank(mel: Mel, rank: int) -> Mel:
    """The closest Mel of a rank (Eckart and Young 1936): what `mel-svd` in fp32 decodes to."""
    if rank >= min(mel.shape):
        return mel
    return project(mel, column_basis(mel), rank)


def column_basis(mel: Mel) -> Mel:
    """The left singular vectors (bands, bands) of a Mel, the strongest first, as the codec `mel-svd` sends
    them."""
    from channel.codecs.svd import mel_factors

    return mel_factors(mel, mel.shape[0])[0]


def project(mel: Mel, basis: Mel, rank: int) -> Mel:
    """A Mel within the first `rank` directions of its basis: its truncated SVD."""
    kept = basis[:, :rank]
    return np.asarray(kept @ (kept.T @ mel), dtype=np.float32)


def compressed(mels: Sequence[Mel], rate: float) -> list[Mel]:
    """The Mels as the server rebuilds them from AMSER's factors at a compress rate; 1.0 changes nothing."""
    return list(mels) if rate >= 1 else [truncate_rank(mel, rank_of_rate(rate)) for mel in mels]


def with_heard_words(
    examples: Examples,
    recognizer: Recognizer,
    rates: Sequence[float] = RATES,
    *,
    advance: Advance | None = None,
) -> Examples:
    """The examples with what the recognizer hears in the Mel of each rate; rate 1 stands for all others."""
    texts_at = {}
    for done, rate in enumerate(dict.fromkeys((1.0, *rates)), start=1):
        heard = recognizer.transcribe(compressed(examples.mels, rate))
        texts_at[rate] = tuple(str(transcript.text) for transcript in heard)
        if advance:
            advance(done, len(rates))
    return replace(examples, texts=texts_at[1.0], texts_at=texts_at, text_source=recognizer.name)
