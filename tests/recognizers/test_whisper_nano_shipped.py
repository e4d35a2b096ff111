"""What the shipped nano reaches on the shipped clips: the promise of docs/nano.md, with room for rounding."""

import csv

import numpy as np
import pytest

from channel.mel import log_mel
from recognizers.corpora import open_corpus
from recognizers.corpora.audio import read_audio
from recognizers.corpora.opening import SHIPPED_SPEECH
from recognizers.scores import WordErrors, word_errors
from recognizers.training.emotion.examples import truncate_rank
from recognizers.training.nano.data import noise_mel, read_digits
from recognizers.whisper import load_whisper
from recognizers.whisper.loading import NANO_WEIGHTS


@pytest.fixture(scope="module")
def nano():
    return load_whisper("nano")


@pytest.fixture(scope="module")
def clips():
    return [(u.path, u.text) for u in open_corpus("shipped").utterances]


def rate(nano, spoken, rank=0):
    """Word error rate of (file, text) pairs, at a rank of the Mel or at the whole one."""
    mels = [log_mel(read_audio(path), 80) for path, _ in spoken]
    heard = nano.transcribe([truncate_rank(mel, rank) if rank else mel for mel in mels])
    return sum((word_errors(text, said.text) for (_, text), said in zip(spoken, heard, strict=True)), WordErrors()).rate


@pytest.fixture(scope="module")
def rates(nano, clips):
    with (SHIPPED_SPEECH / "manifest.tsv").open(newline="", encoding="utf-8") as file:
        seen = {SHIPPED_SPEECH / row["path"]: row["seen_voice"] == "1" for row in csv.DictReader(file, delimiter="\t")}
    parts = {"seen": [c for c in clips if seen[c[0]]], "unseen": [c for c in clips if not seen[c[0]]]}
    return {(rank, name): rate(nano, part, rank) for rank in (0, 10) for name, part in parts.items()}


def test_the_file_is_small_and_says_what_it_is(nano):
    assert NANO_WEIGHTS.stat().st_size <= 8_000_000
    assert (nano.n_mels, nano.context_s) == (80, 5.0)
    assert "closed-vocabulary" in nano.description and "synthetic commands" in nano.description


@pytest.mark.slow
def test_word_errors_on_seen_voices_and_at_rank_10(rates):
    # Seen voices reach the project's floor of 4 %; one point more than at full Mel is allowed at rank 10.
    assert rates[0, "seen"] <= 0.04
    assert rates[10, "unseen"] <= rates[0, "unseen"] + 0.01


@pytest.mark.slow
def test_the_target_on_unseen_voices(rates):
    assert rates[0, "unseen"] <= 0.025


def test_batches_of_real_speech_say_what_single_decoding_says(nano, clips):
    mels = [log_mel(read_audio(path), 80) for path, _ in clips[:20]]
    together = [t.text for t in nano.transcribe(mels)]
    assert together == [nano.transcribe([mel])[0].text for mel in mels]


def test_noise_is_flagged_and_commands_are_not(nano, clips):
    rng = np.random.default_rng(0)
    noise = nano.transcribe([noise_mel(rng) for _ in range(16)])
    speech = nano.transcribe([log_mel(read_audio(path), 80) for path, _ in clips[:16]])
    # Noise as in training, but drawn anew: 14 of 16 were flagged when this was written, three quarters are asked for.
    assert sum(t.doubtful for t in noise) >= 12
    assert sum(t.doubtful for t in speech) <= 1


@pytest.mark.slow
def test_human_digits_of_unseen_speakers(nano, corpora):
    assert rate(nano, [(e.path, e.text) for e in read_digits(corpora / "fsdd", True)]) <= 0.08
