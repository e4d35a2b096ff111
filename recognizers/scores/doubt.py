"""Which hypotheses are better not acted upon, by the recognizer's own probabilities.

The thresholds are those of openai-whisper's ``transcribe`` (``no_speech_threshold``, ``logprob_threshold``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

NO_SPEECH = 0.6
LOGPROB = -1.0
WORTH_A_WARNING = 0.1


def is_doubtful(no_speech_prob: float, avg_logprob: float) -> bool:
    """Whether there is probably no speech, or its words are improbable; never where nothing is known (NaN)."""
    return no_speech_prob > NO_SPEECH or avg_logprob < LOGPROB


def flagged(table: pd.DataFrame) -> pd.Series:
    """``is_doubtful`` of every row of a measurement table."""
    return (table["no_speech_prob"] > NO_SPEECH) | (table["avg_logprob"] < LOGPROB)


def recognition_doubts(table: pd.DataFrame) -> list[str]:
    """One line for each codec under which a tenth or more of the recognized utterances are flagged."""
    known = table[table["avg_logprob"].notna()]
    shares = flagged(known).groupby(known["codec"], sort=False).mean()
    high = {str(codec): float(share) for codec, share in shares.items() if share >= WORTH_A_WARNING}
    if not high:
        return []
    listed = ", ".join(f"{codec} {share:.0%}" for codec, share in high.items())
    return [
        f"the recognizer doubts its own words (no speech, or improbable words) in {listed} of the utterances: their "
        "word errors and emotions say little; nano is for the commands it was trained on, other speech needs another "
        "recognizer"
    ]
