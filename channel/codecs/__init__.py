"""Codecs: every sensible way for a device to send an utterance to the recognizer."""

from channel.codecs.base import AudioCodec, Codec, CodecError, MelCodec, NoSpeechError, Payload
from channel.codecs.codec_from_spec import build_codec
from channel.codecs.svd import MelSvd, mel_factors, singular_values
from channel.mel import AudioError, log_mel
from scenarios.schema.codec import STANDARD_CODECS

__all__ = [
    "STANDARD_CODECS",
    "AudioCodec",
    "AudioError",
    "Codec",
    "CodecError",
    "MelCodec",
    "MelSvd",
    "NoSpeechError",
    "Payload",
    "build_codec",
    "log_mel",
    "mel_factors",
    "singular_values",
]
