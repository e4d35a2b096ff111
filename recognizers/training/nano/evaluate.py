"""Word error rate against compress rate: `python -m recognizers.training.nano.evaluate [--model nano]`.

Compresses the Mel of every shipped clip by truncated SVD, transcribes it, and prints the WER for seen and
unseen voices; with AMSER_CORPORA set also human digits of speakers that nano's training never heard, and how
much open human speech the recognizer flags as doubtful."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from channel.mel import log_mel
from recognizers.scores import Counts, WordErrors, scores, word_errors, word_scores
from recognizers.training.nano.augment import truncate_rank
from recognizers.training.nano.data import Example, read_digits, read_open_speech
from recognizers.training.speech.pack import shipped
from recognizers.whisper.loading import ModelUnavailable, load_whisper
from recognizers.whisper.recognizer import Transcript, WhisperRecognizer

__all__ = ["RANKS", "Line", "evaluate", "main"]

RANKS = (2, 4, 6, 10, 15, 20, 40, 80)
"""Ranks of the truncated SVD; of 80 bands they are compress rates of 2.5 to 100 %."""


@dataclass(frozen=True)
class Line:
    """One row of the table: a set of utterances at one rank. low, high: 95 % bootstrap interval of the
    WER."""

    rank: int
    group: str
    utterances: int
    errors: WordErrors
    low: float
    high: float
    doubtful: int

    def __str__(self) -> str:
        rate = "full" if self.rank == 0 else f"{self.rank:4d}"
        return (
            f"{rate:>5}  {self.group:<14} {self.utterances:5d} {self.errors.reference_words:6d} "
            f"{100 * self.errors.rate:7.2f} %  [{100 * self.low:.2f}, {100 * self.high:.2f}]  "
            f"{self.doubtful:5d}"
        )


HEADER = " rank  group          clips  words     WER     95 % interval  doubtful"


def evaluate(
    recognizer: WhisperRecognizer,
    examples: Sequence[Example],
    ranks: Sequence[int],
    say: Callable[[str], None],
) -> list[Line]:
    """Transcribe the examples at every rank (0: the Mel as it is); one line per rank and source, told as they
    come."""
    mels = [log_mel(_read(example.path), recognizer.n_mels) for example in examples]
    lines: list[Line] = []
    for rank in ranks:
        sent = [truncate_rank(mel, rank) if rank else mel for mel in mels]
        heard = recognizer.transcribe(sent)
        for group in dict.fromkeys(e.source for e in examples):
            lines.append(_line(rank, group, examples, heard))
            say(str(lines[-1]))
    return lines


def _line(rank: int, group: str, examples: Sequence[Example], heard: Sequence[Transcript]) -> Line:
    pairs = [(e, t) for e, t in zip(examples, heard, strict=True) if e.source == group]
    counts = [word_errors(e.text, t.text) for e, t in pairs]
    clips = Counts.of(["/".join(e.path.parts[-2:]) for e, _ in pairs], [(c.errors, c.reference_words) for c in counts])
    found = scores(clips, word_scores)["wer"]
    total = sum(counts, WordErrors())
    return Line(rank, group, found.n, total, found.low, found.high, sum(t.doubtful for _, t in pairs))


def _read(path: Path) -> npt.NDArray[np.float32]:
    audio, _ = soundfile.read(path, dtype="float32")
    return np.asarray(audio, dtype=np.float32)


def _shipped_examples() -> list[Example]:
    return [Example(c.path, c.text, "test", "seen voices" if c.seen_voice else "unseen voices") for c in shipped()]


def _corpus_examples(folder: Path) -> list[Example]:
    digits = [Example(e.path, e.text, e.split, "human digits") for e in read_digits(folder / "fsdd", True)]
    spoken = read_open_speech(folder / "speechocean762-adults", True)
    return digits + [Example(e.path, e.text, e.split, "open speech") for e in spoken[:: max(1, len(spoken) // 100)]]


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code (3 for a model that cannot be had)."""
    import torch

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    parser = argparse.ArgumentParser(prog="python -m recognizers.training.nano.evaluate", description=__doc__)
    parser.add_argument("--model", default="nano", help="nano, an official name, or a path")
    parser.add_argument("--ranks", type=int, nargs="*", default=[*RANKS, 0], help="0 is the Mel as it is")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--errors", action="store_true", help="print the misheard clips at full Mel")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        recognizer = load_whisper(options.model)
    except ModelUnavailable as error:
        sys.stderr.write(f"error: {error}\n")
        return 3
    say(recognizer.description)
    say(HEADER)
    begun = time.monotonic()
    examples = _shipped_examples()
    evaluate(recognizer, examples, options.ranks, say)
    if corpora := os.environ.get("AMSER_CORPORA"):
        evaluate(recognizer, _corpus_examples(Path(corpora)), (10, 0), say)
    say(f"{time.monotonic() - begun:.0f} s")
    if options.errors:
        _say_errors(recognizer, examples, say)
    return 0


def _say_errors(recognizer: WhisperRecognizer, examples: Sequence[Example], say: Callable[[str], None]) -> None:
    heard = recognizer.transcribe([log_mel(_read(e.path), recognizer.n_mels) for e in examples])
    for example, transcript in zip(examples, heard, strict=True):
        if word_errors(example.text, transcript.text).errors:
            say(f"{example.path.name}: {example.text!r} heard as {transcript.text!r} ({transcript.avg_logprob:.2f})")


if __name__ == "__main__":
    sys.exit(main())
