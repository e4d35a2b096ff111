"""The shipped clips are what the manifest says."""

from collections import Counter

import pytest
import soundfile

from recognizers.training.speech import pack
from recognizers.training.speech.grammar import EMOTIONS, split_of, vocabulary
from recognizers.training.speech.pack import PACK_FOLDER, PackError, shipped
from recognizers.training.speech.voices import _FESTIVAL_UNSEEN, _FLITE_UNSEEN, _VARIANTS_UNSEEN


def test_about_two_hundred_clips_in_six_megabytes():
    clips = shipped()
    assert 180 <= len(clips) <= 220
    assert sum(f.stat().st_size for f in PACK_FOLDER.rglob("*") if f.is_file()) <= 6_000_000
    listed = {clip.path for clip in clips}
    assert listed == set(PACK_FOLDER.rglob("*.flac")), "every file is in the manifest"


def test_audio_is_16_khz_mono_16_bit_of_the_stated_length():
    for clip in shipped():
        info = soundfile.info(clip.path)
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        assert info.duration == pytest.approx(clip.duration_s, abs=1e-4)
        assert 0.4 <= info.duration <= 5.0


def test_emotions_are_balanced_and_words_known():
    clips = shipped()
    assert set(Counter(c.emotion for c in clips).values()) == {len(clips) // len(EMOTIONS)}
    known = set(vocabulary())
    assert all(word in known for clip in clips for word in clip.text.split())


def test_sentences_are_the_test_part_and_unseen_voices_are_held_out():
    for clip in shipped():
        assert split_of(clip.text) == "test"
        name = clip.voice.split("-", 1)[1]
        held_out = name in _FLITE_UNSEEN or name in _FESTIVAL_UNSEEN or name.split("+")[-1] in _VARIANTS_UNSEEN
        assert clip.seen_voice != held_out
    assert sum(not c.seen_voice for c in shipped()) >= 100


def test_a_damaged_pack_says_so(monkeypatch, tmp_path):
    shipped.cache_clear()
    monkeypatch.setattr(pack, "PACK_FOLDER", tmp_path)
    with pytest.raises(PackError, match=r"manifest\.tsv is missing; install amser again"):
        shipped()
    header = "path\ttext\temotion\tvoice\tengine\tseen_voice\tsplit\tduration_s\n"
    (tmp_path / "manifest.tsv").write_text(header + "a.flac\tstop\tsad\tflite-slt\tflite\t1\ttest\t1.0\n")
    with pytest.raises(PackError, match=r"1 clips are missing, first a\.flac"):
        shipped()
    shipped.cache_clear()
