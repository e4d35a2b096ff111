"""The emotion recognizer that the measurement and the edge server use: Mels and words in, emotions out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from recognizers.emotion.batch import collate
from recognizers.emotion.layers import EmotionNetwork
from recognizers.emotion.networks import ARCHITECTURES, NetworkSpec
from recognizers.emotion.tokenizers import Tokenizer
from recognizers.emotion.types import BANDS, Emotion, EmotionError, Mel
from recognizers.emotion.weights import load_network, shipped_weights

BATCH = 32


class EmotionRecognizer:
    """A trained emotion network, on the device of its weights."""

    def __init__(self, network: EmotionNetwork, tokenizer: Tokenizer, spec: NetworkSpec, digest: str) -> None:
        self.network, self.tokenizer, self.spec, self.digest = network, tokenizer, spec, digest

    @property
    def name(self) -> str:
        """The architecture: `amser`, `umons`, `xu` or `yoon`."""
        return self.spec.architecture

    @property
    def bands(self) -> int:
        """Mel bands it takes."""
        return BANDS

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the network's outputs."""
        return self.spec.labels

    def fingerprint(self) -> str:
        """Changes with the weights: architecture and SHA-256 of the file."""
        return f"emotion/{self.name}/{self.digest}"

    def classify(self, mels: Sequence[Mel], texts: Sequence[str]) -> list[Emotion]:
        """One emotion for each Mel (80, T) and the words that the recognizer heard in it (empty: none).

        A result does not depend on what else is in the call. Raises `EmotionError` for a Mel that is none.
        """
        if len(mels) != len(texts):
            raise EmotionError(f"{len(mels)} Mels but {len(texts)} texts; give one text (empty if none) for each")
        found = predict(self.network, self.tokenizer, mels, texts, self.spec.modalities)
        return [
            Emotion(self.labels[int(row.argmax())], dict(zip(self.labels, row.tolist(), strict=True))) for row in found
        ]


def predict(
    network: EmotionNetwork,
    tokenizer: Tokenizer,
    mels: Sequence[Mel],
    texts: Sequence[str],
    modalities: str = "both",
) -> npt.NDArray[np.float32]:
    """Class probabilities, shape (N, classes), in the given order; batched by length to spare padding."""
    if not mels:
        return np.zeros((0, 0), dtype=np.float32)
    mels, texts = ablated(mels, texts, modalities)
    order = sorted(range(len(mels)), key=lambda place: mels[place].shape[1])
    rows: dict[int, npt.NDArray[np.float32]] = {}
    network.eval()
    device = next(network.parameters()).device
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            batch = collate([mels[i] for i in chosen], [texts[i] for i in chosen], tokenizer).to(device)
            rows.update(zip(chosen, network(batch).softmax(dim=1).cpu().numpy(), strict=True))
    return np.stack([rows[place] for place in range(len(order))])


def ablated(mels: Sequence[Mel], texts: Sequence[str], modalities: str) -> tuple[Sequence[Mel], Sequence[str]]:
    """What an ablated network sees: `audio` has no words, `text` an empty Mel."""
    if modalities == "audio":
        return mels, [""] * len(texts)
    if modalities == "text":
        return [np.zeros((BANDS, 16), dtype=np.float32)] * len(mels), texts
    return mels, texts


def load_emotion(name_or_path: str | Path) -> EmotionRecognizer:
    """Load shipped weights by architecture (`amser`, `umons`, `xu`, `yoon`) or any weights by path.

    Raises `EmotionError` if there are none, or the file is not one of this project's emotion networks.
    """
    name = str(name_or_path)
    path = shipped_weights(name) if name in ARCHITECTURES else Path(name_or_path)
    return EmotionRecognizer(*load_network(path))
