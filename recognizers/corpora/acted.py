"""Corpora of acted emotion whose labels are in the file names: RAVDESS, EMO-DB, CREMA-D."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from recognizers.corpora.audio import AUDIO_SUFFIXES, LOSSY_SUFFIXES, probe
from recognizers.corpora.faults import CorpusError, Fault
from recognizers.corpora.types import Corpus, Utterance

_RAVDESS = re.compile(r"^(0[1-3])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)$")
_RAVDESS_EMOTIONS = dict(
    zip(
        ("01", "02", "03", "04", "05", "06", "07", "08"),
        ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgusted", "surprised"),
        strict=True,
    )
)
_RAVDESS_TEXTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}

_EMODB = re.compile(r"^(\d\d)([ab]\d\d)([WLEAFTN])([a-z])$")
# The letters are those of the German words: Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral.
_EMODB_EMOTIONS = {
    "W": "angry",
    "L": "bored",
    "E": "disgusted",
    "A": "fearful",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}
_EMODB_TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen.",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}

_CREMAD = re.compile(r"^(1\d{3})_([A-Z]{3})_([A-Z]{3})_(LO|MD|HI|XX|X)$")
_CREMAD_EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgusted",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
_CREMAD_TEXTS = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}

Reading = tuple[str, str, str]
"""Emotion, speaker and text, as read from a file's name."""


def find_ravdess(root: Path) -> bool:
    """Whether a folder, or the Actor folders in it, hold files named as RAVDESS names them."""
    return _any_named(root, _RAVDESS)


def open_ravdess(root: Path) -> Corpus:
    """RAVDESS speech (Livingstone, Russo, PLoS ONE 2018): audio-only speech, eight emotions, 24 actors."""

    def read(match: re.Match[str]) -> Reading | None:
        if match[1] != "03" or match[2] != "01":  # video, or song
            return None
        return _RAVDESS_EMOTIONS[match[3]], match[7], _RAVDESS_TEXTS[match[5]]

    return _open("ravdess", root, _RAVDESS, read, "Actor_01/03-01-06-01-02-01-12.wav")


def find_emodb(root: Path) -> bool:
    """Whether a folder holds files named as EMO-DB names them."""
    return _any_named(root, _EMODB)


def open_emodb(root: Path) -> Corpus:
    """EMO-DB (Burkhardt et al., Interspeech 2005): German, ten speakers, seven emotions."""

    def read(match: re.Match[str]) -> Reading | None:
        return _EMODB_EMOTIONS[match[3]], match[1], _EMODB_TEXTS.get(match[2], "")

    return _open("emodb", root, _EMODB, read, "wav/03a01Fa.wav")


def find_cremad(root: Path) -> bool:
    """Whether a folder holds files named as CREMA-D names them."""
    return _any_named(root, _CREMAD)


def open_cremad(root: Path) -> Corpus:
    """CREMA-D (Cao et al., IEEE Trans. Affect. Comput. 2014): 91 actors, twelve sentences, six emotions."""

    def read(match: re.Match[str]) -> Reading | None:
        emotion = _CREMAD_EMOTIONS.get(match[3])
        return (emotion, match[1], _CREMAD_TEXTS.get(match[2], "")) if emotion else None

    return _open("cremad", root, _CREMAD, read, "AudioWAV/1001_DFA_ANG_XX.wav")


def _open(
    name: str,
    root: Path,
    pattern: re.Pattern[str],
    read: Callable[[re.Match[str]], Reading | None],
    example: str,
) -> Corpus:
    recordings: dict[str, list[Path]] = {}
    readings: dict[str, Reading] = {}
    faults: list[Fault] = []
    for path in sorted(_audio_files(root), key=lambda path: (path.suffix.lower() in LOSSY_SUFFIXES, path)):
        match = pattern.match(path.stem)
        if match is None:
            faults.append(Fault(path, f"not named as {name} names its files ({example})"))
            continue
        reading = read(match)
        if reading is not None:
            readings[path.stem] = reading
            recordings.setdefault(path.stem, []).append(path)
    chosen = _first_readable(recordings, faults)
    utterances = [_utterance(path, readings[stem], duration) for stem, (path, duration) in chosen.items()]
    if not utterances:
        raise CorpusError(f"{root}: no usable {name} file; expected names such as {example}")
    return Corpus(name, root, tuple(utterances), (*faults, *_repeated(recordings, chosen)))


def _utterance(path: Path, reading: Reading, duration_s: float) -> Utterance:
    emotion, speaker, text = reading
    return Utterance(path.stem, path, text, emotion, speaker, duration_s)


def _first_readable(recordings: Mapping[str, list[Path]], faults: list[Fault]) -> dict[str, tuple[Path, float]]:
    """Of each recording the first file that is audio, and its duration; those before it become faults."""
    chosen = {}
    for stem, paths in recordings.items():
        for path in paths:
            duration = probe(path)
            if not isinstance(duration, Fault):
                chosen[stem] = (path, duration)
                break
            faults.append(duration)
    return chosen


def _repeated(recordings: Mapping[str, list[Path]], chosen: Mapping[str, tuple[Path, float]]) -> list[Fault]:
    """One line for each pair of folders: CREMA-D comes as WAV and as MP3, RAVDESS's archive holds every file twice."""
    pairs = Counter(
        (path.parent, path.suffix, chosen[stem][0].parent, chosen[stem][0].suffix)
        for stem, paths in recordings.items()
        if stem in chosen
        for path in paths[paths.index(chosen[stem][0]) + 1 :]
    )
    return [
        Fault(folder, f"{count} *{suffix} of recordings that are read as *{read_suffix} in {read}; not read again")
        for (folder, suffix, read, read_suffix), count in sorted(pairs.items())
    ]


def _audio_files(root: Path) -> Iterator[Path]:
    """Audio files at `root` and up to two folders below, without macOS's `._` files."""
    for depth in ("*", "*/*", "*/*/*"):
        for path in root.glob(depth):
            if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith("._"):
                yield path


def _any_named(root: Path, pattern: re.Pattern[str]) -> bool:
    return any(pattern.match(path.stem) for path in _audio_files(root))
