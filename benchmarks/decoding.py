"""Batched decoding against openai-whisper's one-by-one `transcribe`: same weights, same clips, same text.

    python benchmarks/decoding.py [--clips 48] [--rounds 3] [--batch 16] [--json]

Both are given speech that is padded to the model's context, so that they see the same Mel, and both decode
greedily without fallback.  They take turns within each round on CPU time of one thread, so that a busy machine
does not count; a ratio is that of the medians over the rounds.

nano                 the shipped weights (context of 5 s; transcribe's window is set to it)
tiny, random         openai-whisper's tiny in the official file format with random weights, 15 tokens a clip
"""

# ruff: noqa: E402 (threads are set before the libraries that start them)

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
import whisper

from recognizers.corpora import open_corpus
from recognizers.whisper import WhisperRecognizer, load_whisper

TARGET = 3.0
TOKENS = 15
STOCK = {
    "language": "en", "without_timestamps": True, "fp16": False, "temperature": 0.0,
    "condition_on_previous_text": False, "logprob_threshold": None, "no_speech_threshold": None,
    "compression_ratio_threshold": None,
}  # fmt: skip


def random_tiny() -> WhisperRecognizer:
    """tiny's architecture with random weights, through the file format and the loader that a user takes."""
    from recognizers.service.random_whisper import RandomWhisper, official_dimensions

    dims = official_dimensions("tiny")
    model = RandomWhisper(dims).model
    with torch.no_grad():
        model.decoder.token_embedding.weight[50_257:] = 0.0  # says words only: no timestamps, no end
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.pt"
        torch.save({"dims": vars(dims), "model_state_dict": model.state_dict()}, path)
        recognizer = load_whisper(str(path))
    recognizer.model.dims.n_text_ctx = 2 * TOKENS  # whisper decodes at most half of its context
    return recognizer


def speech(count: int, context_s: float) -> list[np.ndarray]:
    """Shipped clips, each with silence up to the context."""
    corpus = open_corpus("shipped")
    chosen = [u for u in corpus.utterances if u.duration_s < context_s - 0.05][:count]
    samples = round(16_000 * context_s)
    audios = [corpus.load_audio(utterance) for utterance in chosen]
    return [np.pad(audio, (0, samples - audio.size)) for audio in audios]


def real_mel(audio: np.ndarray, bands: int) -> np.ndarray:
    """The Mel's frames that hear any speech, as a device would send them."""
    mel = whisper.log_mel_spectrogram(audio, bands).numpy()
    frames = int(np.flatnonzero(audio)[-1]) // 160 + 3
    return mel[:, :frames]


def stock(recognizer: WhisperRecognizer, audios: Sequence[np.ndarray]) -> list[str]:
    """openai-whisper's own `transcribe`, one clip after another."""
    module = sys.modules["whisper.transcribe"]
    frames = recognizer.context_frames
    module.N_FRAMES, module.N_SAMPLES = frames, 160 * frames
    try:
        return [str(whisper.transcribe(recognizer.model, audio, **STOCK)["text"]).strip() for audio in audios]
    finally:
        module.N_FRAMES, module.N_SAMPLES = whisper.audio.N_FRAMES, whisper.audio.N_SAMPLES


def batched(recognizer: WhisperRecognizer, audios: Sequence[np.ndarray]) -> list[str]:
    """Ours: Mels in, batches of clips of like length."""
    mels = [real_mel(audio, recognizer.n_mels) for audio in audios]
    return [transcript.text for transcript in recognizer.transcribe(mels)]


def compare(name: str, recognizer: WhisperRecognizer, clips: int, rounds: int) -> dict[str, object]:
    """Seconds of both in turns, their ratio, and how many texts are equal."""
    audios = speech(clips, recognizer.context_s)
    ways: dict[str, Callable[[], list[str]]] = {
        "one by one": lambda: stock(recognizer, audios),
        "batched": lambda: batched(recognizer, audios),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    texts: dict[str, list[str]] = {}
    for _ in range(rounds):
        for way, recognize in ways.items():
            start = time.process_time()
            texts[way] = recognize()
            seconds[way].append(time.process_time() - start)
    slow, fast = (median(seconds[way]) for way in ways)
    equal = sum(a == b for a, b in zip(*texts.values(), strict=True))
    return {"model": name, "clips": len(audios), "batch": recognizer.batch_size, "one_by_one_s": slow,
            "batched_s": fast, "ratio": slow / fast, "equal_texts": equal}  # fmt: skip


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = []
    for name, recognizer in (("nano", load_whisper("nano")), ("tiny, random", random_tiny())):
        recognizer.batch_size = options.batch
        clips = options.clips if name == "nano" else max(1, options.clips // 4)
        found.append(compare(name, recognizer, clips, options.rounds))
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for one in found:
        print(
            f"{one['model']:>13}: {one['ratio']:.2f} times (target {TARGET:g}), {one['clips']} clips in batches of "
            f"{one['batch']}, {one['equal_texts']} texts equal; CPU {one['one_by_one_s']:.2f} s against "
            f"{one['batched_s']:.2f} s"
        )


if __name__ == "__main__":
    main()
