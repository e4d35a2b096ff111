"""A trained state network behind the recognizer whose encoder it reads, and its weights file.

The file is safetensors: tensors in fp16 (statistics in fp32) and a description as JSON in the header. It names the
Whisper by the digest of its weights; another Whisper's states would mean nothing to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from recognizers.emotion.state_network import StateDims, StateNetwork, agreed, collate_states
from recognizers.emotion.states import Stretches, WhisperStates, overheard
from recognizers.emotion.types import Emotion, EmotionError, Mel
from recognizers.emotion.weights import described, fill, header_of, save_weights

if TYPE_CHECKING:
    from recognizers.measurement.protocols import Recognizer, Transcript

STATE_FORMAT = "amser-states-1"
MOST_MEMBERS = 64
LARGEST_WIDTH = 4096
BATCH = 32


@dataclasses.dataclass(frozen=True)
class StateSpec:
    """All that is needed to build a state network and to know where it comes from."""

    labels: tuple[str, ...]
    dims: StateDims
    members: int
    encoder: str
    """Name of the Whisper."""
    states: str
    """Identity of its states: weights, blocks, way of reading."""
    trained_on: Mapping[str, Any]
    """Corpus, codecs, recipe, seed: whatever the trainer wrote down."""


class StateRecognizer:
    """AMSER's network on encoder states, as measurement and server use it."""

    def __init__(self, network: StateNetwork, spec: StateSpec, encoder: WhisperStates, digest: str) -> None:
        """Raises `EmotionError` where the encoder is another than that of the training."""
        if encoder.identity != spec.states:
            raise EmotionError(
                f"the network was trained on the states of {spec.encoder} ({spec.states}), found {encoder.identity}"
            )
        self.network, self.spec, self.encoder, self.digest = network.eval(), spec, encoder, digest

    @property
    def name(self) -> str:
        """`amser`."""
        return "amser"

    @property
    def bands(self) -> int:
        """Mel bands it takes."""
        return self.encoder.bands

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the network's outputs."""
        return self.spec.labels

    def fingerprint(self) -> str:
        """Changes with the weights."""
        return f"emotion/amser-states/{self.digest}"

    def classify(self, mels: Sequence[Mel], texts: Sequence[str]) -> list[Emotion]:
        """One emotion for each Mel and the words heard in it, by all members together.

        Raises `EmotionError` for a Mel that is none.
        """
        if len(mels) != len(texts):
            raise EmotionError(f"{len(mels)} Mels but {len(texts)} texts; give one text (empty if none) for each")
        slices = [slice(first, first + BATCH) for first in range(0, len(mels), BATCH)]
        return [one for part in slices for one in self.classify_heard(self.encoder.heard(mels[part]), texts[part])]

    def overhear(
        self, recognizer: Recognizer, mels: Sequence[Mel]
    ) -> tuple[Sequence[Transcript], Sequence[Stretches]] | None:
        """The recognizer's transcripts with what its own encoder heard on the way; None where it is another's."""
        shared = self.encoder.shared_with(recognizer)
        return None if shared is None else overheard(shared, mels, self.encoder.layers)

    def classify_heard(self, heard: Sequence[Stretches], texts: Sequence[str]) -> list[Emotion]:
        """`classify`, where the encoder's states are there already."""
        found: list[Emotion] = []
        for first in range(0, len(heard), BATCH):
            words = [self.encoder.word_vectors(text) for text in texts[first : first + BATCH]]
            with torch.inference_mode():
                batch = collate_states(heard[first : first + BATCH], words)
                chances = agreed(self.network(batch), self.network.members)[0]
            found += [
                Emotion(self.labels[int(row.argmax())], dict(zip(self.labels, row.tolist(), strict=True)))
                for row in chances
            ]
        return found


def save_states(path: Path, network: StateNetwork, spec: StateSpec) -> None:
    """Write weights and description; whole or not at all."""
    tensors = {n: t if n.endswith(("_mean", "_deviation")) else t.half() for n, t in network.state_dict().items()}
    save_weights(path, STATE_FORMAT, dataclasses.asdict(spec), tensors)


def is_of_states(path: Path) -> bool:
    """Whether a file is such a network; False for what is no safetensors file."""
    try:
        return header_of(path).get("format") == STATE_FORMAT
    except EmotionError:
        return False


def encoder_of_file(path: Path) -> str:
    """The Whisper that a weights file of such a network names; raises `EmotionError` where it cannot be read."""
    return described(path, STATE_FORMAT, _spec).encoder


def load_states(path: Path) -> StateRecognizer:
    """Read a weights file, and load the Whisper that it names.

    Raises `EmotionError` for a file that is not ours, is damaged or asks for too much, `ModelUnavailable` where the
    Whisper cannot be had.
    """
    from recognizers.whisper import load_whisper

    spec = described(path, STATE_FORMAT, _spec)
    network = StateNetwork(spec.dims, len(spec.labels), spec.members)
    digest = fill(path, network)
    whisper = load_whisper(spec.encoder)
    encoder = WhisperStates(whisper.model, whisper.name, whisper.weights_hash, spec.dims.layers)
    return StateRecognizer(network, spec, encoder, digest)


def _spec(dims: Mapping[str, Any], **fields: Any) -> StateSpec:
    """Raises `ValueError` for sizes that no network has: a file may be anybody's."""
    given = StateDims(**{**dims, "layers": tuple(int(layer) for layer in dims["layers"])})
    spec = StateSpec(dims=given, **fields)
    sizes = (given.state_width, given.width, len(given.layers), len(spec.labels), spec.members, given.heads)
    if not all(isinstance(size, int) and 1 <= size <= LARGEST_WIDTH for size in sizes) or spec.members > MOST_MEMBERS:
        raise ValueError(f"sizes {sizes} lie outside 1 to {LARGEST_WIDTH}")
    if given.width % given.heads or given.modalities not in ("both", "audio", "text"):
        raise ValueError(f"{given.heads} heads of width {given.width}, modalities {given.modalities!r}")
    return spec
