"""The four architectures by name, in a small size that ships and in the size that was published."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from recognizers.emotion import umons, xu, yoon
from recognizers.emotion.amser import AmserDims, AmserNetwork
from recognizers.emotion.layers import EmotionNetwork
from recognizers.emotion.tokenizers import HashedWords, Tokenizer, tokenizer_from
from recognizers.emotion.types import EmotionError

LARGEST_DIMENSION = 65536
"""No width, length or table of a weights file may exceed it: a bound on the memory that a file can ask
for."""


@dataclass(frozen=True)
class Architecture:
    """One of the four networks."""

    title: str
    dims: type
    build: Callable[[Any, int, int], EmotionNetwork]
    sizes: Mapping[str, Any]
    """`small` ships; `published` has the widths of the paper or its code. The poster gives none for AMSER, so its other
    sizes have names of their own."""


ARCHITECTURES: Mapping[str, Architecture] = {
    "amser": Architecture(
        "AMSER (our reading)",
        AmserDims,
        AmserNetwork,
        {
            "small": AmserDims(),
            "image": AmserDims(maps=(16, 32, 48)),
            "large": AmserDims(1, (256,), (), 128, 256, 8, 2, 0.3),
        },
    ),
    "umons": Architecture(
        "UMONS (Delbrouck 2020)",
        umons.UmonsDims,
        umons.UmonsNetwork,
        {"small": umons.UmonsDims(), "published": umons.AS_PUBLISHED},
    ),
    "xu": Architecture("Xu et al. 2019", xu.XuDims, xu.XuNetwork, {"small": xu.XuDims(), "published": xu.AS_PUBLISHED}),
    "yoon": Architecture(
        "Yoon et al. 2018",
        yoon.YoonDims,
        yoon.YoonNetwork,
        {"small": yoon.YoonDims(), "published": yoon.AS_PUBLISHED},
    ),
}
"""The architectures by name. AMSER's `image` size reads the Mel as an image: slower, and better on small corpora of
human speech (docs/results/emotion.md)."""

MODALITIES = ("both", "audio", "text")


@dataclass(frozen=True)
class NetworkSpec:
    """All that is needed to build a network and to know where it comes from; stored with the weights."""

    architecture: str
    labels: tuple[str, ...]
    dims: Mapping[str, Any]
    words: Mapping[str, Any]
    """The tokenizer's description."""
    modalities: str = "both"
    """`both`, or `audio` or `text` for an ablation that never sees the other."""
    trained_on: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Corpus, its digest, utterances, recipe, seed: whatever the trainer wrote down."""

    @classmethod
    def of(
        cls,
        architecture: str,
        labels: tuple[str, ...],
        *,
        size: str = "small",
        tokenizer: Tokenizer | None = None,
        modalities: str = "both",
        word_width: int | None = None,
    ) -> NetworkSpec:
        """The spec of an untrained network, with word vectors of `word_width` numbers instead of the size's own.

        Raises `EmotionError` for an unknown architecture or size.
        """
        chosen = _architecture(architecture)
        if size not in chosen.sizes:
            raise EmotionError(f"unknown size {size!r} of {architecture}; known: {', '.join(chosen.sizes)}")
        if modalities not in MODALITIES:
            raise EmotionError(f"unknown modalities {modalities!r}; known: {', '.join(MODALITIES)}")
        words = (tokenizer or HashedWords()).describe()
        dims = dataclasses.asdict(chosen.sizes[size])
        if word_width is not None:
            dims["word_width"] = word_width
        return cls(architecture, tuple(labels), dims, words, modalities)


def build_network(spec: NetworkSpec) -> tuple[EmotionNetwork, Tokenizer]:
    """An untrained network and its tokenizer. Raises `EmotionError` for a spec that makes no sense."""
    architecture = _architecture(spec.architecture)
    if len(spec.labels) < 2:
        raise EmotionError(f"a network needs at least two classes, found {list(spec.labels)}")
    tokenizer = tokenizer_from(spec.words)
    dims = _dims(architecture, spec)
    if tokenizer.size > LARGEST_DIMENSION:
        raise EmotionError(f"the weights ask for {tokenizer.size} word vectors; at most {LARGEST_DIMENSION} are read")
    try:
        return architecture.build(dims, len(spec.labels), tokenizer.size), tokenizer
    except (RuntimeError, ValueError, TypeError, ZeroDivisionError) as error:
        raise EmotionError(f"the sizes {dict(spec.dims)} make no {spec.architecture} network: {error}") from error


def _architecture(name: str) -> Architecture:
    if name not in ARCHITECTURES:
        raise EmotionError(f"unknown emotion network {name!r}; known: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def _dims(architecture: Architecture, spec: NetworkSpec) -> Any:
    known = {field.name for field in dataclasses.fields(architecture.dims)}
    unknown = set(spec.dims) - known
    if unknown:
        raise EmotionError(f"{spec.architecture} has no size {sorted(unknown)}; known: {sorted(known)}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in spec.dims.items()}
    numbers = [n for value in values.values() for n in (value if isinstance(value, tuple) else (value,))]
    if any(isinstance(number, int | float) and not 0 <= number <= LARGEST_DIMENSION for number in numbers):
        raise EmotionError(f"the sizes {values} lie outside 0 to {LARGEST_DIMENSION}")
    return architecture.dims(**values)
