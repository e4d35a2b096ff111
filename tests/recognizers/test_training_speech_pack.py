"""The shipped clips are what the manifest says."""

import csv
from collections import Counter

import pytest
import soundfile

from recognizers.corpora.opening import SHIPPED_SPEECH
from recognizers.training.speech.grammar import EMOTIONS, split_of, vocabulary
from recognizers.training.speech.voices import _FESTIVAL_UNSEEN, _FLITE_UNSEEN, _VARIANTS_UNSEEN


def shipped():
    with (SHIPPED_SPEECH / "manifest.tsv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_about_two_hundred_clips_in_six_megabytes():
    clips = shipped()
    assert 180 <= len(clips) <= 220
    assert sum(f.stat().st_size for f in SHIPPED_SPEECH.rglob("*") if f.is_file()) <= 6_000_000
    listed = {SHIPPED_SPEECH / clip["path"] for clip in clips}
    assert listed == set(SHIPPED_SPEECH.rglob("*.flac")), "every file is in the manifest"


def test_audio_is_16_khz_mono_16_bit_of_the_stated_length():
    for clip in shipped():
        info = soundfile.info(SHIPPED_SPEECH / clip["path"])
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        assert info.duration == pytest.approx(float(clip["duration_s"]), abs=1e-4)
        assert 0.4 <= info.duration <= 5.0


def test_emotions_are_balanced_and_words_known():
    clips = shipped()
    assert set(Counter(c["emotion"] for c in clips).values()) == {len(clips) // len(EMOTIONS)}
    known = set(vocabulary())
    assert all(word in known for clip in clips for word in clip["text"].split())


def test_sentences_are_the_test_part_and_unseen_voices_are_held_out():
    for clip in shipped():
        assert split_of(clip["text"]) == "test"
        name = clip["voice"].split("-", 1)[1]
        held_out = name in _FLITE_UNSEEN or name in _FESTIVAL_UNSEEN or name.split("+")[-1] in _VARIANTS_UNSEEN
        assert (clip["seen_voice"] == "1") != held_out
    assert sum(c["seen_voice"] == "0" for c in shipped()) >= 100
