"""Trains what ``mel-klt`` ships with: bases, deviations and probability tables.

    python -m recognizers.training.codecs.klt FOLDER [FOLDER ...] [--split train] [--out klt.safetensors]

Each folder holds ``manifest.tsv`` (a header, a column ``path``, optionally ``split``) and 16 kHz audio.  The
shipped file was trained on the train split of speechocean762-adults (CC BY 4.0; 1,340 utterances, 105 min of
non-native English) alone, so that other corpora remain unseen.  Needs about 2 GB of memory and minutes.

1. mean and covariance of all frames; the basis is the covariance's eigenvectors (Karhunen-Loeve).
2. deviation of each coefficient (component, modulation frequency), with levels predicted as the coder does.
3. probabilities of the coder's decisions, counted while coding with the tables of the round before, over
   steps from 1.0 to 0.03; each count is drawn towards its class's mean (4 imaginary observations).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from channel.codecs import klt_entropy as entropy
from channel.codecs.klt_model import BLOCK_FRAMES, DATA_FILE, Model, bits_of, block_bounds, dct_basis
from channel.mel import Mel, log_mel
from recognizers.corpora import open_corpus

STEPS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.06, 0.03)
WEIGHT = 0.12
_IMAGINARY = 4.0
_SHARE = 6
_LEAST, _MOST = 16, 32768 - 16  # of a probability in 1/32768: no answer costs more than 11 bits

Counts = npt.NDArray[np.int64]


def read_audio(folder: Path, split: str | None) -> Iterator[npt.NDArray[np.float32]]:
    """Audio of a corpus, of one split if it tells splits apart."""
    corpus = open_corpus(folder)
    splits = {utterance.split for utterance in corpus.utterances}
    chosen = corpus if split is None or splits == {""} else corpus.select(split=split)
    return map(chosen.load_audio, chosen.utterances)


def karhunen_loeve(mels: Sequence[Mel]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Mean (bands,) and basis (bands, components), strongest component first."""
    frames = sum(mel.shape[1] for mel in mels)
    mean = sum(mel.astype(np.float64).sum(axis=1) for mel in mels) / frames
    covariance = np.zeros((mean.size, mean.size))
    for mel in mels:
        centred = mel.astype(np.float64) - mean[:, None]
        covariance += centred @ centred.T / frames
    vectors = np.linalg.eigh(covariance)[1][:, ::-1]
    vectors *= np.where(vectors.sum(axis=0) < 0, -1.0, 1.0)  # a fixed sign, so that training is repeatable
    return mean.astype(np.float32), np.ascontiguousarray(vectors, dtype=np.float32)


def deviations_of(model: Model, mels: Sequence[Mel]) -> npt.NDArray[np.int16]:
    """60 log2 of the root mean square of each coefficient, shape (components, 32)."""
    squares = np.zeros((model.basis.shape[1], BLOCK_FRAMES))
    seen = np.zeros(BLOCK_FRAMES)
    for mel in mels:
        bounds = block_bounds(mel.shape[1])
        coefficients = model.forward(mel, bounds).astype(np.float64)
        levels = np.zeros((2, squares.shape[0]))
        for block, (start, end) in enumerate(pairwise(bounds)):
            width = int(end - start)
            part = coefficients[:, start:end].copy()
            level = part[:, 0].copy()
            part[:, 0] -= 0.25 * levels[0] + 0.6 * levels[1]
            levels[0] = level
            levels[1] += (level - levels[1]) * max(0.15, 1.0 / (block + 1.5))
            place = np.minimum((np.arange(width) * BLOCK_FRAMES + width // 2) // width, BLOCK_FRAMES - 1)
            for frequency in range(width):
                squares[:, place[frequency]] += part[:, frequency] ** 2
                seen[place[frequency]] += 1.0
    rms = np.sqrt(np.maximum(squares / np.maximum(seen, 1.0), 1e-12))
    return np.rint(60.0 * np.log2(rms)).astype(np.int16)


def count_decisions(
    model: Model, mels: Sequence[Mel], steps: Sequence[float], weight: float
) -> tuple[Counts, entropy.Floats]:
    """Counts of the coder's decisions and sums of the quantiser's errors over ``mels`` and ``steps``."""
    shape = (entropy.DECISIONS, entropy.CLASSES, entropy.NEAR, entropy.BEFORE, 2)
    counts = np.zeros(shape, dtype=np.int64)
    moments = np.zeros((entropy.CLASSES, entropy.CENTROIDS, 2))
    for mel in mels:
        bounds = block_bounds(mel.shape[1])
        coefficients = model.forward(mel, bounds)
        out = np.zeros(coefficients.size * 8 + 1024, dtype=np.uint8)
        for step in steps:
            index = round(20.0 * (2.0 - np.log2(step)))
            before, levels = entropy.fresh_state(coefficients.shape[0])
            entropy.encode_blocks(
                coefficients, bounds, model.deviations, index, model.table, model.cost, model.centroid,
                weight, before, levels, 0, out, counts, moments,
            )  # fmt: skip
    return counts, moments


def tables_of(counts: Counts, moments: entropy.Floats) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.float32]]:
    """Probability table and centroids from counts."""
    of_class = counts.sum(axis=(2, 3), keepdims=True)
    usual = (of_class[..., 1] + 0.5) / (of_class.sum(axis=-1) + 1.0)
    yes = (counts[..., 1] + _IMAGINARY * usual) / (counts.sum(axis=-1) + _IMAGINARY)
    table = np.clip(np.rint(yes * 32768.0), _LEAST, _MOST).astype(np.uint16)
    for kind in reversed(range(entropy.CLASSES - 1)):
        if not counts[:, kind].any():  # coarser steps than STEPS lead there; the next class is nearest
            table[:, kind] = table[:, kind + 1]
    known = moments[..., 1] > 50
    centroid = np.where(known, moments[..., 0] / np.maximum(moments[..., 1], 1.0), 0.0)
    return table, np.clip(centroid, -0.4, 0.4).astype(np.float32)


def blank_model(mean: npt.NDArray[np.float32], basis: npt.NDArray[np.float32]) -> Model:
    """A model whose tables know nothing yet."""
    table = np.full((entropy.DECISIONS, entropy.CLASSES, entropy.NEAR, entropy.BEFORE), 9830, dtype=np.uint16)
    deviations = np.zeros((basis.shape[1], BLOCK_FRAMES), dtype=np.int16)
    centroid = np.zeros((entropy.CLASSES, entropy.CENTROIDS), dtype=np.float32)
    return Model(mean, basis, deviations, table, bits_of(table), centroid, "untrained")


def with_tables(model: Model, table: npt.NDArray[np.uint16], centroid: npt.NDArray[np.float32]) -> Model:
    """``model`` with other tables."""
    return Model(model.mean, model.basis, model.deviations, table, bits_of(table), centroid, model.digest)


def train(mels: Sequence[Mel], basis: npt.NDArray[np.float32] | None = None, rounds: int = 3) -> Model:
    """A model of ``mels``; with ``basis`` given, only deviations and tables are learned."""
    mean, own = karhunen_loeve(mels)
    model = blank_model(mean, own if basis is None else basis)
    model = Model(**{**model.__dict__, "deviations": deviations_of(model, mels)})
    for number in range(rounds):
        part = mels[number::_SHARE]  # a sixth of the speech fills the tables, and another one each round
        counts, moments = count_decisions(model, part, STEPS, WEIGHT if number else 0.0)
        model = with_tables(model, *tables_of(counts, moments))
    return model


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on the folders of the command line and write the file."""
    parser = argparse.ArgumentParser(description="Train the basis and tables of mel-klt")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--split", default=None)
    parser.add_argument("--out", type=Path, default=DATA_FILE)
    options = parser.parse_args(arguments)
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    recordings = [audio for folder in options.folders for audio in read_audio(folder, options.split)]
    for bands in (80, 128):
        mels = [log_mel(audio, bands) for audio in recordings]
        if bands == 80:
            model = train(mels)
            arrays |= {"table": model.table, "centroid": model.centroid}
        else:
            model = train(mels, rounds=0)
        cosine = train(mels, basis=dct_basis(bands), rounds=0)
        arrays |= {
            f"mean.{bands}": model.mean,
            f"basis.{bands}": model.basis,
            f"deviations.{bands}": model.deviations,
            f"deviations.{bands}.dct": cosine.deviations,
        }
        sys.stderr.write(f"{bands} bands: {sum(mel.shape[1] for mel in mels)} frames\n")
    from safetensors.numpy import save_file

    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, options.out)


if __name__ == "__main__":
    main()
