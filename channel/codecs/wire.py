"""Bytes of payload headers: unsigned LEB128 integers and a reader that never reads past the end."""

from __future__ import annotations

from typing import Any

from channel.codecs.base import CodecError
from channel.mel import HOP_SAMPLES, LONGEST_SAMPLES, SAMPLE_RATE_HZ

_LONGEST_VARINT = 5  # 35 bits: every count of this project fits, and a hostile one ends soon


def varint(value: int) -> bytes:
    """``value`` >= 0 as an unsigned LEB128 integer: 7 bits a byte, lowest first, high bit if more follow."""
    if value < 0 or value >= 1 << (7 * _LONGEST_VARINT):
        raise ValueError(f"{value} does not fit an unsigned {7 * _LONGEST_VARINT}-bit integer")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def declared_samples_s(data: bytes) -> float:
    """Seconds of a payload that starts with its number of samples at 16 kHz, as those of most audio codecs do."""
    return Reader(data).varint("number of samples", HOP_SAMPLES, LONGEST_SAMPLES) / SAMPLE_RATE_HZ


class Reader:
    """Reads a payload from its start; raises ``CodecError`` where the payload ends too early."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self.data) - self.position

    def take(self, count: int, what: str) -> bytes:
        """The next ``count`` bytes; ``what`` names them in the error."""
        if count > self.left:
            place = f"{count} bytes expected at byte {self.position}, {self.left} left"
            raise CodecError(f"payload ends within its {what}: {place}")
        self.position += count
        return self.data[self.position - count : self.position]

    def byte(self, what: str) -> int:
        """The next byte as a number."""
        return self.take(1, what)[0]

    def varint(self, what: str, lowest: int, highest: int) -> int:
        """The next LEB128 integer, refused outside ``lowest..highest``."""
        value = 0
        for place in range(_LONGEST_VARINT):
            byte = self.byte(what)
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                break
        else:
            raise CodecError(f"{what} of the payload is longer than {_LONGEST_VARINT} bytes")
        if not lowest <= value <= highest:
            raise CodecError(f"{what} of the payload is {value}, not within {lowest}..{highest}")
        return value

    def end(self) -> None:
        """Refuse bytes that follow the payload's end."""
        if self.left:
            raise CodecError(f"{self.left} bytes follow the payload's end at byte {self.position}")


PADDING_BYTES = 64  # FFmpeg's AV_INPUT_BUFFER_PADDING_SIZE


def packet_of(data: bytes) -> Any:
    """A packet of ``data`` with zeros behind it, where decoders read some bytes past its end.

    PyAV does not copy: behind bare ``bytes`` lies whatever the heap holds, and a damaged payload would give another
    audio each time.
    """
    import av

    make: Any = av.Packet  # takes any buffer, though it is typed for bytes alone
    return make(memoryview(data + bytes(PADDING_BYTES))[: len(data)])
