"""Word error rate against compress rate: any recognizer on any corpus, through the cached measurement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from amser.reproduction.rows import LOW_RATES, RATES, Part, Row

if TYPE_CHECKING:
    import pandas as pd

    from channel.codecs import Codec
    from recognizers.corpora import Corpus
    from recognizers.measurement.protocols import Recognizer


def codecs_by_rate(bands: int) -> dict[float | None, Codec]:
    """Raw audio (key None) and AMSER's fp32 factors at every compress rate."""
    from channel.codecs import build_codec
    from channel.codecs.svd import MelSvd

    factors: dict[float | None, Codec] = {
        rate: MelSvd(f"amser-{100 * rate:g}", bands, compress=rate) for rate in (*RATES, *LOW_RATES)
    }
    return {None: build_codec("raw", bands=bands), **factors}


def measured_words(corpus: Corpus, recognizer: Recognizer) -> pd.DataFrame:
    """The measurement table of a corpus at every rate, recalled from the cache where it was measured before."""
    from recognizers.measurement.measure import measure

    named = {_name(rate): codec for rate, codec in codecs_by_rate(recognizer.bands).items()}
    return measure(corpus, named, recognizer, progress=True)


def _name(rate: float | None) -> str:
    return "raw" if rate is None else f"{rate:g}"


def hypotheses(table: pd.DataFrame, rate: float | None) -> dict[str, str]:
    """What was heard of each utterance at a rate, by the utterance's id."""
    part = table[table["codec"] == _name(rate)]
    return dict(zip(part["utterance"], part["hypothesis"], strict=True))


def word_rows(
    table: pd.DataFrame,
    corpus: str,
    recognizer: Recognizer,
    groups: Mapping[str, Callable[[str], bool]] | None = None,
) -> Part:
    """Rows of WER, and of the share of utterances that are flagged, at every rate.

    ``groups`` splits the corpus: by a name, which utterance ids belong to it.  Word errors are summed over
    the utterances before they are divided; intervals are those of ``recognizers.scores``.
    """
    part = Part()
    weights = str(getattr(recognizer, "description", recognizer.name))
    for group, belongs in (groups or {"": lambda _: True}).items():
        name = f"{corpus}, {group}" if group else corpus
        for rate in (None, *RATES, *LOW_RATES):
            rows = table[(table["codec"] == _name(rate)) & table["utterance"].map(belongs)]
            head = Row("wer", recognizer.name, name, weights, "", rate, "wer", "1", 0.0, n=len(rows))
            part.rows += [*_wer(head, rows), *_flagged(head, rows)]
    return part


def _wer(head: Row, rows: pd.DataFrame) -> list[Row]:
    from recognizers.scores import scores, word_counts, word_scores

    found = scores(word_counts(rows), word_scores)["wer"]
    if not found.value >= 0:
        return []
    how = f"intervals over {found.over}"
    return [replace(head, value=found.value, low=found.low, high=found.high, n=found.n, protocol=how)]


def _flagged(head: Row, rows: pd.DataFrame) -> list[Row]:
    if not rows["avg_logprob"].notna().any():
        return []  # PocketSphinx tells no probabilities
    from recognizers.scores.doubt import flagged

    return [replace(head, metric="flagged", value=float(flagged(rows).mean()))]
