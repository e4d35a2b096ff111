"""What the shipped nano reaches on the shipped clips: the promise of docs/nano.md, with room for rounding."""

import numpy as np
import pytest

from channel.mel import log_mel
from recognizers.training.nano.data import noise_mel
from recognizers.training.nano.evaluate import _corpus_examples, _read, _shipped_examples, evaluate
from recognizers.whisper import load_whisper
from recognizers.whisper.loading import NANO_WEIGHTS


@pytest.fixture(scope="module")
def nano():
    return load_whisper("nano")


@pytest.fixture(scope="module")
def rates(nano):
    lines = evaluate(nano, _shipped_examples(), (0, 10), lambda _: None)
    return {(line.rank, line.group): line.errors.rate for line in lines}


def test_the_file_is_small_and_says_what_it_is(nano):
    assert NANO_WEIGHTS.stat().st_size <= 8_000_000
    assert (nano.n_mels, nano.context_s) == (80, 5.0)
    assert "closed-vocabulary" in nano.description and "synthetic commands" in nano.description


@pytest.mark.slow
def test_word_errors_on_seen_voices_and_at_rank_10(rates):
    # Seen voices reach the project's floor of 4 %; one point more than at full Mel is allowed at rank 10.
    assert rates[0, "seen voices"] <= 0.04
    assert rates[10, "unseen voices"] <= rates[0, "unseen voices"] + 0.01


@pytest.mark.slow
def test_the_target_on_unseen_voices(rates):
    assert rates[0, "unseen voices"] <= 0.025


def test_batches_of_real_speech_say_what_single_decoding_says(nano):
    mels = [log_mel(_read(e.path), 80) for e in _shipped_examples()[:20]]
    together = [t.text for t in nano.transcribe(mels)]
    assert together == [nano.transcribe([mel])[0].text for mel in mels]


def test_noise_is_flagged_and_commands_are_not(nano):
    rng = np.random.default_rng(0)
    noise = nano.transcribe([noise_mel(rng) for _ in range(16)])
    speech = nano.transcribe([log_mel(_read(e.path), 80) for e in _shipped_examples()[:16]])
    # Noise as in training, but drawn anew: 14 of 16 were flagged when this was written, three quarters are asked for.
    assert sum(t.doubtful for t in noise) >= 12
    assert sum(t.doubtful for t in speech) <= 1


@pytest.mark.slow
def test_human_digits_of_unseen_speakers(nano, corpora):
    examples = [e for e in _corpus_examples(corpora) if e.source == "human digits"]
    (line,) = evaluate(nano, examples, (0,), lambda _: None)
    assert line.errors.rate <= 0.08
