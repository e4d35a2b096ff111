"""Coding speed of one thread against its peers, as ratios of times taken in one run.

    python benchmarks/codec.py [--rounds 30] [--seconds 5] [--json]

Peers take turns with ours within each round, so that a busy machine slows both alike; a ratio is that of the
medians over the rounds.  A turn is two calls: the first finds the caches full of what the others left, as on a device
that encodes one utterance now and then (targets are judged by it), the second one after another of the same kind.
The signal is 5 s of the shipped speech.

1. Mel and factors of rank 10 against librosa's Mel spectrogram with ``numpy.linalg.svd``
2. Mel against ``whisper.log_mel_spectrogram``
3. Mel and factors against ``whisper.log_mel_spectrogram`` alone
4. mel-klt at a fixed step, and at 4 kbit/s (which searches for the step), against Opus at 16 kbit/s
"""

# ruff: noqa: E402 (threads are set before the libraries that start them)

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import json
import time
from collections.abc import Callable

import numpy as np

from channel.codecs import build_codec, mel_factors
from channel.mel import log_mel
from scenarios.schema.codec import MelKltSpec


def shipped_speech(seconds: float) -> np.ndarray:
    """Utterances of the shipped corpus, one after another."""
    from recognizers.corpora.opening import open_shipped

    corpus = open_shipped()
    parts, count = [], 0
    for utterance in corpus.utterances:
        parts.append(corpus.load_audio(utterance))
        count += parts[-1].size
        if count >= seconds * 16_000:
            break
    return np.concatenate(parts)[: round(seconds * 16_000)]


def contestants(audio: np.ndarray) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    import librosa
    import torch
    import whisper

    torch.set_num_threads(1)
    tensor = torch.from_numpy(audio)
    klt_step, klt_rate = build_codec(MelKltSpec(kind="mel-klt", step=0.25)), build_codec("klt-4")
    opus, payload = build_codec("opus-16"), build_codec("klt-4").encode(audio).data

    def librosa_and_svd() -> object:
        power = librosa.feature.melspectrogram(y=audio, sr=16_000, n_fft=400, hop_length=160, n_mels=80)
        return np.linalg.svd(librosa.power_to_db(power), full_matrices=False)

    return {
        "ours: Mel": lambda: log_mel(audio),
        "whisper: Mel": lambda: whisper.log_mel_spectrogram(tensor),
        "ours: Mel + rank-10 factors": lambda: mel_factors(log_mel(audio), 10),
        "librosa Mel + numpy SVD": librosa_and_svd,
        "mel-klt, step 0.25": lambda: klt_step.encode(audio),
        "mel-klt, 4 kbit/s": lambda: klt_rate.encode(audio),
        "mel-klt, decode 4 kbit/s": lambda: klt_rate.decode(payload),
        "opus, 16 kbit/s": lambda: opus.encode(audio),
    }


RATIOS = (  # name, slower one, faster one, target
    (
        "Mel + factors: librosa with numpy SVD / ours",
        "librosa Mel + numpy SVD",
        "ours: Mel + rank-10 factors",
        10.0,
    ),
    ("Mel: whisper / ours", "whisper: Mel", "ours: Mel", 1.0),
    ("whisper's Mel alone / our Mel + factors", "whisper: Mel", "ours: Mel + rank-10 factors", 1.0),
    ("Opus 16 kbit/s / mel-klt, step 0.25", "opus, 16 kbit/s", "mel-klt, step 0.25", None),
    ("Opus 16 kbit/s / mel-klt, 4 kbit/s", "opus, 16 kbit/s", "mel-klt, 4 kbit/s", None),
)


def run(audio: np.ndarray, rounds: int) -> dict[str, np.ndarray]:
    """CPU seconds of each contestant, shape (rounds, 2): the first and the second call of each turn."""
    timed: dict[str, list[tuple[float, float]]] = {}
    functions = contestants(audio)
    for function in functions.values():
        function()  # compile, fill caches
    for _ in range(rounds):
        for name, function in functions.items():
            timed.setdefault(name, []).append((cpu_s(function), cpu_s(function)))
    return {name: np.array(times) for name, times in timed.items()}


def cpu_s(function: Callable[[], object]) -> float:
    """CPU time, not wall time: what other programs take of a shared core is not ours."""
    start = time.process_time()
    function()
    return time.process_time() - start


def main() -> None:
    """Print the times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    times = run(shipped_speech(options.seconds), options.rounds)
    medians = {name: np.median(values, axis=0) for name, values in times.items()}
    ratios = {name: medians[slow] / medians[fast] for name, slow, fast, _ in RATIOS}
    if options.json:
        listed = {
            key: {name: pair.tolist() for name, pair in pairs.items()}
            for key, pairs in (("median_s", medians), ("ratios", ratios))
        }
        print(json.dumps({"seconds": options.seconds, "calls": ["first", "second"], **listed}, indent=1))
        return
    print("    first    second call of a turn")
    for name, (first, second) in medians.items():
        print(f"{first * 1e3:9.2f} {second * 1e3:9.2f} ms CPU  {name}")
    for name, _, _, target in RATIOS:
        wanted = "" if target is None else f" (target at least {target:g})"
        print(f"{ratios[name][0]:9.2f} {ratios[name][1]:9.2f} x       {name}{wanted}")


if __name__ == "__main__":
    main()
