"""A trained state network behind the recognizer whose encoder it reads, and its weights file.

The file is safetensors: tensors in fp16 (statistics in fp32) and a description as JSON in the header. It names the
Whisper by the digest of its weights; another Whisper's states would mean nothing to it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from recognizers.emotion.state_network import StateDims, StateNetwork, agreed, collate_states
from recognizers.emotion.states import EncoderStates, Stretches, overheard
from recognizers.emotion.types import Emotion, EmotionError, Mel

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

    def __init__(self, network: StateNetwork, spec: StateSpec, encoder: EncoderStates, digest: str) -> None:
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
    tensors = {
        name: (value if name.endswith(("_mean", "_deviation")) else value.half()).detach().clone().contiguous()
        for name, value in network.state_dict().items()
    }
    header = {"format": STATE_FORMAT, "spec": json.dumps(dataclasses.asdict(spec), sort_keys=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    save_file(tensors, str(temporary), metadata=header)
    temporary.chmod(0o644)  # safetensors writes for the owner alone
    temporary.replace(path)


def is_of_states(path: Path) -> bool:
    """Whether a file is such a network; False for what is no safetensors file."""
    try:
        with safe_open(str(path), framework="pt") as file:
            return (file.metadata() or {}).get("format") == STATE_FORMAT
    except (SafetensorError, OSError):
        return False


def encoder_of_file(path: Path) -> str:
    """The Whisper that a weights file of such a network names; raises `EmotionError` where it cannot be read."""
    with safe_open(str(path), framework="pt") as file:
        return _spec(path, file.metadata() or {}).encoder


def load_states(path: Path) -> StateRecognizer:
    """Read a weights file, and load the Whisper that it names.

    Raises `EmotionError` for a file that is not ours, is damaged or asks for too much, `ModelUnavailable` where the
    Whisper cannot be had.
    """
    from recognizers.emotion.states import WhisperStates
    from recognizers.whisper import load_whisper

    try:
        with safe_open(str(path), framework="pt") as file:
            spec = _spec(path, file.metadata() or {})
            network = StateNetwork(spec.dims, len(spec.labels), spec.members)
            wanted = network.state_dict()
            if set(file.keys()) != set(wanted):
                raise EmotionError(f"{path}: its tensors are not those of the network that it describes")
            tensors = {name: file.get_tensor(name).float() for name in wanted}
    except (SafetensorError, OSError) as error:
        raise EmotionError(f"{path}: not a safetensors file ({error})") from error
    for name, value in wanted.items():
        if tensors[name].shape != value.shape or not torch.isfinite(tensors[name]).all():
            raise EmotionError(f"{path}: tensor {name} has another shape, or values that are not finite")
    network.load_state_dict(tensors)
    whisper = load_whisper(spec.encoder)
    encoder = WhisperStates(whisper.model, whisper.name, whisper.weights_hash, spec.dims.layers)
    return StateRecognizer(network, spec, encoder, hashlib.sha256(path.read_bytes()).hexdigest())


def _spec(path: Path, header: Mapping[str, str]) -> StateSpec:
    if header.get("format") != STATE_FORMAT:
        raise EmotionError(f"{path}: not a network on encoder states (format {header.get('format')!r})")
    try:
        fields = json.loads(header["spec"])
        given = fields.pop("dims")
        dims = StateDims(**{**given, "layers": tuple(int(layer) for layer in given["layers"])})
        spec = StateSpec(**{**fields, "labels": tuple(str(label) for label in fields["labels"])}, dims=dims)
    except (KeyError, TypeError, ValueError) as error:
        raise EmotionError(f"{path}: its description cannot be read ({error})") from error
    sizes = (dims.state_width, dims.width, len(dims.layers), len(spec.labels), spec.members, dims.heads)
    if not all(isinstance(size, int) and 1 <= size <= LARGEST_WIDTH for size in sizes) or spec.members > MOST_MEMBERS:
        raise EmotionError(f"{path}: its sizes {sizes} lie outside 1 to {LARGEST_WIDTH}")
    if dims.width % dims.heads or dims.modalities not in ("both", "audio", "text"):
        raise EmotionError(f"{path}: {dims.heads} heads of width {dims.width}, modalities {dims.modalities!r}")
    return spec
