"""Weights of a Whisper in every format they come in, brought into one form with one identity."""
