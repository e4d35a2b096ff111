"""The tables of the ICASSP 2025 poster, measured again: what was published, what comes out here, on what."""

from amser.reproduction.rows import Part, frame
from amser.reproduction.work import Options, reproduce

__all__ = ["Options", "Part", "frame", "reproduce"]
