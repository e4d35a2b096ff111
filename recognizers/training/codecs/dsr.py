"""Trains the codebooks that ``dsr`` ships with.

    python -m recognizers.training.codecs.dsr FOLDER [FOLDER ...] [--split train] [--out dsr.safetensors]

Folders are those of ``klt_train``.  The shipped file was trained on the same speech as ``mel-klt`` (the train split of
speechocean762-adults, CC BY 4.0), so neither has heard LibriSpeech.  Each pair's book comes from k-means (Lloyd's
iterations from k-means++ starts, plain squared distance) on frames drawn at random; a few minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.cluster.vq import kmeans2

from channel.codecs.dsr import BITS, DATA_FILE, PAIRS, Floats, features_of
from channel.mel import Mel, log_mel
from recognizers.training.codecs.klt import read_audio

_FRAMES = 100_000
_ITERATIONS = 30


def train(mels: Sequence[Mel], seed: int = 1) -> list[npt.NDArray[np.float32]]:
    """A codebook (entries, 2) for each pair of features."""
    features: Floats = np.concatenate([features_of(mel) for mel in mels], axis=1)
    rng = np.random.default_rng(seed)
    drawn = features[:, rng.permutation(features.shape[1])[:_FRAMES]]
    books = []
    for pair, bits in zip(PAIRS, BITS, strict=True):
        book = kmeans2(drawn[list(pair)].T, 1 << bits, iter=_ITERATIONS, minit="++", rng=rng)[0]
        books.append(book[np.lexsort(book.T)].astype(np.float32))
    return books


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on the folders of the command line and write the file."""
    from safetensors.numpy import save_file

    parser = argparse.ArgumentParser(description="Train the codebooks of dsr")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--split", default=None)
    parser.add_argument("--out", type=Path, default=DATA_FILE)
    options = parser.parse_args(arguments)
    recordings = [audio for folder in options.folders for audio in read_audio(folder, options.split)]
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    for bands in (80, 128):
        books = train([log_mel(audio, bands) for audio in recordings])
        arrays |= {f"book.{bands}.{place}": book for place, book in enumerate(books)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_file(arrays, options.out)


if __name__ == "__main__":
    main()
