"""Recognition on the device: its time, its energy and the text that is sent instead of speech."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from devices.errors import unknown
from devices.library import load_data
from devices.profile import Profile, load_profile


@dataclass(frozen=True)
class LocalRecognizer:
    """A recognizer measured on a reference device: ``fixed_s + per_audio_s * duration`` on ``threads`` cores.

    Whisper pads every utterance to 30 s, so its encoder costs the same for a short one; the slope is what
    decoding adds.  Other devices scale by their encoding time relative to the reference device.
    """

    name: str
    title: str
    reference: str
    fixed_s: float
    per_audio_s: float
    threads: int
    source: str
    status: str

    def recognize_s(self, duration_s: float, profile: Profile) -> float:
        """Seconds that recognizing ``duration_s`` of speech takes on a device with ``profile``."""
        scale = profile.encode_scale / load_profile(self.reference).encode_scale
        return scale * (self.fixed_s + self.per_audio_s * duration_s)

    def recognize_j(self, duration_s: float, profile: Profile) -> float:
        """Energy above idle of that recognition, J: ``threads`` busy cores, or all the device has."""
        return self.recognize_s(duration_s, profile) * self.power_w(profile)

    def power_w(self, profile: Profile) -> float:
        """Power above idle while recognizing, W."""
        if profile.all_cores_power_w is not None:
            return profile.all_cores_power_w
        return profile.cpu_power_w * min(self.threads, profile.cores)

    @staticmethod
    def text_bytes(text: str) -> int:
        """Bytes of the text that is sent: UTF-8, at least one."""
        return max(1, len(text.encode("utf-8")))


@cache
def load_local(name: str) -> LocalRecognizer:
    """The calibration ``name`` from the data file.  Raises ``DeviceError`` for an unknown name."""
    entries = load_data("local")
    if name not in entries:
        raise unknown("on-device recognizer", name, entries)
    entry = entries[name]
    return LocalRecognizer(name=name, **{k: entry[k] for k in LocalRecognizer.__dataclass_fields__ if k != "name"})
