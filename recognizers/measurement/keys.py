"""Keys of the measurement cache: digests of everything that a result depends on.

Three results are kept apart, each under a digest of everything it depends on, so that a change redoes
only what it touches:

coded       audio, codec                -> payload size, Mel SNR, digest of the decoded Mel
recognized  decoded Mel, recognizer     -> hypothesis and its confidence
felt        decoded Mel, words, network -> emotion

Codecs whose decoded Mels are equal (all lossless ones) meet in the same key and share the inference.
"""

from __future__ import annotations

from recognizers.measurement.store import digest

# Raised when the meaning of a stored value changes; old entries are then simply never asked for.
CODED_VERSION = "coded-1"
RECOGNIZED_VERSION = "recognized-1"
FELT_VERSION = "felt-1"


def coded_key(audio: str, codec: str, bands: int) -> str:
    """Key of what a codec makes of an utterance, given the audio's digest and the codec's fingerprint."""
    return digest(CODED_VERSION, audio, codec, str(bands))


def recognized_key(mel: str, recognizer: str) -> str:
    """Key of a hypothesis, given the digests of Mel and recognizer."""
    return digest(RECOGNIZED_VERSION, mel, recognizer)


def felt_key(mel: str, words: str, network: str) -> str:
    """Key of an emotion, given the Mel's digest, the words and the network's digest."""
    return digest(FELT_VERSION, mel, words, network)
