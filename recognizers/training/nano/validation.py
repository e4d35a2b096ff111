"""Word errors during training: greedy decoding with the compact vocabulary, at full Mel and at rank 10."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recognizers.training.emotion.examples import truncate_rank
from recognizers.training.nano.data import Features, Speller, read_digits, read_synthetic
from recognizers.whisper.nano import CONTEXT_FRAMES
from recognizers.whisper.padding import pad_with_floor

if TYPE_CHECKING:
    from whisper.model import Whisper

DEV_CLIPS = 240
DEV_DIGITS = 100


class Validator:
    """Decodes the dev clips (training voices, unseen sentences) and human digits of training speakers."""

    def __init__(self, speech: Path, corpora: Path | None, speller: Speller) -> None:
        self._speller = speller
        self._commands = Features(read_synthetic(speech, "dev")[:DEV_CLIPS])
        digits = read_digits(corpora / "fsdd", False)[:: 600 // DEV_DIGITS] if corpora else []
        self._digits = Features(digits) if digits else None

    def errors(self, model: Whisper) -> dict[str, float]:
        """Word error rates as fractions: full, rank10, digits, and the score weights are chosen by."""
        result = {
            "full": self._rate(model, self._commands, 80),
            "rank10": self._rate(model, self._commands, 10),
        }
        if self._digits is not None:
            result["digits"] = self._rate(model, self._digits, 80)
        result["score"] = result["full"] + 0.5 * result["rank10"] + 0.1 * result.get("digits", 0.0)
        return result

    @staticmethod
    def describe(errors: dict[str, float]) -> str:
        """One line for the log."""
        return " ".join(f"{name} {100 * value:.2f} %" for name, value in errors.items())

    def _rate(self, model: Whisper, features: Features, rank: int) -> float:
        import jiwer

        texts: list[str] = []
        for start in range(0, len(features), 40):
            indices = range(start, min(start + 40, len(features)))
            mels = [pad_with_floor(truncate_rank(features.mel(i), rank), CONTEXT_FRAMES) for i in indices]
            texts += [" ".join(map(str, rows)) for rows in self._greedy(model, np.stack(mels))]
        references = [" ".join(map(str, self._speller.rows(e.text))) for e in features.examples]
        return float(jiwer.wer(references, texts))

    def _greedy(self, model: Whisper, mel: np.ndarray) -> list[list[int]]:
        """Rows of the likeliest next token, again and again; token errors stand for word errors here."""
        import torch

        speller = self._speller
        device = model.device
        with torch.no_grad():
            features = model.encoder(torch.from_numpy(mel).to(device))
            tokens = torch.tensor([[speller.sot, speller.no_timestamps]], device=device).repeat(len(mel), 1)
            for _ in range(24):
                following = model.decoder(tokens, features)[:, -1].argmax(-1)
                following[tokens[:, -1] == speller.eot] = speller.eot
                tokens = torch.cat([tokens, following[:, None]], dim=1)
                if bool((following == speller.eot).all()):
                    break
        return [[t for t in row[2:] if t != speller.eot] for row in tokens.tolist()]
