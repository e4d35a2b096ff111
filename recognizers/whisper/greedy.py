"""Greedy decoding of a batch: openai-whisper's own `DecodingTask` around an inner loop that does less.

Initial tokens, suppressed tokens, timestamp rules, texts and probabilities are stock.  The loop leaves out work that
has no effect on them: a CPU encodes few windows at a time, so that their activations stay in its cache; only the
positions that are looked at are projected onto the vocabulary, and only onto the tokens that the model can say;
windows whose text has ended leave the batch once they are half of it (leaving costs a copy of the others' keys and
values)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import whisper
from whisper.decoding import DecodingTask

ENCODED_AT_ONCE = 2
"""Windows that a CPU encodes together; with more, fresh pages for the activations cost more than is shared."""


def encode(model: Any, batch: torch.Tensor) -> torch.Tensor:
    """Encoder states of padded Mels: (windows, bands, frames) to (windows, frames / 2, width)."""
    pieces = batch.split(ENCODED_AT_ONCE if batch.device.type == "cpu" else len(batch))
    return torch.cat([model.encoder(piece) for piece in pieces])


class GreedyTask(DecodingTask):  # type: ignore[misc]  # whisper ships no type hints
    """Decodes a batch of encoder states, (batch, positions, width), by `run`; temperature 0, no beam, one language.

    `tokens`: ids of the tokens that the model can say, ascending; None: all of its vocabulary.  Fewer than all need
    options without timestamps, whose rules compare with the whole vocabulary."""

    def __init__(self, model: Any, options: whisper.DecodingOptions, tokens: Sequence[int] | None) -> None:
        super().__init__(model, options)
        self._static = bool(options.without_timestamps)
        self._ids = torch.tensor(range(model.dims.n_vocab) if tokens is None else tokens, device=model.device)
        embedding = model.decoder.token_embedding.weight
        sayable = embedding if tokens is None else embedding[self._ids]
        self._projection = sayable.to(torch.float16 if options.fp16 else torch.float32).T

    def _main_loop(
        self, audio_features: torch.Tensor, tokens: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, list[float]]:
        count, begin = tokens.shape
        steps = min(self.sample_len, self.n_ctx + 1 - begin)
        said = torch.nn.functional.pad(tokens, (0, steps), value=self.tokenizer.eot)
        logprobs = torch.zeros(count, device=tokens.device)
        batch = torch.arange(count, device=tokens.device)
        barred = self._barred(tokens)
        cache, hooks = self.model.install_kv_cache_hooks()
        try:
            states = self._states(tokens, 0, audio_features, cache)
            at_start = (states[:, self.sot_index] @ self._projection).float()
            silence = at_start.softmax(dim=-1)[:, self._ids == self.tokenizer.no_speech].sum(dim=-1).tolist()
            for end in range(begin, begin + steps):
                logits = self._allowed((states[:, -1] @ self._projection).float(), said[batch, :end], barred)
                likeliest = logits.argmax(dim=-1, keepdim=True)
                ended = said[batch, end - 1] == self.tokenizer.eot
                said[batch, end] = self._ids[likeliest[:, 0]].masked_fill(ended, self.tokenizer.eot)
                logprobs[batch] += logits.log_softmax(dim=-1).gather(1, likeliest)[:, 0].masked_fill(ended, 0.0)
                speaks = said[batch, end] != self.tokenizer.eot
                speaking = int(speaks.sum())
                if speaking == 0 or end + 1 == begin + steps:
                    break
                if 2 * speaking <= len(batch):
                    batch, audio_features = batch[speaks], audio_features[speaks]
                    cache.update({module: kept[speaks] for module, kept in cache.items()})
                if end == begin:
                    barred = self._barred(said[:, : end + 1])
                states = self._states(said[batch, end : end + 1], end, audio_features, cache)
        finally:
            for hook in hooks:
                hook.remove()
        return said, logprobs, silence

    def _allowed(self, logits: torch.Tensor, said: torch.Tensor, barred: torch.Tensor) -> torch.Tensor:
        """Logits after stock's filters, which but for timestamps look at how many tokens were said, not at which."""
        if self._static:
            return logits + barred
        for logit_filter in self.logit_filters:
            logit_filter.apply(logits, said)
        return logits

    def _barred(self, tokens: torch.Tensor) -> torch.Tensor:
        """What to add to the logits of `_ids` for stock's filters to act: 0, or minus infinity."""
        logits = torch.zeros(1, self.model.dims.n_vocab, device=tokens.device)
        if self._static:
            for logit_filter in self.logit_filters:
                logit_filter.apply(logits, tokens)
        return logits[:, self._ids]

    def _states(
        self, tokens: torch.Tensor, offset: int, features: torch.Tensor, cache: dict[Any, torch.Tensor]
    ) -> torch.Tensor:
        """The decoder but for its last product: (batch, tokens) after `offset` others to (batch, tokens, width)."""
        decoder = self.model.decoder
        embedded = decoder.token_embedding(tokens) + decoder.positional_embedding[offset : offset + tokens.shape[1]]
        hidden = embedded.to(features.dtype)
        for block in decoder.blocks:
            hidden = block(hidden, features, mask=decoder.mask, kv_cache=cache)
        normed: torch.Tensor = decoder.ln(hidden)
        return normed
