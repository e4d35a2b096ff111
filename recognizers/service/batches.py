"""Times batches of equal Mels and fits the affine service time that the simulated server reads."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recognizers.service.calibration import Cost, Point
from recognizers.service.random_whisper import FRAMES_PER_SECOND

Mel = npt.NDArray[np.float32]
Recognize = Callable[[Sequence[Mel]], object]

BATCHES = (1, 2, 4, 8, 16)
DURATIONS_S = (1.5, 3.0, 4.8)


@dataclass(frozen=True)
class Timing:
    """How batches are timed: sizes, durations of their utterances in seconds, runs of each, and the clock.

    On one thread of a shared processor, ``clock=time.process_time`` leaves out the time that others had it.
    """

    batches: tuple[int, ...] = BATCHES
    durations_s: tuple[float, ...] = DURATIONS_S
    repeats: int = 3
    clock: Callable[[], float] = time.perf_counter


def measure_batches(
    recognize: Recognize, mel_of: Callable[[float], Mel], timing: Timing, deadline: float = math.inf
) -> list[Point]:
    """Time ``recognize`` on batches of Mels that ``mel_of`` gives for a duration in seconds.

    Each point is the fastest run, because whatever else the machine does can only add to one.  After
    ``deadline`` (of ``time.monotonic``) nothing is repeated and no further batch size begun.
    """
    points: list[Point] = []
    for batch in sorted(timing.batches):
        if points and time.monotonic() > deadline:
            break
        recognize([mel_of(timing.durations_s[0])] * batch)  # memory and code paths of this size
        for duration_s in timing.durations_s:
            mels = [mel_of(duration_s) for _ in range(batch)]
            seconds = _timed(recognize, mels, timing.clock)
            for _ in range(timing.repeats - 1):
                if time.monotonic() > deadline:
                    break
                seconds = min(seconds, _timed(recognize, mels, timing.clock))
            points.append(Point(utterances=batch, audio_s=batch * duration_s, seconds=seconds))
    return points


def _timed(recognize: Recognize, mels: Sequence[Mel], clock: Callable[[], float]) -> float:
    start = clock()
    recognize(mels)
    return clock() - start


def noise_mels(bands: int) -> Callable[[float], Mel]:
    """Gives random Mels of any duration; enough where speed does not depend on what is heard."""
    rng = np.random.default_rng(0)

    def mel(duration_s: float) -> Mel:
        return rng.uniform(-0.5, 1.5, (bands, round(duration_s * FRAMES_PER_SECOND))).astype(np.float32)

    return mel


def speech_mels(bands: int) -> Callable[[float], Mel]:
    """Gives Mels of the shipped speech, one clip after another, repeated or cut to the duration."""
    from channel.mel import log_mel
    from recognizers.corpora.opening import open_shipped

    corpus = open_shipped()
    clips = itertools.cycle([log_mel(corpus.load_audio(u), bands=bands) for u in corpus.utterances[:40]])

    def mel(duration_s: float) -> Mel:
        frames, clip = round(duration_s * FRAMES_PER_SECOND), next(clips)
        return np.tile(clip, (1, -(-frames // clip.shape[1])))[:, :frames]

    return mel


@dataclass(frozen=True)
class Fit:
    """Affine service time fitted to points, and how far it is off at worst."""

    per_batch_s: float
    per_utterance_s: float
    per_audio_second_s: float
    per_step_second_s: float
    worst_relative_error: float


def fit(points: Sequence[Point]) -> Fit:
    """Non-negative least squares of the relative error of ``Cost``'s four terms."""
    from scipy.optimize import nnls

    seconds = np.array([point.seconds for point in points])
    design = np.array([[1.0, point.utterances, point.audio_s, point.audio_s / point.utterances] for point in points])
    weights = 1.0 / seconds
    solution, _ = nnls(design * weights[:, None], np.ones_like(seconds))
    worst = float(np.abs(design @ solution * weights - 1.0).max())
    batch, utterance, audio, step = (float(value) for value in solution)
    return Fit(batch, utterance, audio, step, worst)


def cost_of(
    points: Iterable[Point],
    source: str,
    *,
    assumed: str = "",
    tokens_per_s: float | None = None,
    active_w: float | None = None,
) -> Cost:
    """A calibration entry from measured points; ``active_w`` is the mean power while they were timed."""
    measured = tuple(points)
    found = fit(measured)
    return Cost(
        per_batch_s=round(found.per_batch_s, 6),
        per_utterance_s=round(found.per_utterance_s, 6),
        per_audio_second_s=round(found.per_audio_second_s, 6),
        per_step_second_s=round(found.per_step_second_s, 6),
        source=source,
        assumed=assumed,
        largest_batch=max(point.utterances for point in measured),
        decoded_tokens_per_s=tokens_per_s,
        active_w=None if active_w is None else round(active_w, 1),
        worst_relative_error=round(found.worst_relative_error, 4),
        points=tuple(
            Point(utterances=p.utterances, audio_s=round(p.audio_s, 3), seconds=round(p.seconds, 6)) for p in measured
        ),
    )
