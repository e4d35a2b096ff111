"""The trainer: batches are right, a run learns, and one that was cut off goes on."""

import numpy as np
import pytest
import torch
from whisper.model import MultiHeadAttention, Whisper

from recognizers.corpora import open_corpus
from recognizers.training.nano.data import (
    Features,
    Sampler,
    Speller,
    collate,
    noise_mel,
    read_synthetic,
)
from recognizers.training.nano.train import Options, Run, encode, train
from recognizers.training.speech.grammar import vocabulary
from recognizers.whisper.nano import compact_dimensions, load_nano, vocabulary_of
from recognizers.whisper.padding import floor_of


@pytest.fixture(autouse=True)
def _restore_attention():
    before = MultiHeadAttention.use_sdpa
    yield
    MultiHeadAttention.use_sdpa = before


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """A folder as the synthesis writes it: 24 shipped clips for training, others for choosing weights."""
    folder = tmp_path_factory.mktemp("speech")
    lines = ["path\ttext\temotion\tvoice\tengine\tseen_voice\tsplit\tduration_s"]
    for place, split in enumerate(("train", "dev")):
        for clip in open_corpus("shipped").utterances[24 * place : 24 * (place + 1)]:
            row = (clip.path, clip.text, clip.emotion, "flite-slt", "flite", "1", split, clip.duration_s)
            lines.append("\t".join(map(str, row)))
    (folder / "manifest.tsv").write_text("\n".join(lines) + "\n")
    return folder


def _options(speech, work, minutes=0.01) -> Options:
    return Options(
        speech=speech, work=work, corpora=None, minutes=minutes, batch=4, learning_rate=2e-3, width=40, seed=3
    )


def test_the_cut_encoder_equals_whispers_at_full_context():
    torch.manual_seed(0)
    model = Whisper(compact_dimensions(10, width=40, encoder_layers=2, decoder_layers=1)).eval()
    mel = torch.randn(2, 80, 500)
    with torch.no_grad():
        assert torch.allclose(encode(model, mel), model.encoder(mel), atol=1e-5)
        assert encode(model, mel[..., :120]).shape == (2, 60, 40)


def test_batches_spell_the_texts_and_pad_with_the_floor():
    speller = Speller(vocabulary_of(vocabulary()))
    rng = np.random.default_rng(0)
    mels = [rng.normal(0, 0.3, (80, 50)).astype(np.float32), noise_mel(rng)]
    batch = collate(mels, ["stop the timer", ""], speller, 120, rng)
    words = speller.rows("stop the timer")
    assert batch.targets[0].tolist() == [speller.no_timestamps, *words, speller.eot]
    assert batch.inputs[0, 0] == speller.sot and batch.inputs[0, 1] == speller.no_timestamps
    # Something that is no command teaches the no-speech token in its place and nothing else.
    assert batch.targets[1].tolist() == [speller.no_speech] + [-100] * (len(words) + 1)
    assert batch.spoken == ["stop the timer", None]
    assert np.all(batch.mel[0, :, 50:].numpy() == np.float32(floor_of(mels[0])))


def test_batches_hold_as_many_as_asked_for(speech):
    features = Features(read_synthetic(speech, "train"))
    assert len(features) == 24 and features.mel(3).dtype == np.float32
    batch = Sampler(features, None, None, Speller(vocabulary_of(vocabulary()))).next(6, False, np.random.default_rng(0))
    assert batch.mel.shape[0] == 6 and batch.mel.shape[2] % 2 == 0


@pytest.mark.slow
def test_steps_lower_the_loss_and_keep_the_constant(speech, tmp_path, monkeypatch):
    monkeypatch.setattr("recognizers.training.nano.train.WARMUP_STEPS", 2)
    run = Run(_options(speech, tmp_path))
    features = Features(read_synthetic(speech, "train"))
    mels = [features.mel(i) for i in range(2)]
    texts = [features.examples[i].text for i in range(2)]
    frames = max(m.shape[1] for m in mels) + 1
    batch = collate(mels, texts, run.speller, frames - frames % 2, np.random.default_rng(0))
    losses = [run.learn(batch) for _ in range(25)]
    # The same two clips again and again: both losses must fall, far beyond the noise of a seeded run.
    assert np.all(losses[-1] < 0.8 * losses[0])
    assert torch.all(run.model.decoder.token_embedding.weight[:, 0] == 0)
    assert float(run.model.decoder.ln.bias[0].detach()) == 1.0


@pytest.mark.slow
def test_a_run_writes_weights(speech, tmp_path):
    export = train(_options(speech, tmp_path))
    model, metadata = load_nano(export)
    assert model.dims.n_audio_ctx == 250
    assert metadata["training"].startswith("24 synthetic commands")


def test_open_speech_is_spelled_for_ctc_and_no_speech_for_the_decoder(speech):
    others = Features(read_synthetic(speech, "train"))
    sampler = Sampler(others, None, others, Speller(vocabulary_of(vocabulary())))
    rng = np.random.default_rng(0)
    batches = [sampler.next(6, False, rng) for _ in range(60)]
    speller = Speller(vocabulary_of(vocabulary()))
    opened = [b for b in batches if all(t == speller.no_speech for t in b.targets[:, 0])]
    # 12 % of 60 batches; none has probability 0.0005.
    assert opened and all(text for b in opened for text in b.spoken)
