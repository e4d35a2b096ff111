"""The recognizer against stock whisper.decode, on small random checkpoints in the official file format."""

import hashlib
import pickle
import urllib.error
from dataclasses import asdict

import numpy as np
import pytest
import torch
import whisper
from whisper.model import ModelDimensions, Whisper

from channel.codecs import build_codec
from channel.mel import log_mel
from recognizers.whisper import MelShapeError, ModelUnavailable, available_whispers, load_whisper
from recognizers.whisper.padding import floor_of, pad_with_floor

ENGLISH, MULTILINGUAL, LARGE_V3 = 51_864, 51_865, 51_866


def _checkpoint(path, *, n_mels=80, n_vocab=ENGLISH, n_audio_ctx=1500, width=32, heads=2, layers=1):
    """A random Whisper, written as openai-whisper writes and reads them."""
    torch.manual_seed(1)
    dims = ModelDimensions(n_mels, n_audio_ctx, width, heads, layers, n_vocab, 448, width, heads, layers)
    model = Whisper(dims)
    torch.nn.init.normal_(model.decoder.positional_embedding)
    torch.save({"dims": asdict(dims), "model_state_dict": model.state_dict()}, path)
    return path


@pytest.fixture(scope="module")
def short_model(tmp_path_factory):
    """A random English model with a context of 4 s and few tokens to say, so that decoding is quick."""
    path = _checkpoint(tmp_path_factory.mktemp("whisper") / "short.pt", n_audio_ctx=200)
    recognizer = load_whisper(str(path), batch_size=3)
    recognizer.model.dims.n_text_ctx = 16
    return recognizer


def _mels(count: int, n_mels: int = 80) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    return [rng.normal(0, 0.5, (n_mels, int(rng.integers(40, 390)))).astype(np.float32) for _ in range(count)]


def test_batches_say_what_single_decoding_says(short_model):
    mels = _mels(7)
    together = short_model.transcribe(mels)
    for mel, transcript in zip(mels, together, strict=True):
        (alone,) = short_model.transcribe([mel])
        assert alone.text == transcript.text
        assert alone.avg_logprob == pytest.approx(transcript.avg_logprob, abs=1e-4)


def test_windows_that_end_early_change_nothing_for_the_others():
    """Stock `whisper.decode` on the whole vocabulary keeps all windows to the end; the reference for tokens and
    probabilities.  Tolerances: rounding of float32 sums in another order."""
    from recognizers.corpora import open_corpus

    nano, corpus = load_whisper("nano"), open_corpus("shipped")
    shortest_first = sorted(corpus.utterances, key=lambda u: u.duration_s)
    mels = [log_mel(corpus.load_audio(u))[:, :500] for u in shortest_first[::16]]
    said = nano.transcribe(mels)
    options = whisper.DecodingOptions(language="en", without_timestamps=True, fp16=False)
    stock = whisper.decode(nano.model, torch.from_numpy(np.stack([pad_with_floor(mel, 500) for mel in mels])), options)
    assert [t.text for t in said] == [t.text for t in stock]
    assert [t.tokens for t in said] == [len(t.tokens) for t in stock]
    assert [t.avg_logprob for t in said] == pytest.approx([t.avg_logprob for t in stock], abs=1e-5)
    assert [t.no_speech_prob for t in said] == pytest.approx([t.no_speech_prob for t in stock], abs=1e-6)
    assert 2 * min(t.tokens for t in said) < max(t.tokens for t in said)


def test_the_floor_is_what_whisper_computes_for_silence():
    # Padding the waveform with zeros must give the same Mel as padding the Mel with its floor, except in the
    # two
    # frames whose windows reach over the end. Noise never touches the clamp, so its minimum would be wrong.
    rng = np.random.default_rng(0)
    audio = (0.1 * rng.normal(size=16_000)).astype(np.float32)
    padded_audio = whisper.log_mel_spectrogram(np.pad(audio, (0, 16_000))).numpy()
    real = padded_audio[:, :102]
    assert real.min() > floor_of(real) + 0.1
    assert np.allclose(pad_with_floor(real, 200), padded_audio, atol=1e-6)


def test_nothing_in_nothing_out(short_model):
    assert short_model.transcribe([]) == []


@pytest.mark.parametrize(
    ("mel", "message"),
    [
        (np.zeros((128, 10), np.float32), r"shape \(128, 10\); short takes \(80, frames\)"),
        (np.zeros((80, 0), np.float32), "at least one frame"),
        (np.zeros(80, np.float32), r"shape \(80,\)"),
        (np.full((80, 5), np.nan, np.float32), "not finite"),
    ],
)
def test_wrong_mels_are_refused(short_model, mel, message):
    with pytest.raises(MelShapeError, match=message):
        short_model.transcribe([mel])


@pytest.mark.parametrize(("n_mels", "n_vocab"), [(80, ENGLISH), (80, MULTILINGUAL), (128, LARGE_V3)])
def test_official_checkpoints_of_every_kind_load_and_decode(tmp_path, n_mels, n_vocab):
    recognizer = load_whisper(str(_checkpoint(tmp_path / "model.pt", n_mels=n_mels, n_vocab=n_vocab)))
    recognizer.model.dims.n_text_ctx = 16
    assert (recognizer.n_mels, recognizer.context_s) == (n_mels, 30.0)
    assert recognizer.model.is_multilingual == (n_vocab > ENGLISH)
    (transcript,) = recognizer.transcribe(_mels(1, n_mels))
    assert transcript.avg_logprob <= 0 and 0 <= transcript.no_speech_prob <= 1


def test_the_hash_is_of_the_weights(tmp_path):
    one = load_whisper(str(_checkpoint(tmp_path / "a.pt", n_audio_ctx=100)))
    same = load_whisper(str(_checkpoint(tmp_path / "b.pt", n_audio_ctx=100)))
    other = load_whisper(str(_checkpoint(tmp_path / "c.pt", n_audio_ctx=50)))
    assert len(one.weights_hash) == 64
    assert one.fingerprint() != other.fingerprint()
    assert one.bands == one.n_mels == 80
    assert same.name == "b"


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    """A machine without any official weights: empty caches, no package of weights."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("AMSER_CACHE", str(tmp_path / "amser"))
    monkeypatch.setattr("recognizers.whisper.checkpoints.packages._distribution", lambda name: None)


def test_a_model_without_network_is_one_clear_line(monkeypatch, nothing_here):
    def unreachable(*_args, **_kwargs):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    with pytest.raises(ModelUnavailable) as caught:
        load_whisper("tiny.en")
    line = str(caught.value)
    assert "\n" not in line
    assert "'tiny.en'" in line and "not known" in line and "path of a checkpoint" in line and "'nano'" in line


def test_unknown_names_and_paths_say_what_to_do(tmp_path):
    with pytest.raises(ModelUnavailable, match=r"did you mean 'tiny.en'"):
        load_whisper("tinny.en")
    with pytest.raises(ModelUnavailable, match=r"no Whisper checkpoint at .*missing\.pt"):
        load_whisper(str(tmp_path / "missing.pt"))
    assert available_whispers()[0] == "nano" and "turbo" in available_whispers()


class _Harmful:
    def __reduce__(self):
        return (pytest.fail, ("a checkpoint ran code",))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", pickle.dumps({"dims": 1})])
def test_files_that_are_no_checkpoint_are_refused(tmp_path, content):
    path = tmp_path / "bad.pt"
    path.write_bytes(content)
    with pytest.raises(ModelUnavailable, match=r"bad\.pt is not a Whisper checkpoint"):
        load_whisper(str(path))


def test_a_checkpoint_cannot_run_code(tmp_path):
    path = tmp_path / "evil.pt"
    torch.save({"dims": _Harmful(), "model_state_dict": {}}, path)
    with pytest.raises(ModelUnavailable, match="is not a Whisper checkpoint"):
        load_whisper(str(path))


def test_batches_hear_what_openai_whispers_transcribe_hears():
    """The benchmark's two ways on nano and real clips: one-by-one `whisper.transcribe`, and batches by length."""
    from benchmarks.decoding import batched, speech, stock

    nano = load_whisper("nano", batch_size=4)
    audios = speech(6, nano.context_s)
    said = batched(nano, audios)
    assert said == stock(nano, audios) and len(set(said)) > 3
    assert whisper.audio.N_FRAMES == 3000 and whisper.transcribe.__globals__["N_FRAMES"] == 3000  # as it was


@pytest.mark.parametrize(
    ("name", "n_mels", "n_vocab", "heads", "layers"),
    [
        ("tiny.en", 80, ENGLISH, 6, 4),
        ("base", 80, MULTILINGUAL, 8, 6),
        ("large-v3", 128, LARGE_V3, 20, 32),
        ("turbo", 128, LARGE_V3, 20, 4),
    ],
)
def test_official_models_by_name(tmp_path, monkeypatch, nothing_here, name, n_mels, n_vocab, heads, layers):
    """The way a user takes: a name, openai-whisper's cache folder and its check of the file's SHA-256, the Mel of as
    many bands as the model takes from a codec, and the words.  Heads and layers are the official ones, narrowed."""
    file = tmp_path / "whisper" / f"{name}.pt"
    file.parent.mkdir()
    sizes = {"width": 2 * heads, "heads": heads, "layers": layers}
    _checkpoint(file, n_mels=n_mels, n_vocab=n_vocab, n_audio_ctx=100, **sizes)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(whisper._MODELS, name, f"https://nowhere.invalid/{digest}/{name}.pt")
    recognizer = load_whisper(name)
    assert (recognizer.name, recognizer.bands) == (name, n_mels)
    assert recognizer.weights_hash == load_whisper(str(file)).weights_hash
    recognizer.model.dims.n_text_ctx = 16
    codec = build_codec("amser-12.5", bands=recognizer.bands)
    tone = np.sin(np.arange(16_000) / 5).astype(np.float32)
    (transcript,) = recognizer.transcribe([codec.decode(codec.encode(tone).data)])
    assert transcript.windows == 1 and np.isfinite(transcript.avg_logprob)


def test_a_damaged_official_file_is_one_line(tmp_path, monkeypatch, nothing_here):
    """openai-whisper downloads a file again that is not the model, which fails without a network."""
    (tmp_path / "whisper").mkdir()
    (tmp_path / "whisper" / "tiny.pt").write_bytes(b"half a file")

    def unreachable(*_args, **_kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    with pytest.raises(ModelUnavailable, match=r"tiny\.pt is damaged .*no route to host"):
        load_whisper("tiny")
