"""AMSER's emotion network on the states of Whisper's own encoder.

The server runs that encoder for the words anyway; this network reads what it found. A learned mix of the encoder's
layers and the recognizer's words ask each other (co-attention in both directions, as the poster names it); what
comes back says how much every stretch of speech counts in the mean and the deviation of the states, and these are
classified. With equal weights it is the logistic regression that it has to beat. Encoder and word embeddings stay as
OpenAI trained them.

A network has members that share nothing but their input: the two voices of a trained network (what the co-attention
learnt, and the regression that it starts from, fitted to its minimum), in a training those of all folds of a
cross-validation. The wide states are read once for all of them; `torch.vmap` over one member's module would copy them
for each, which took ten times as long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from recognizers.emotion.states import Floats, Stretches

SMALLEST_DEVIATION = 1e-3
VOICES = 2
"""Members of a trained network: with co-attention, and without."""


@dataclass(frozen=True)
class StateDims:
    """Sizes of the network, and which layers of the encoder it reads."""

    layers: tuple[int, ...] = (2, 3, 4)
    """Of the encoder's blocks, counted from 1. Later ones know words, and less and less how they were said."""
    state_width: int = 512
    """Of the encoder's states and of the word embeddings: 512 in `base`, 384 in `tiny.en`."""
    width: int = 32
    """Of both modalities in the co-attention."""
    heads: int = 4
    dropout: float = 0.2
    """In the co-attention."""
    pooled_dropout: float = 0.5
    """Of the pooled states."""
    modalities: str = "both"
    """`both`; `audio`: no words; `text`: words alone."""


@dataclass(frozen=True)
class StateBatch:
    """B utterances as the encoder heard them."""

    mean: Tensor
    """(B, T, layers x state_width): means over stretches."""
    variance: Tensor
    """(B, T, layers x state_width): variances within stretches."""
    steps: Tensor
    """(B, T): steps in each stretch, 0 beyond the end."""
    words: Tensor
    """(B, W, state_width): embeddings of the recognized words' tokens."""
    tokens: Tensor
    """(B,): tokens of each, at least 1 (an utterance without words has one, of zeros)."""


def collate_states(heard: Sequence[Stretches], words: Sequence[Floats]) -> StateBatch:
    """Utterances side by side, padded to the longest."""
    count, longest, most = len(heard), max(len(h.steps) for h in heard), max(len(w) for w in words)
    wide = heard[0].mean[0].size
    mean, variance = torch.zeros(count, longest, wide), torch.zeros(count, longest, wide)
    steps, spoken = torch.zeros(count, longest), torch.zeros(count, most, words[0].shape[1])
    for place, (one, said) in enumerate(zip(heard, words, strict=True)):
        mean[place, : len(one.steps)] = torch.from_numpy(one.mean).flatten(1)
        variance[place, : len(one.steps)] = torch.from_numpy(one.variance).flatten(1)
        steps[place, : len(one.steps)] = torch.from_numpy(one.steps)
        spoken[place, : len(said)] = torch.from_numpy(said)
    return StateBatch(mean, variance, steps, spoken, torch.tensor([len(w) for w in words]))


class Linears(nn.Module):
    """A linear layer for each of K members: (K, ..., inputs) to (K, ..., outputs)."""

    def __init__(self, members: int, inputs: int, outputs: int, *, zero: bool = False) -> None:
        super().__init__()
        bound = 0.0 if zero else 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """Each member's own product."""
        flat = torch.baddbmm(self.bias[:, None, :], x.flatten(1, -2), self.weight)
        return flat.view(*x.shape[:-1], -1)


class Norms(nn.Module):
    """A layer norm for each member."""

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(members, 1, 1, width))
        self.shift = nn.Parameter(torch.zeros(members, 1, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """(K, B, L, width)."""
        return nn.functional.layer_norm(x, x.shape[-1:]) * self.scale + self.shift


class Asking(nn.Module):
    """One sequence asks another: multi-head attention, residual, norm, feed-forward, residual, norm."""

    def __init__(self, members: int, dims: StateDims) -> None:
        super().__init__()
        width, self.heads = dims.width, dims.heads
        self.query, self.key, self.value, self.out = (Linears(members, width, width) for _ in range(4))
        self.wide, self.narrow = Linears(members, width, 2 * width), Linears(members, 2 * width, width)
        self.asked, self.fed = Norms(members, width), Norms(members, width)
        self.dropout = nn.Dropout(dims.dropout)

    def forward(self, own: Tensor, other: Tensor, mask: Tensor) -> Tensor:
        """`own` (K, B, Q, width) enriched by `other` (K, B, L, width), of which `mask` (B, L) marks what is real."""

        def split(x: Tensor) -> Tensor:
            return x.view(*x.shape[:3], self.heads, -1).transpose(2, 3)  # (K, B, heads, length, width / heads)

        mixed = nn.functional.scaled_dot_product_attention(
            split(self.query(own)),
            split(self.key(other)),
            split(self.value(other)),
            attn_mask=mask[None, :, None, None],
        )
        own = self.asked(own + self.dropout(self.out(mixed.transpose(2, 3).flatten(3))))
        enriched: Tensor = self.fed(own + self.narrow(self.dropout(self.wide(own).relu())))
        return enriched


class StateNetwork(nn.Module):
    """Encoder states and words to one logit per class, by each member."""

    mix_mean: Tensor
    mix_deviation: Tensor
    pooled_mean: Tensor
    pooled_deviation: Tensor

    def __init__(self, dims: StateDims, classes: int, members: int = 1) -> None:
        super().__init__()
        self.dims, self.classes, self.members = dims, classes, members
        wide = len(dims.layers) * dims.state_width
        # Statistics of each member's training set, which travel with the weights. Those of the states are folded into
        # the projection: a standardised copy of the states would be the largest tensor of a training by far.
        for name, size in (("mix", wide), ("pooled", 2 * wide)):
            self.register_buffer(f"{name}_mean", torch.zeros(members, size))
            self.register_buffer(f"{name}_deviation", torch.ones(members, size))
        self.mix = nn.Parameter(torch.zeros(members, len(dims.layers)))
        self.project = Linears(members, wide, dims.width)
        self.word_project = Linears(members, dims.state_width, dims.width)
        self.audio_norm, self.word_norm = Norms(members, dims.width), Norms(members, dims.width)
        self.audio_asks, self.words_ask = Asking(members, dims), Asking(members, dims)
        # Equal attention and no opinion to begin with: the training starts at the plain mean and deviation.
        self.look, self.score = Linears(members, dims.width, dims.width), Linears(members, dims.width, 1, zero=True)
        self.word_score = Linears(members, dims.width, 1, zero=True)
        self.pooled_dropout = nn.Dropout(dims.pooled_dropout)
        self.classify = Linears(members, 2 * wide, classes, zero=True)
        self.classify_words = Linears(members, dims.width, classes, zero=True)

    def forward(self, batch: StateBatch) -> Tensor:
        """Logits, shape (members, B, classes)."""
        audio, words = self._steps(batch)
        heard = batch.steps > 0
        said = torch.arange(batch.words.shape[1], device=batch.tokens.device)[None, :] < batch.tokens[:, None]
        audio, words = self.audio_asks(audio, words, said), self.words_ask(words, audio, heard)
        scores = self.score(self.look(audio).tanh()).squeeze(3) + batch.steps.clamp(min=1e-9).log()
        pooled = statistics(batch, scores.softmax(dim=2))
        standard = (pooled - self.pooled_mean[:, None]) / self.pooled_deviation[:, None]
        felt: Tensor = self.classify(self.pooled_dropout(standard))
        attended = self.word_score(words).squeeze(3).masked_fill(~said, -1e9).softmax(dim=2)
        read: Tensor = self.classify_words((attended[..., None] * words).sum(dim=2))
        return {"both": felt + read, "audio": felt, "text": read}[self.dims.modalities]

    def only(self, members: Sequence[int]) -> StateNetwork:
        """A network of some of the members: the first axis of every tensor is theirs."""
        found = StateNetwork(self.dims, self.classes, len(members))
        found.load_state_dict({name: value[list(members)].clone() for name, value in self.state_dict().items()})
        return found.train(self.training)

    def beside(self, other: StateNetwork) -> StateNetwork:
        """A network of this one's members and then the other's."""
        found = StateNetwork(self.dims, self.classes, self.members + other.members)
        theirs = other.state_dict()
        found.load_state_dict({name: torch.cat([value, theirs[name]]) for name, value in self.state_dict().items()})
        return found.train(self.training)

    def _steps(self, batch: StateBatch) -> tuple[Tensor, Tensor]:
        """Both modalities in the co-attention's width: (members, B, T, width) and (members, B, W, width)."""
        share = len(self.dims.layers) * self.mix.softmax(1).repeat_interleave(self.dims.state_width, dim=1)
        weight = self.project.weight * (share / self.mix_deviation)[:, :, None]
        bias = self.project.bias - (self.mix_mean[:, None] @ weight)[:, 0]
        audio = _shared(batch.mean * 0 if self.dims.modalities == "text" else batch.mean, weight, bias)
        spoken = batch.words * 0 if self.dims.modalities == "audio" else batch.words
        words = _shared(spoken, self.word_project.weight, self.word_project.bias)
        return self.audio_norm(audio), self.word_norm(words)


def agreed(logits: Tensor, voices: int) -> Tensor:
    """Probabilities by all voices together: (voices x K, B, C) logits to (K, B, C), the mean of their logarithms.

    Of logarithms, not of probabilities: a voice that excludes a class is heard."""
    each: Tensor = logits.log_softmax(dim=2).unflatten(0, (voices, -1))
    return each.mean(dim=0).softmax(dim=2)


def statistics(batch: StateBatch, weights: Tensor) -> Tensor:
    """Weighted mean and deviation of the states, (K, B, 2 x layers x state_width); weights (K, B, T) sum to 1."""
    rows = weights.transpose(0, 1)
    mean, square = rows @ batch.mean, rows @ (batch.variance + batch.mean.square())
    deviation = (square - mean.square()).clamp(min=SMALLEST_DEVIATION**2).sqrt()
    return torch.cat([mean, deviation], dim=2).transpose(0, 1)


def _shared(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """All members' products with the same (B, L, inputs), as one: (K, B, L, outputs)."""
    members, inputs, outputs = weight.shape
    product = x.flatten(0, 1) @ weight.transpose(0, 1).reshape(inputs, members * outputs)
    return product.view(*x.shape[:2], members, outputs).permute(2, 0, 1, 3) + bias[:, None, None]
