"""Weights of emotion networks as safetensors files: tensors in fp16, the spec as JSON in the header, no
pickle."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from recognizers.emotion.layers import EmotionNetwork
from recognizers.emotion.networks import ARCHITECTURES, NetworkSpec, build_network
from recognizers.emotion.tokenizers import Tokenizer
from recognizers.emotion.types import EmotionError

SHIPPED = Path(__file__).resolve().parent.parent / "data"
"""Where `emotion-<architecture>.safetensors` lie."""
FORMAT = "amser-emotion-1"
LARGEST_FILE_BYTES = 512 * 2**20


def shipped_weights(architecture: str) -> Path:
    """The shipped weights of an architecture, trained on the shipped synthetic speech."""
    return SHIPPED / f"emotion-{architecture}.safetensors"


def save_network(path: Path, network: EmotionNetwork, spec: NetworkSpec) -> None:
    """Write weights (fp16; statistics in fp32) and spec; whole or not at all."""
    save_weights(path, FORMAT, dataclasses.asdict(spec), {n: _stored(n, t) for n, t in network.state_dict().items()})


def save_weights(path: Path, form: str, spec: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write tensors and what describes them; whole or not at all."""
    header = {"format": form, "spec": json.dumps(spec, sort_keys=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    save_file({n: t.detach().clone().contiguous() for n, t in tensors.items()}, str(temporary), metadata=header)
    temporary.chmod(0o644)  # safetensors writes for the owner alone
    temporary.replace(path)


def load_network(path: Path) -> tuple[EmotionNetwork, Tokenizer, NetworkSpec, str]:
    """Read a weights file: the network (fp32, in evaluation mode), its tokenizer, its spec, the file's
    SHA-256.

    Raises `EmotionError` for a file that is missing, no safetensors file, not ours, or that does not fit
    its spec.
    """
    if not path.is_file():
        known = ", ".join(ARCHITECTURES)
        raise EmotionError(f"{path}: no such weights file; give one of {known}, or the path of a .safetensors file")
    spec = described(path, FORMAT, NetworkSpec)
    network, tokenizer = build_network(spec)
    return network, tokenizer, spec, fill(path, network)


Spec = TypeVar("Spec")


def described(path: Path, form: str, made: Callable[..., Spec]) -> Spec:
    """The spec in the header of a weights file; raises `EmotionError` where there is none of this format."""
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise EmotionError(f"{path}: larger than {LARGEST_FILE_BYTES >> 20} MiB, which no emotion network is")
    header = header_of(path)
    if header.get("format") != form:
        raise EmotionError(f"{path}: not an emotion network of this project (format {header.get('format')!r})")
    try:
        fields = json.loads(header["spec"])
        return made(**{**fields, "labels": tuple(str(label) for label in fields["labels"])})
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise EmotionError(f"{path}: its description cannot be read ({error})") from error


def header_of(path: Path) -> dict[str, str]:
    """What a safetensors file says of itself; raises `EmotionError` for another file."""
    try:
        with safe_open(str(path), framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise EmotionError(f"{path}: not a safetensors file ({error})") from error


def fill(path: Path, network: nn.Module) -> str:
    """Read a file's tensors into the network that it describes, which then evaluates; the file's SHA-256.

    Raises `EmotionError` for tensors of another network, and for values that are not finite."""
    wanted = network.state_dict()
    try:
        with safe_open(str(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise EmotionError(f"{path}: not a safetensors file ({error})") from error
    wrong = sorted(
        name
        for name in wanted.keys() | tensors.keys()
        if name not in wanted or name not in tensors or wanted[name].shape != tensors[name].shape
    )
    if wrong:
        raise EmotionError(f"{path}: {len(wrong)} tensors do not fit the network it describes, first {wrong[0]}")
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values() if tensor.is_floating_point()):
        raise EmotionError(f"{path}: holds weights that are not finite numbers")
    network.load_state_dict({name: tensors[name].to(value.dtype) for name, value in wanted.items()})
    network.eval()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def start_from(path: Path) -> Callable[[EmotionNetwork], None]:
    """What `train_network(prepare=...)` needs to start from other weights of the same architecture and size.

    The output layer is taken over only where the number of classes agrees; the standardisation of the Mel never
    is. Raises `EmotionError` for weights that do not fit.
    """
    donor, _, spec, _ = load_network(path)
    given = donor.state_dict()

    def prepare(network: EmotionNetwork) -> None:
        own = network.state_dict()
        fitting = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
        alike = {name: value for name, value in fitting.items() if not name.startswith("band_")}
        if len(own) - len(fitting) > 2:  # more than an output layer's weight and bias
            raise EmotionError(f"{path}: {spec.architecture} of these sizes does not fit the network to be trained")
        network.load_state_dict({**own, **alike})

    return prepare


def _stored(name: str, tensor: Tensor) -> Tensor:
    statistic = name.endswith(("running_mean", "running_var")) or name.startswith("band_")
    return tensor if statistic or not tensor.is_floating_point() else tensor.to(torch.float16)
