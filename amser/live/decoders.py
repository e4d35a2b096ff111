"""What a server takes from strangers: bounds, and of a payload its codec and how much speech it claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from amser.live.errors import Refused
from channel.codecs import STANDARD_CODECS, Codec, CodecError, build_codec
from channel.codecs.dsr import SYNC
from channel.codecs.klt import MAGIC_KLT
from channel.codecs.svd import MAGIC_SVD, Number
from channel.mel import LONGEST_S
from scenarios.schema.codec import CodecSpec, DsrSpec, FlacSpec, MelKltSpec, MelSvdSpec


@dataclass(frozen=True)
class Limits:
    """Bounds on one upload and on all of them; refused is what goes beyond, before anything is decoded."""

    body_bytes: int = 4_000_000
    """Bytes of a payload: a minute of raw audio at full rank is less than two million."""
    speech_s: float = 60.0
    """Seconds of speech that a payload may declare."""
    head_s: float = 10.0
    """Seconds from the opening of a connection to the end of a request's head."""
    body_s: float = 60.0
    """Seconds from there to the last byte of the body: a slow phone is let in, one that stalls is not."""
    answer_s: float = 60.0
    """Seconds from the last byte to the answer."""
    batch_s: float = 60.0
    """Seconds that an accelerator may take for a batch before it is started anew."""
    connections: int = 512
    """Connections at a time."""

    def __post_init__(self) -> None:
        if not 0.0 < self.speech_s <= LONGEST_S:
            raise ValueError(f"at most {LONGEST_S:g} s of speech are decoded at once, {self.speech_s:g} s asked for")


_DCT_FLAG = 4  # bit 2 of the flags of mel-klt (docs/bitstream.md)
_NUMBERS: tuple[Number, ...] = ("fp32", "fp16", "int8")  # by the second byte of mel-svd

_OF_THEIR_BYTES: Mapping[str, CodecSpec] = {
    **{f"mel-svd {number}": MelSvdSpec(kind="mel-svd", rank=1, factors=number) for number in _NUMBERS},
    "mel-klt": MelKltSpec(kind="mel-klt", step=1.0),
    "mel-klt dct": MelKltSpec(kind="mel-klt", step=1.0, basis="dct"),
    "flac": FlacSpec(kind="flac"),
    "dsr": DsrSpec(kind="dsr"),
}
"""Codecs whose payloads say what they are: rank, step and level are settings of the encoder alone."""


def named_by(data: bytes) -> str | None:
    """The key of ``_OF_THEIR_BYTES`` that the first bytes name, or None."""
    if data[:4] == b"fLaC":
        return "flac"
    if data[:2] == SYNC:
        return "dsr"
    if len(data) > 1 and data[0] == MAGIC_SVD and data[1] < len(_NUMBERS):
        return f"mel-svd {_NUMBERS[data[1]]}"
    if len(data) > 1 and data[0] == MAGIC_KLT:
        return "mel-klt dct" if data[1] & _DCT_FLAG else "mel-klt"
    return None


class Decoders:
    """The codecs that a server reads, for a recognizer of ``bands`` Mel bands: standard ones and a scenario's own."""

    def __init__(self, bands: int, own: Mapping[str, CodecSpec]) -> None:
        self.bands = bands
        self._specs: dict[str, CodecSpec] = {**STANDARD_CODECS, **own}
        self._built: dict[str, Codec] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """What may stand in the query."""
        return tuple(self._specs)

    def key_of(self, name: str | None, data: bytes, limits: Limits) -> str:
        """The key of the codec that decodes ``data``; ``name`` is None where the sender did not say.

        Raises ``Refused``: 400 for a codec that is not known, 413 for too much speech, 422 for bytes that are no
        payload of it.
        """
        key = named_by(data) if name is None else name
        if key is None:
            raise Refused(400, "the bytes do not say which codec they are of: add ?codec=NAME")
        if name is not None and name not in self._specs:
            raise Refused(400, f"no codec is called {name[:40]!r}; /v1/about lists them")
        try:
            declared_s = self.get(key).declared_s(data)
        except CodecError as error:
            raise Refused(422, str(error)) from None
        if declared_s is not None and declared_s > limits.speech_s:
            raise Refused(413, f"the payload holds {declared_s:.1f} s of speech, at most {limits.speech_s:g} are taken")
        return key

    def get(self, key: str) -> Codec:
        """The codec of a key that ``key_of`` gave.  Raises ``CodecError`` where its package is missing."""
        if key not in self._built:
            spec = self._specs.get(key) or _OF_THEIR_BYTES[key]
            self._built[key] = build_codec(spec, bands=self.bands, name=key)
        return self._built[key]
