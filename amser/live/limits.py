"""What a server takes from strangers."""

from __future__ import annotations

from dataclasses import dataclass

from channel.mel import LONGEST_S


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
