"""Runs the parts of the reproduction with what is at hand, and says what is not."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from amser.reproduction.rows import Part

if TYPE_CHECKING:
    from recognizers.corpora import Classes, Corpus
    from recognizers.training.emotion.examples import Examples
    from recognizers.training.emotion.glove import Glove

OFFLINE = "AMSER_CORPORA names no folder of corpora"

POSTER_SESSION = "2"
"""The session of IEMOCAP that the digits of the poster's baselines point to (docs/reproduction.md)."""

Step = tuple[str, Callable[[], Part]]


@dataclass(frozen=True)
class Options:
    """What to reproduce with.

    corpora: folder of corpora, or None.  iemocap: the release, or None.  model: a Whisper for open speech, or
    ``sphinx``.  evaluate: train the networks on the acted corpora here instead of showing committed figures.
    limit: only so many utterances of each corpus.  epochs: most epochs of each fold.  seeds: trainings of each fold.
    device: where PyTorch trains.  folder: where finished folds and simulated points are kept.
    Of IEMOCAP: classes, None for its usual four.  test_session: the one that is tested, None for each in turn.  glove:
    a file of word vectors, None for those of the extra ``glove`` where it is installed.
    """

    folder: Path
    corpora: Path | None = None
    iemocap: Path | None = None
    model: str | None = None
    evaluate: bool = False
    limit: int | None = None
    epochs: int | None = None
    seeds: int = 1
    device: str = "cpu"
    classes: Classes | None = None
    test_session: int | None = None
    glove: Path | None = None


def reproduce(options: Options, tell: Callable[[float, str], None] = lambda share, text: None) -> Iterator[Part]:
    """Yield each part when it is done; ``tell`` is given the share of parts done and what comes next.

    What a part lacks (a corpus, a model, a package, a readable recording) is a line in its ``missing``.
    """
    steps = list(_steps(options, tell))
    for done, (what, step) in enumerate(steps):
        tell(done / len(steps), what)
        yield _with_what_is_there(what, step)


def _with_what_is_there(what: str, step: Callable[[], Part]) -> Part:
    from recognizers.corpora import CorpusError
    from recognizers.emotion import EmotionError
    from recognizers.measurement.fill_cache import MeasurementError
    from recognizers.sphinx import SphinxUnavailable
    from recognizers.whisper import ModelUnavailable

    try:
        return step()
    except (CorpusError, EmotionError, MeasurementError, ModelUnavailable, SphinxUnavailable) as error:
        return Part(missing=[f"{what}: {error}"])


def _steps(options: Options, tell: Callable[[float, str], None]) -> Iterator[Step]:
    from amser.reproduction.emotions import committed
    from amser.reproduction.overhead import overhead

    yield "the overhead table", lambda: overhead(options.folder / "runs")
    yield "nano and the four networks on the shipped speech", lambda: _shipped(options)
    yield "human spoken digits (fsdd)", lambda: _digits(options)
    yield "open human speech (LibriSpeech)", lambda: _open_speech(options)
    if options.evaluate:
        for kind in ("emodb", "ravdess"):
            yield f"the four networks on {kind}", lambda kind=kind: _acted(options, kind, tell)  # type: ignore[misc]
    else:
        yield "committed figures of acted corpora", committed
    yield "IEMOCAP, one session left out", lambda: _iemocap(options, tell)


def _shipped(options: Options) -> Part:
    from amser.reproduction.emotions import shipped_networks
    from amser.reproduction.word_rates import measured_words, word_rows
    from recognizers.corpora import open_corpus
    from recognizers.whisper import load_whisper

    corpus, nano = _limited(open_corpus("shipped"), options.limit), load_whisper("nano")
    seen = _voices_of_training()
    known = {u.id: seen[u.path or corpus.root] for u in corpus.utterances}
    groups = {"seen voices": lambda one: known[one], "unseen voices": lambda one: not known[one]}
    heard = measured_words(corpus, nano)
    part = word_rows(heard, "shipped speech", nano, groups)
    part.notes.append("nano is a recognizer of commands from a closed vocabulary, not of open speech.")
    part += shipped_networks(corpus, heard, "nano")
    return part


def _voices_of_training() -> dict[Path, bool]:
    """Whether nano's training had the voice of a shipped clip, by its file."""
    from recognizers.corpora.opening import SHIPPED_SPEECH

    with (SHIPPED_SPEECH / "manifest.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {SHIPPED_SPEECH / row["path"]: row["seen_voice"] == "1" for row in rows}


def _digits(options: Options) -> Part:
    from amser.reproduction.word_rates import measured_words, word_rows
    from recognizers.training.nano.data import HELD_OUT_DIGIT_SPEAKERS
    from recognizers.whisper import load_whisper

    corpus = _limited(_found(options, "fsdd").select(speakers=HELD_OUT_DIGIT_SPEAKERS), options.limit)
    nano = load_whisper("nano")
    return word_rows(measured_words(corpus, nano), "fsdd, two speakers never heard", nano)


def _open_speech(options: Options) -> Part:
    from amser.codec_study import listener_named
    from amser.reproduction.word_rates import measured_words, word_rows

    corpus = _limited(_found(options, "librispeech"), options.limit)
    recognizer = listener_named(options.model or "sphinx")
    return word_rows(measured_words(corpus, recognizer), f"{corpus.name}, {len(corpus)} utterances", recognizer)


def _acted(options: Options, kind: str, tell: Callable[[float, str], None]) -> Part:
    from amser.codec_study import listener_named
    from amser.reproduction.emotions import cross_validated, examples_of
    from amser.reproduction.word_rates import measured_words

    corpus = _limited(_found(options, kind), options.limit)
    recognizer = listener_named(options.model or "nano")
    examples = examples_of(corpus, measured_words(corpus, recognizer), recognizer.name)
    return cross_validated(examples, "speaker", options, _folds(kind, tell), glove=_word_vectors(None, examples))


def _iemocap(options: Options, tell: Callable[[float, str], None]) -> Part:
    """The real protocol: one session left out, published sizes, Whisper's own transcripts, GloVe where it is."""
    from amser.codec_study import listener_named
    from amser.reproduction.emotions import FULL, cross_validated, examples_of
    from amser.reproduction.word_rates import measured_words, word_rows
    from recognizers.corpora import FOUR_CLASSES, open_corpus

    if options.iemocap is None:
        return Part(missing=["IEMOCAP: give its folder with --iemocap (on request from USC SAIL)"])
    classes = options.classes or FOUR_CLASSES
    corpus = _limited(open_corpus("iemocap", options.iemocap, classes=classes), options.limit)
    if classes != FOUR_CLASSES:  # nothing published is of these
        corpus = replace(corpus, name=f"{corpus.name}, {classes}")
    recognizer = listener_named(options.model or "small.en")
    heard = measured_words(corpus, recognizer)
    part = word_rows(heard, f"IEMOCAP, {classes}", recognizer)
    part.notes += [f"IEMOCAP: {fault}" for fault in corpus.faults[:20]]
    examples = examples_of(corpus, heard, recognizer.name)
    chosen = {"only": str(options.test_session) if options.test_session else None, "apart": POSTER_SESSION}
    glove, told = _word_vectors(options.glove, examples), _folds("IEMOCAP", tell)
    part += cross_validated(examples, "session", options, told, sizes=FULL, glove=glove, **chosen)
    return part


def _word_vectors(file: Path | None, examples: Examples) -> Glove | None:
    """GloVe's vectors of what was heard at any rate, where there are any; None for hashed pieces of words."""
    from recognizers.training.emotion.glove import packaged_glove, read_glove

    texts = [text for group in (examples.texts, *examples.texts_at.values()) for text in group]
    return read_glove(file, texts) if file else packaged_glove(texts)


def _folds(corpus: str, tell: Callable[[float, str], None]) -> Callable[[str, int, int], None]:
    return lambda network, done, total: tell(done / total, f"{corpus}, {network}: fold {done} of {total}")


def _found(options: Options, kind: str) -> Corpus:
    """The corpus of a kind in the folder of corpora, by the beginning of its folder's name."""
    from recognizers.corpora import CorpusError, open_corpus

    if options.corpora is None:
        raise CorpusError(OFFLINE)
    folders = sorted(p for p in options.corpora.iterdir() if p.is_dir()) if options.corpora.is_dir() else []
    for folder in folders:
        if folder.name.lower().replace("-", "").replace("_", "").startswith(kind):
            return open_corpus(folder)
    raise CorpusError(f"{options.corpora} has no folder whose name begins with '{kind}'")


def _limited(corpus: Corpus, limit: int | None) -> Corpus:
    """As many utterances, drawn so that every speaker and class has its chance, in the corpus's order."""
    if limit is None or limit >= len(corpus.utterances):
        return corpus
    drawn = np.random.default_rng(0).permutation(len(corpus.utterances))[:limit]
    return replace(corpus, utterances=tuple(corpus.utterances[i] for i in sorted(drawn)), digest="")
