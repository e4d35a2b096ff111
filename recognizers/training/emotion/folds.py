"""Folds whose test speakers (or sessions) no training utterance has, each with a dev set from its training
part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recognizers.emotion.types import EmotionError
from recognizers.training.emotion.examples import Examples

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
    together (in RAVDESS neighbours are a man and a woman). The dev set is the next group. Where two speakers share a
    session, they talk to one another: nobody trains who talks to a speaker of the test or dev set, and the partner
    of the test speaker is the dev set. Raises `EmotionError` where the corpus does not name what is left out, names
    fewer than three, or leaves nobody to train on.
    """
    if by not in ("speaker", "session"):
        raise EmotionError(f"folds are by speaker or by session, found {by!r}")
    owners = np.array(examples.speakers if by == "speaker" else examples.sessions)
    names = sorted(set(owners.tolist()))
    if len(names) < 3 or "" in names:
        raise EmotionError(
            f"corpus {examples.corpus} names {len([n for n in names if n])} {by}s for its utterances; folds "
            f"by {by} need at least three, and every utterance named"
        )
    count = len(names) if folds is None else folds
    if not 3 <= count <= len(names):
        raise EmotionError(f"{len(names)} {by}s make 3 to {len(names)} folds, found {count}")
    groups = [set(part.tolist()) for part in np.array_split(np.array(names), count)]
    partners = _partners(examples) if by == "speaker" else {}
    return tuple(_fold(owners, group, groups[(n + 1) % count], partners) for n, group in enumerate(groups))


def _fold(owners: npt.NDArray[np.str_], tested: set[str], following: set[str], partners: Mapping[str, str]) -> Fold:
    held = {partners[name] for name in tested if name in partners} - tested or following
    away = tested | held | {partners[name] for name in tested | held if name in partners}
    train = ~np.isin(owners, sorted(away))
    name = "+".join(sorted(tested))
    if not train.any():
        raise EmotionError(f"fold {name} leaves nobody to train on: all others talk to its speakers; take more folds")
    parts = (train, np.isin(owners, sorted(held)), np.isin(owners, sorted(tested)))
    return Fold(name, *(np.flatnonzero(part) for part in parts))


def _partners(examples: Examples) -> dict[str, str]:
    """Who talks to whom: the two speakers of every session that has two."""
    sessions: dict[str, set[str]] = {}
    for speaker, session in zip(examples.speakers, examples.sessions, strict=True):
        if session:
            sessions.setdefault(session, set()).add(speaker)
    pairs = [sorted(two) for two in sessions.values() if len(two) == 2]
    return {one: other for two in pairs for one, other in (two, reversed(two))}
