"""Codec 2 by David Rowe: the free vocoder of digital voice radio at 700 to 3,200 bit/s, 8 kHz sound.

The library comes with the package ``pycodec2`` (extra ``codecs``), whose module is not used: libcodec2 draws the phases
of what is unvoiced from one generator for the whole process, so that a payload would decode to other samples each time.
Here a copy of the library is loaded anew for every payload, which seeds that generator again; a copy, because a library
that somebody else holds (``import pycodec2``) is not loaded twice.
"""

from __future__ import annotations

import _ctypes
import ctypes
import ctypes.util
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import metadata, util
from pathlib import Path
from threading import Lock
from typing import ClassVar, NamedTuple

import numpy as np

from channel.codecs.base import CodecError
from channel.codecs.telephone import Bits, Samples, TelephoneCodec

_ONE_AT_A_TIME = Lock()


class _Mode(NamedTuple):
    number: int  # in codec2.h
    samples: int  # of a frame
    bits: int
    delay: int  # samples at 8 kHz, measured: the vocoder keeps no waveform, so the best fit of Mels


class Codec2(TelephoneCodec):
    """Codec 2 in one of its modes, named by their bit/s."""

    kind = "codec2"
    MODES: ClassVar[Mapping[str, _Mode]] = {
        "3200": _Mode(0, 160, 64, 140),
        "2400": _Mode(1, 160, 48, 140),
        "1600": _Mode(2, 320, 64, 140),
        "1400": _Mode(3, 320, 56, 140),
        "1300": _Mode(4, 320, 52, 140),
        "1200": _Mode(5, 320, 48, 140),
        "700c": _Mode(8, 320, 28, 240),
    }

    def __init__(self, name: str, bands: int = 80, *, mode: str) -> None:
        super().__init__(name, bands)
        self.mode = mode
        self._number, self.frame_samples, self.frame_bits, self.delay = self.MODES[mode]
        self._path = _library_path()

    def encode_frames(self, samples: Samples) -> Bits:
        """Each frame fills whole bytes in the library; the filling is dropped."""
        out = ctypes.create_string_buffer(-(-self.frame_bits // 8))
        coded = []
        with _fresh(self._path, self._number) as (library, state):
            for row in np.ascontiguousarray(samples):
                library.codec2_encode(state, out, row.ctypes.data_as(ctypes.POINTER(ctypes.c_int16)))
                coded.append(out.raw)
        frames = np.frombuffer(b"".join(coded), dtype=np.uint8).reshape(len(samples), -1)
        return np.unpackbits(frames, axis=1)[:, : self.frame_bits]

    def decode_frames(self, bits: Bits) -> Samples:
        """Every pattern of bits is speech."""
        samples = np.zeros((len(bits), self.frame_samples), dtype=np.int16)
        with _fresh(self._path, self._number) as (library, state):
            for row, packed in zip(samples, np.packbits(bits, axis=1), strict=True):
                library.codec2_decode(state, row.ctypes.data_as(ctypes.POINTER(ctypes.c_int16)), packed.tobytes())
        return samples

    def cost_key(self) -> tuple[str, float | None]:
        """By mode, as a number: that of ``700c`` is 700."""
        return self.kind, float(self.mode.rstrip("c"))

    def parameters(self) -> Mapping[str, object]:
        """Mode and versions."""
        return {"mode": self.mode, "pycodec2": metadata.version("pycodec2"), "soxr": metadata.version("soxr")}


def _library_path() -> str:
    found = util.find_spec("pycodec2")
    if found is None or found.origin is None:
        raise CodecError("Codec 2 needs the package pycodec2: pip install 'amser[codecs]'")
    carried = sorted(Path(found.origin).parents[1].glob("pycodec2.libs/libcodec2-*.so*"))
    path = str(carried[0]) if carried else ctypes.util.find_library("codec2")
    if path is None:
        raise CodecError("pycodec2 carries no libcodec2 and the system has none: install pycodec2's wheel or libcodec2")
    return path


@cache
def _copy(path: str) -> str:
    """Path of a copy in memory, which has an identity of its own for the loader."""
    descriptor = os.memfd_create("libcodec2")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(Path(path).read_bytes())
    return f"/proc/self/fd/{descriptor}"


@contextmanager
def _fresh(path: str, mode: int) -> Iterator[tuple[ctypes.CDLL, ctypes.c_void_p]]:
    """The library just loaded, and a state of ``mode``; unloaded afterwards."""
    with _ONE_AT_A_TIME:
        library = ctypes.CDLL(_copy(path))
        try:
            library.codec2_create.restype = ctypes.c_void_p
            state = ctypes.c_void_p(library.codec2_create(mode))
            if not state:
                raise CodecError(f"libcodec2 knows no mode {mode}")
            yield library, state
            library.codec2_destroy(state)
        finally:
            _ctypes.dlclose(library._handle)
