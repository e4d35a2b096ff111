"""Whisper as the server's recognizer: stock openai-whisper of any size, and `nano`, which ships with the
project."""

from recognizers.whisper.checkpoints.state import ModelUnavailable
from recognizers.whisper.loading import available_whispers, load_whisper
from recognizers.whisper.recognizer import MelShapeError, Transcript, WhisperRecognizer

__all__ = [
    "MelShapeError",
    "ModelUnavailable",
    "Transcript",
    "WhisperRecognizer",
    "available_whispers",
    "load_whisper",
]
