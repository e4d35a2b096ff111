"""The voices and the three speech engines that render them: espeak-ng, flite and festival, as programs on
PATH."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from recognizers.training.speech.prosody import Prosody
from scenarios.errors import AmserError, Exit

ENGINES = ("espeak-ng", "flite", "festival")

_ACCENTS_SEEN = ("en-gb", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-029")
_ACCENTS_UNSEEN = ("en-us-nyc", "en-gb-x-gbclan")
_VARIANTS_SEEN = (
    *("f1", "f2", "f3", "f5", "m1", "m2", "m4", "m5", "m6", "m8", "Alex", "Andy", "Annie", "Gene", "Lee"),
    *("Marco", "Michael", "adam", "anika", "antonio", "belinda", "benjamin", "caleb", "david", "ed"),
    *("edward", "linda", "max", "norbert", "pablo", "paul", "rob", "steph", "travis", "victor", "zac"),
    *("klatt", "klatt3", "klatt4", "john"),
)
_VARIANTS_UNSEEN = ("f4", "m3", "m7", "Alicia", "Andrea", "Mike", "steph2", "klatt2", "quincy", "robert")

# voice: (own mean pitch in Hz, own spread in Hz that flite is asked for), measured with pYIN on one sentence
_FLITE = {
    "kal": (100.0, 16.0),
    "kal16": (100.0, 16.0),
    "awb": (133.0, 25.0),
    "slt": (175.0, 25.0),
    "rms": (98.0, 22.0),
}
_FLITE_SEEN, _FLITE_UNSEEN = ("kal", "kal16", "awb", "slt"), ("rms",)
_FESTIVAL_SEEN, _FESTIVAL_UNSEEN = ("kal_diphone",), ("cmu_us_slt_arctic_hts",)
_FESTIVAL_TRAINING_ONLY = ("ked_diphone",)
"""Voices of training clips alone: dev and test clips were chosen before it joined."""


class EngineMissing(AmserError, RuntimeError):
    """A speech engine that the synthesis needs is not installed."""

    exit_code = Exit.MISSING


@dataclass(frozen=True)
class Voice:
    """One voice: the engine, its name there, and whether training may hear it."""

    engine: str
    name: str
    seen: bool

    @property
    def label(self) -> str:
        """The voice as manifests name it, such as `flite-slt`."""
        return f"{self.engine.split('-')[0]}-{self.name}"


def check_engines() -> None:
    """Raise `EngineMissing`, naming every engine that is not on PATH and what to install."""
    missing = [engine for engine in ENGINES if shutil.which(engine) is None]
    if missing:
        packages = "espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts"
        raise EngineMissing(
            f"speech synthesis needs {', '.join(missing)} on PATH; on Debian or Ubuntu: apt-get install {packages}"
        )


def draw_voice(seen: bool, rng: np.random.Generator, training: bool = False) -> Voice:
    """Draw a voice: of the unseen ones, half are espeak-ng's, a quarter flite's, a quarter festival's.

    Training clips have more of the voices that were built from a person's recordings.
    """
    shares = (0.45, 0.38, 0.17) if training else (0.55, 0.38, 0.07) if seen else (0.50, 0.25, 0.25)
    engine = ENGINES[int(rng.choice(3, p=shares))]
    names: tuple[str, ...]
    if engine == "flite":
        names = _FLITE_SEEN if seen else _FLITE_UNSEEN
    elif engine == "festival":
        names = (_FESTIVAL_SEEN if seen else _FESTIVAL_UNSEEN) + (_FESTIVAL_TRAINING_ONLY if training else ())
    else:
        accents, variants = (_ACCENTS_SEEN, _VARIANTS_SEEN) if seen else (_ACCENTS_UNSEEN, _VARIANTS_UNSEEN)
        names = (f"{accents[rng.integers(len(accents))]}+{variants[rng.integers(len(variants))]}",)
    return Voice(engine, names[rng.integers(len(names))], seen)


def speak(text: str, voice: Voice, prosody: Prosody) -> tuple[npt.NDArray[np.float64], int]:
    """Render a text. Returns mono audio and its rate in Hz; RuntimeError if the engine fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        command, script = _COMMANDS[voice.engine](text, voice, prosody, path)
        done = subprocess.run(command, input=script, text=True, capture_output=True, check=False, timeout=60)
        if done.returncode != 0 or not path.exists():
            raise RuntimeError(f"{voice.engine} could not say {text!r} with {voice.name}: {done.stderr.strip()}")
        audio, rate_hz = soundfile.read(path, dtype="float64")
    # Calling the rate higher than it is makes the resampling that follows raise the pitch.
    return np.asarray(audio if audio.ndim == 1 else audio[:, 0]), round(rate_hz * _pitch_by_size(voice, prosody))


def _espeak(text: str, voice: Voice, prosody: Prosody, path: Path) -> tuple[list[str], str | None]:
    """espeak-ng: -p is 6.7 steps a semitone (measured); its range control lifts the mean by 2.8 semitones an
    octave."""
    semitones = prosody.pitch_semitones - 2.8 * float(np.log2(prosody.pitch_range)) * 0.7
    pitch = int(np.clip(round(48 + 6.7 * semitones), 0, 99))
    speed = int(np.clip(round(165 * prosody.rate / prosody.size), 90, 300))
    ssml = f'<prosody range="{round(100 * prosody.pitch_range)}%">{text}</prosody>'
    return [
        "espeak-ng",
        "-m",
        "-v",
        voice.name,
        "-p",
        str(pitch),
        "-s",
        str(speed),
        "-w",
        str(path),
        ssml,
    ], None


def _flite(text: str, voice: Voice, prosody: Prosody, path: Path) -> tuple[list[str], str | None]:
    """flite: mean and spread of the pitch, and the duration, are features of the utterance (`rms` heeds only
    the last)."""
    mean_hz, spread_hz = _FLITE[voice.name]
    factor = 2.0 ** (prosody.pitch_semitones / 12)
    features = {
        "duration_stretch": 1.05 * prosody.size / prosody.rate * _pitch_by_size(voice, prosody),
        "int_f0_target_mean": mean_hz * factor,
        "int_f0_target_stddev": spread_hz * factor * prosody.pitch_range,
    }
    options = [word for name, value in features.items() for word in ("--setf", f"{name}={value:.3f}")]
    return ["flite", "-voice", voice.name, *options, "-t", text, "-o", str(path)], None


def _festival(text: str, voice: Voice, prosody: Prosody, path: Path) -> tuple[list[str], str]:
    """festival: the diphone voices take their pitch from a linear-regression model, the HTS voice takes only a
    rate (`_pitch_by_size` does its pitch)."""
    stretch = prosody.size / prosody.rate
    if voice.name in ("kal_diphone", "ked_diphone"):
        mean_hz = 105.0 * 2.0 ** (prosody.pitch_semitones / 12)
        setting = (
            f"(Parameter.set 'Duration_Stretch {1.05 * stretch:.3f})"
            f" (set! int_lr_params '((target_f0_mean {mean_hz:.1f})"
            f" (target_f0_std {14 * prosody.pitch_range:.1f}) (model_f0_mean 170) (model_f0_std 34)))"
        )
    else:
        rate = 1.0 / (stretch * _pitch_by_size(voice, prosody))
        setting = f'(set! hts_engine_params (append hts_engine_params \'(("-r" {rate:.3f}))))'
    script = f'(voice_{voice.name}) {setting} (set! u (Utterance Text "{text}")) (utt.synth u)'
    return ["festival", "--pipe"], f'{script} (utt.save.wave u "{path}")\n'


def _pitch_by_size(voice: Voice, prosody: Prosody) -> float:
    """Where an engine has no pitch control: the factor of pitch and formants together, half of the semitones
    asked."""
    if voice.name not in ("rms", "cmu_us_slt_arctic_hts"):
        return 1.0
    return float(2.0 ** (0.5 * prosody.pitch_semitones / 12))


_COMMANDS = {"espeak-ng": _espeak, "flite": _flite, "festival": _festival}
