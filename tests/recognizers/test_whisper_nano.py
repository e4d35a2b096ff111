"""nano's file format: what is stored comes back, unused tokens never win, damage is a clear error."""

import json

import pytest
import torch
import whisper
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from whisper.model import Whisper

from recognizers.training.speech.grammar import vocabulary
from recognizers.whisper.nano import (
    OFFICIAL_VOCABULARY,
    NanoFormatError,
    Vocabulary,
    compact_dimensions,
    english_tokenizer,
    load_nano,
    pin_constant,
    save_nano,
    vocabulary_of,
)


def _compact_model(words: tuple[str, ...] = ("turn", "on", "the", "light")) -> tuple[Whisper, Vocabulary]:
    torch.manual_seed(0)
    rows = vocabulary_of(words)
    model = Whisper(compact_dimensions(len(rows.rows), width=40, encoder_layers=1, decoder_layers=1))
    torch.nn.init.normal_(model.decoder.positional_embedding)
    pin_constant(model)
    return model.eval(), rows


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("nano") / "small.safetensors"
    model, rows = _compact_model()
    save_nano(path, model, rows, {"training": "nothing", "seed": "0"})
    return path, model, rows


def test_every_sentence_can_be_spelled():
    rows = vocabulary_of(vocabulary())
    tokenizer = english_tokenizer()
    assert len(rows.rows) == len(set(rows.rows)) == len(rows.compact(rows.rows))
    for word in vocabulary():
        assert tokenizer.decode([rows.rows[r] for r in rows.compact(tokenizer.encode(" " + word))]) == " " + word


def test_the_expanded_model_computes_what_the_compact_one_does(saved):
    path, compact, rows = saved
    full, metadata = load_nano(path)
    assert metadata["training"] == "nothing"
    assert full.dims.n_vocab == OFFICIAL_VOCABULARY and not full.is_multilingual
    mel = torch.randn(2, 80, 500)
    tokens = torch.randint(0, len(rows.rows), (2, 5))
    with torch.no_grad():
        small = compact.half().float()(mel, tokens)  # the file holds half precision
        large = full(mel, torch.tensor(rows.rows)[tokens])
    assert torch.allclose(large[..., list(rows.rows)], small, atol=1e-4)


def test_unused_tokens_have_no_probability_at_all(saved):
    # Their logit is -1000 by construction; exp(-1000) underflows to zero in float32.
    path, _, rows = saved
    full, _ = load_nano(path)
    unused = torch.ones(OFFICIAL_VOCABULARY, dtype=torch.bool)
    unused[list(rows.rows)] = False
    with torch.no_grad():
        # One real token and one that training never saw: the constant does not depend on the input.
        logits = full(torch.randn(3, 80, 500) * 5, torch.tensor([[rows.rows[0], 1234]] * 3))
    assert torch.allclose(logits[..., unused], torch.tensor(-1000.0))
    assert torch.all(logits.softmax(-1)[..., unused] == 0)


def test_stock_decode_only_says_words_of_the_vocabulary(saved):
    path, _, rows = saved
    full, _ = load_nano(path)
    options = whisper.DecodingOptions(language="en", without_timestamps=True, fp16=False)
    results = whisper.decode(full, torch.randn(4, 80, 500), options)
    assert all(set(r.tokens) <= set(rows.rows) for r in results)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other-2"}, "format 'other-2', expected 'amser-nano-1'"),
        ({"dims": "{"}, "not a nano weights file"),
        ({"dims": json.dumps({"n_mels": 80})}, "not a nano weights file"),
        ({"token_ids": "[1, 2]"}, "not a nano weights file"),
        ({"token_ids": "[99999999]"}, "not a nano weights file"),
    ],
)
def test_damaged_metadata_is_a_clear_error(saved, tmp_path, change, message):
    from safetensors import safe_open

    with safe_open(saved[0], framework="pt") as file:
        metadata = {**file.metadata(), **change}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    path = tmp_path / "damaged.safetensors"
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(NanoFormatError, match=message):
        load_nano(path)


def test_a_missing_tensor_is_named(saved, tmp_path):
    from safetensors import safe_open

    with safe_open(saved[0], framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del tensors["encoder.ln_post.bias"]
    save_file(tensors, tmp_path / "short.safetensors", metadata=metadata)
    with pytest.raises(NanoFormatError, match=r"encoder\.ln_post\.bias"):
        load_nano(tmp_path / "short.safetensors")


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_cleanly(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("bytes") / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(NanoFormatError):
        load_nano(path)
