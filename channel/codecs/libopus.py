"""Opus packets in a forced audio band, by libopus itself.

FFmpeg's interface, which encodes all other Opus, can only limit the band from above; at 6 and 8 kbit/s libopus
codes 4 kHz of audio by itself, and forcing 8 kHz takes its own ``OPUS_SET_BANDWIDTH``.  We call the library that
PyAV's wheel carries, or else the system's, so both ways to encode give the same packets where no band is forced.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from channel.codecs.base import CodecError
from channel.mel import SAMPLE_RATE_HZ

# Constants of opus_defines.h.
_APPLICATIONS = {"voip": 2048, "audio": 2049}
_BANDS = {"narrow": 1101, "medium": 1102, "wide": 1103}
_SET_BITRATE, _SET_VBR, _SET_BANDWIDTH, _SET_COMPLEXITY, _GET_LOOKAHEAD = 4002, 4006, 4008, 4010, 4027
_SET_VBR_CONSTRAINT = 4020
_LONGEST_PACKET = 1275 * 3  # bytes of 60 ms (RFC 6716, section 3.2.5)


@cache
def _library() -> ctypes.CDLL:
    import av

    carried = sorted((Path(av.__file__).parents[1] / "av.libs").glob("libopus-*.so*"))
    path = str(carried[0]) if carried else ctypes.util.find_library("opus")
    if path is None:
        raise CodecError(
            "a forced band of Opus needs libopus, which neither PyAV nor the system brings as a shared library: "
            "install libopus (Debian: libopus0), or leave `band` out"
        )
    library = ctypes.CDLL(path)
    library.opus_encoder_create.restype = ctypes.c_void_p
    library.opus_get_version_string.restype = ctypes.c_char_p
    return library


def version() -> str:
    """The library's own name and version."""
    return bytes(_library().opus_get_version_string()).decode()


class Encoder:
    """One stream of mono packets at 16 kHz; ``with`` frees it.

    ``lookahead`` is the encoder's delay in samples.
    """

    def __init__(self, rate_bps: float, vbr: bool, application: str, band: str | None) -> None:
        self._library = _library()
        fault = ctypes.c_int(0)
        rate, channels, use = SAMPLE_RATE_HZ, 1, _APPLICATIONS[application]
        self._state = ctypes.c_void_p(self._library.opus_encoder_create(rate, channels, use, ctypes.byref(fault)))
        if fault.value or not self._state:
            raise CodecError(f"libopus refused to start an encoder (error {fault.value})")
        # As FFmpeg sets them: full complexity, unconstrained variable rate.
        settings = {_SET_BITRATE: round(rate_bps), _SET_COMPLEXITY: 10, _SET_VBR: int(vbr), _SET_VBR_CONSTRAINT: 0}
        if band is not None:
            settings[_SET_BANDWIDTH] = _BANDS[band]
        for request, value in settings.items():
            self._control(request, ctypes.c_int(value))
        lookahead = ctypes.c_int(0)
        self._control(_GET_LOOKAHEAD, ctypes.byref(lookahead))
        self.lookahead = lookahead.value

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.opus_encoder_destroy(self._state)

    def _control(self, request: int, argument: object) -> None:
        status = self._library.opus_encoder_ctl(self._state, ctypes.c_int(request), argument)
        if status:
            raise CodecError(f"libopus refused request {request} (error {status})")

    def packets(self, samples: npt.NDArray[np.int16], frame: int) -> list[bytes]:
        """Packets of ``frame`` samples each; the last one is filled up with silence."""
        short = -samples.size % frame
        frames = np.ascontiguousarray(np.pad(samples, (0, short))).reshape(-1, frame)
        return [self._packet(row) for row in frames]

    def _packet(self, samples: npt.NDArray[np.int16]) -> bytes:
        out = ctypes.create_string_buffer(_LONGEST_PACKET)
        pointer = samples.ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        size = self._library.opus_encode(self._state, pointer, samples.size, out, len(out))
        if size < 1:
            raise CodecError(f"libopus could not encode a packet (error {size})")
        return out.raw[:size]
