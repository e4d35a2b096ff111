"""The sentences: closed vocabulary, harmless for the normaliser, train and test apart."""

import numpy as np
import pytest

from recognizers.scores import normalise
from recognizers.training.speech.grammar import EMOTIONS, MARKERS, draw_sentence, split_of, vocabulary
from recognizers.training.speech.prosody import SAMPLE_RATE_HZ, draw_prosody, finish
from recognizers.training.speech.voices import EngineMissing, Voice, check_engines, draw_voice


def _sentences(count: int, seed: int = 0) -> list[tuple[str, str]]:
    rng = np.random.default_rng(seed)
    drawn = [draw_sentence(EMOTIONS[i % 4], rng) for i in range(count)]
    return [(s.text, s.emotion) for s in drawn]


def test_the_vocabulary_is_closed_and_of_the_promised_size():
    words = set(vocabulary())
    assert 150 <= len(words) <= 300
    assert all(word in words for text, _ in _sentences(2000) for word in text.split())


def test_every_digit_is_spoken():
    digits = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
    assert digits <= set(vocabulary())
    assert digits <= {text for text, _ in _sentences(20_000)}  # alone, as fsdd speaks them


def test_the_normaliser_keeps_the_number_of_words():
    # "seven thirty" would become "730" and one misheard word would count half; the grammar never says so.
    for text, _ in _sentences(4000):
        assert len(normalise(text).split()) == len(text.split()), text


def test_sentences_of_the_parts_are_disjoint_and_lone_digits_train():
    parts: dict[str, set[str]] = {"train": set(), "dev": set(), "test": set()}
    for text, _ in _sentences(4000):
        parts[split_of(text)].add(text)
    assert not parts["train"] & parts["test"] and not parts["train"] & parts["dev"]
    # A checksum modulo 20 sends 2/20 to the test: 10 % within five standard errors of a binomial share.
    share = len(parts["test"]) / sum(map(len, parts.values()))
    assert abs(share - 0.10) < 5 * (0.1 * 0.9 / sum(map(len, parts.values()))) ** 0.5
    assert split_of("seven") == "train"


def test_words_give_the_emotion_away_only_in_part():
    markers = {m.replace("<c>", "").strip(): e for e, options in MARKERS.items() for m in options}
    pointed = [
        next((e for m, e in markers.items() if text.startswith(m + " ") or text.endswith(" " + m)), None)
        for text, _ in _sentences(4000)
    ]
    truth = [emotion for _, emotion in _sentences(4000)]
    marked = [p == t for p, t in zip(pointed, truth, strict=True) if p is not None]
    # 0.42 * 0.96 of the sentences are marked, and 0.85 + 0.15 / 4 of the marks are true; 0.04 is five
    # standard errors.
    assert abs(len(marked) / len(truth) - 0.40) < 0.04
    assert abs(np.mean(marked) - 0.8875) < 0.04


def test_unseen_voices_are_never_drawn_for_training():
    rng = np.random.default_rng(1)
    seen = {draw_voice(True, rng).label for _ in range(3000)}
    unseen = {draw_voice(False, rng).label for _ in range(3000)}
    assert not seen & unseen
    assert {"flite-rms", "festival-cmu_us_slt_arctic_hts"} <= unseen
    assert Voice("espeak-ng", "en-us+f3", True).label == "espeak-en-us+f3"


def test_missing_engines_are_named_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineMissing, match=r"espeak-ng, flite, festival .*apt-get install"):
        check_engines()


def test_prosody_follows_the_emotions_and_overlaps():
    rng = np.random.default_rng(2)
    drawn = {e: [draw_prosody(e, rng) for _ in range(400)] for e in EMOTIONS}

    def mean(emotion: str, name: str) -> float:
        return float(np.mean([getattr(p, name) for p in drawn[emotion]]))

    assert mean("happy", "pitch_semitones") > mean("neutral", "pitch_semitones") > mean("sad", "pitch_semitones")
    assert mean("angry", "gain_db") > mean("neutral", "gain_db") > mean("sad", "gain_db")
    assert mean("angry", "rate") > mean("neutral", "rate") > mean("sad", "rate")
    quiet_anger = min(p.gain_db for p in drawn["angry"])
    loud_sadness = max(p.gain_db for p in drawn["sad"])
    assert quiet_anger < loud_sadness


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 32_000])
def test_finish_sets_rate_level_and_size(rate_hz):
    # One second of a 500 Hz tone: its level must be the asked one, its pitch and duration change by `size`
    # alone.
    prosody = draw_prosody("neutral", np.random.default_rng(3))
    tone = np.sin(2 * np.pi * 500 * np.arange(rate_hz) / rate_hz)
    clip = finish(tone, rate_hz, prosody)
    seconds = clip.size / SAMPLE_RATE_HZ - prosody.lead_s - prosody.trail_s
    assert seconds == pytest.approx(1 / prosody.size, abs=0.01)
    spoken = clip[int(prosody.lead_s * SAMPLE_RATE_HZ) :][: int(seconds * SAMPLE_RATE_HZ)]
    peak_hz = np.argmax(np.abs(np.fft.rfft(spoken))) * SAMPLE_RATE_HZ / spoken.size
    assert peak_hz == pytest.approx(500 * prosody.size, rel=0.01)
    level_dbfs = 20 * np.log10(np.sqrt(np.mean(spoken.astype(float) ** 2)))
    assert level_dbfs == pytest.approx(-29.0 + prosody.gain_db, abs=0.2)
