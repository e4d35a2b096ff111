"""Whisper as the server's recogniser: stock openai-whisper of any size, and `nano`, which ships with the
project."""

from recognizers.whisper.loading import ModelUnavailable, available_whispers, load_whisper
from recognizers.whisper.recogniser import MelShapeError, Transcript, WhisperRecognizer
from recognizers.whisper.wer import WordErrors, bootstrap_wer, corpus_errors, normalise, word_errors

__all__ = [
    "MelShapeError",
    "ModelUnavailable",
    "Transcript",
    "WhisperRecognizer",
    "WordErrors",
    "available_whispers",
    "bootstrap_wer",
    "corpus_errors",
    "load_whisper",
    "normalise",
    "word_errors",
]
