"""Packets for FFmpeg's decoders."""

from __future__ import annotations

from typing import Any

PADDING_BYTES = 64  # FFmpeg's AV_INPUT_BUFFER_PADDING_SIZE


def packet_of(data: bytes) -> Any:
    """A packet of ``data`` with zeros behind it, where decoders read some bytes past its end.

    PyAV does not copy: behind bare ``bytes`` lies whatever the heap holds, and a damaged payload would give another
    audio each time.
    """
    import av

    make: Any = av.Packet  # takes any buffer, though it is typed for bytes alone
    return make(memoryview(data + bytes(PADDING_BYTES))[: len(data)])
