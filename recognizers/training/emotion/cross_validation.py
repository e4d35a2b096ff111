"""Cross-validation of emotion networks: what `amser evaluate` does.

Every fold's predictions are a Parquet file that is written as soon as the fold's training has ended. A run that was
cut off goes on with the folds that are missing; a changed corpus, recipe, seed or network has another folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recognizers.emotion.networks import NetworkSpec
from recognizers.emotion.types import RATES, EmotionError
from recognizers.emotion.weights import start_from
from recognizers.training.emotion.evaluation import Evaluation, classes_found
from recognizers.training.emotion.examples import Examples
from recognizers.training.emotion.glove import Glove
from recognizers.training.emotion.recipe import Recipe, for_size, train_network
from recognizers.training.predictions import prediction_rows

if TYPE_CHECKING:
    import pandas as pd

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


CODE_VERSION = 4
"""Raised when a change of the code changes results; finished folds of another version are not reused."""
SEED_STEP = 1000
"""Between the seeds of one cross-validation: fold k is trained with its seed plus k, and no two shall meet."""
LONGEST_NAME = 100
"""Most characters of a fold's name in its file's; file systems end at 255."""


@dataclass(frozen=True)
class _Job:
    """The training of one fold with one seed."""

    fold: Fold
    recipe: Recipe
    place: Path
    """Folder of the finished folds of its seed."""
    seed: int
    """The seed that all folds of its training share."""

    @property
    def path(self) -> Path:
        name = re.sub(r"[^\w+.-]", "_", self.fold.name)[:LONGEST_NAME]
        if name != self.fold.name:  # many speakers, or such as no file system takes
            name += "-" + hashlib.sha256(self.fold.name.encode()).hexdigest()[:12]
        return self.place / f"fold-{name}.parquet"

    def finished(self) -> pd.DataFrame | None:
        import pandas as pd

        try:
            return pd.read_parquet(self.path)
        except (OSError, ValueError):  # a damaged file counts as missing
            return None

    def write(self, rows: pd.DataFrame) -> None:
        """The predictions; whole or not at all."""
        self.place.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".part")
        rows.to_parquet(temporary)
        temporary.replace(self.path)


def cross_validate(
    architecture: str,
    examples: Examples,
    folder: Path,
    *,
    by: str = "speaker",
    folds: int | None = None,
    only: str | None = None,
    size: str = "small",
    modalities: str = "both",
    recipe: Recipe | None = None,
    seeds: int = 1,
    rates: Sequence[float] = RATES,
    start: Path | None = None,
    glove: Glove | None = None,
    advance: Callable[[int, int], None] | None = None,
    device: str = "cpu",
) -> Evaluation:
    """Train and test every fold; finished folds in `folder` are read, not trained again.

    With `seeds` above 1 every fold is trained that often, with the recipe's seed and others `SEED_STEP` apart. Fold k
    is trained with its seed plus k, and every fold from the weights `start` or the word vectors `glove`, if given.
    `only` names the one fold that is trained and tested, as it would be among all.
    `advance(done, total)` is called after each.
    """
    import pandas as pd

    recipe = for_size(recipe or Recipe(), architecture, size)
    if start and glove:
        raise EmotionError("a training starts from weights or from GloVe vectors; leave one of the two out")
    tokenizer, width = (glove.vocabulary, glove.width) if glove else (None, None)
    spec = NetworkSpec.of(
        architecture, examples.labels, size=size, tokenizer=tokenizer, modalities=modalities, word_width=width
    )
    prepare = start_from(start) if start else glove.fill if glove else None
    trained = _described(recipe, start, glove, modalities)
    parts = leave_one_out(examples, by, folds)
    jobs = []
    for seed in range(recipe.seed, recipe.seed + seeds * SEED_STEP, SEED_STEP):
        seeded = dataclasses.replace(recipe, seed=seed)
        place = folder / f"{architecture}-{_key(spec, examples, seeded, parts, rates, start, glove, device)}"
        for number in _chosen(parts, only):
            jobs.append(_Job(parts[number], dataclasses.replace(recipe, seed=seed + number), place, seed))
    found = {job.path: job.finished() for job in jobs}
    missing = [job for job in jobs if found[job.path] is None]
    for done, job in enumerate(missing, start=len(jobs) - len(missing) + 1):
        train, dev, test = (examples.take(part) for part in (job.fold.train, job.fold.dev, job.fold.test))
        made = train_network(spec, train, dev, job.recipe, prepare=prepare, device=device)
        predicted = classes_found(made.network, made.tokenizer, test, rates, modalities)
        rows = prediction_rows(test.known, predicted, network=architecture, training=trained, seed=job.seed)
        found[job.path] = rows = rows.assign(fold=job.fold.name)
        job.write(rows)
        if advance:
            advance(done, len(jobs))
    words = examples.text_source if modalities != "audio" else "none"
    protocol = f"leave one {by} out, " + (f"{only} alone" if only else f"{len(parts)} folds")
    whole = pd.concat(list(found.values()), ignore_index=True)
    return Evaluation(whole, examples.corpus, examples.labels, protocol, trained, words)


def _chosen(parts: Sequence[Fold], only: str | None) -> list[int]:
    """The numbers of the folds that are wanted."""
    names = [fold.name for fold in parts]
    if only is not None and only not in names:
        raise EmotionError(f"there is no fold {only!r}; the folds are {', '.join(names)}")
    return [number for number, name in enumerate(names) if only in (None, name)]


def _described(recipe: Recipe, start: Path | None, glove: Glove | None, modalities: str) -> str:
    told = ("across rates" if recipe.across_rates else "clean") + (" from shipped" if start else "")
    if modalities == "audio":
        return f"{told}, audio only"
    words = f"{'frozen ' if glove.frozen else ''}words of {glove.source}" if glove else "hashed pieces of words"
    return f"{told}, {words}" + (", text only" if modalities == "text" else "")


def _key(
    spec: NetworkSpec,
    examples: Examples,
    recipe: Recipe,
    parts: Sequence[Fold],
    rates: Sequence[float],
    start: Path | None,
    glove: Glove | None,
    device: str,
) -> str:
    """Twelve hex digits that change with whatever changes the results."""
    texts = [examples.texts, *(examples.words(rate) for rate in rates)]
    content = {
        "code": CODE_VERSION,
        "spec": dataclasses.asdict(spec),
        "ids": examples.ids,
        "corpus": examples.digest,
        "texts": hashlib.sha256(json.dumps(texts).encode()).hexdigest(),
        "recipe": dataclasses.asdict(recipe),
        "folds": [fold.name for fold in parts],
        "rates": list(rates),
        "start": hashlib.sha256(start.read_bytes()).hexdigest() if start else None,
        **({"glove": glove.describe()} if glove else {}),
        **({"device": device.partition(":")[0]} if device != "cpu" else {}),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
