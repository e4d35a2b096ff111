"""Folds whose test speakers (or sessions) no training utterance has, each with a dev set from its training
part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recognizers.emotion.examples import Examples
from recognizers.emotion.types import EmotionError

__all__ = ["Fold", "leave_one_out"]

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """One part of a cross-validation; places are those of the examples."""

    name: str
    """The speakers or the session that are tested."""
    train: Places
    dev: Places
    test: Places


def leave_one_out(examples: Examples, by: str = "speaker", folds: int | None = None) -> tuple[Fold, ...]:
    """Leave one speaker out (`by="speaker"`) or one session (`by="session"`, IEMOCAP's five).

    With `folds` below their number, speakers are dealt into that many groups, neighbours in sorted order
    together (in RAVDESS neighbours are a man and a woman). The dev set is another group: the next one, or,
    by session, one speaker of the next session, so that little is taken from training. Raises
    `EmotionError` where the corpus does not name what is left out, or names fewer than three.
    """
    if by not in ("speaker", "session"):
        raise EmotionError(f"folds are by speaker or by session, found {by!r}")
    owners = examples.speakers if by == "speaker" else examples.sessions
    names = sorted(set(owners))
    if len(names) < 3 or "" in names:
        raise EmotionError(
            f"corpus {examples.corpus} names {len([n for n in names if n])} {by}s for its utterances; folds "
            f"by {by} need at least three, and every utterance named"
        )
    count = len(names) if folds is None else folds
    if not 3 <= count <= len(names):
        raise EmotionError(f"{len(names)} {by}s make 3 to {len(names)} folds, found {count}")
    groups = [tuple(part) for part in np.array_split(np.array(names), count)]
    return tuple(_fold(examples, owners, groups, place, by) for place in range(count))


def _fold(examples: Examples, owners: Sequence[str], groups: Sequence[tuple[str, ...]], place: int, by: str) -> Fold:
    following = set(groups[(place + 1) % len(groups)])
    test = np.array([owner in groups[place] for owner in owners])
    dev = np.array([owner in following for owner in owners])
    if by == "session":
        first = min(speaker for speaker, inside in zip(examples.speakers, dev, strict=True) if inside)
        dev &= np.array([speaker == first for speaker in examples.speakers])
    train = ~test & ~dev
    name = "+".join(groups[place])
    return Fold(name, *(np.flatnonzero(part) for part in (train, dev, test)))
