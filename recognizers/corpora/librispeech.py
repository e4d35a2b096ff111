"""LibriSpeech and Mini LibriSpeech: <split>/<speaker>/<chapter>/{<utterance>.flac, *.trans.txt}.

Panayotov et al., "LibriSpeech: an ASR corpus based on public domain audio books", ICASSP 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from recognizers.corpora.audio import probe
from recognizers.corpora.faults import CorpusError, Fault
from recognizers.corpora.types import Corpus, Utterance, text_lines


def find_librispeech(root: Path) -> bool:
    """Whether a folder holds LibriSpeech's layout, as a whole, one split, or with the outer folder."""
    return next(_transcripts(root), None) is not None


def open_librispeech(root: Path) -> Corpus:
    """Open LibriSpeech from its outer folder, `LibriSpeech/`, or one split (named after its folder)."""
    utterances: list[Utterance] = []
    faults: list[Fault] = []
    for transcript in sorted(_transcripts(root)):
        folder = transcript.parent
        split = folder.parent.parent.name
        listed: set[str] = set()
        for number, line in enumerate(text_lines(transcript), start=1):
            identity, _, text = line.strip().partition(" ")
            if not identity:
                continue
            if not text:
                faults.append(Fault(transcript, f"line {number} has no words"))
                continue
            listed.add(identity)
            audio = folder / f"{identity}.flac"
            duration = probe(audio)
            if isinstance(duration, Fault):
                faults.append(duration)
            else:
                speaker = identity.split("-")[0]
                utterances.append(Utterance(identity, audio, text, None, speaker, duration, split))
        for audio in sorted(folder.glob("*.flac")):
            if audio.stem not in listed and not audio.name.startswith("._"):
                faults.append(Fault(audio, f"no line in {transcript.name}"))
    if not utterances:
        raise CorpusError(f"{root}: no usable LibriSpeech utterance; expected <split>/<speaker>/<chapter>/*.trans.txt")
    return Corpus("librispeech", root, tuple(utterances), tuple(faults))


def _transcripts(root: Path) -> Iterator[Path]:
    """Transcript files at the depths that the outer folder, `LibriSpeech/` and a split give."""
    for depth in ("*/*/*/*/*.trans.txt", "*/*/*/*.trans.txt", "*/*/*.trans.txt"):
        yield from (path for path in root.glob(depth) if not path.name.startswith("._"))
