"""A small tree in IEMOCAP's layout, with what real copies of the release hold besides the turns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

LABELS = ("neu", "exc", "xxx", "fru", "hap", "ang", "sad")
TURNS = tuple((f"{'FM'[number % 2]}{number // 2:03d}", label) for number, label in enumerate(LABELS))
"""A dialogue: speaker and number of each turn, and its majority label."""
APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02"
"""How the files begin that macOS leaves beside each file on other systems, under its name after `._`."""


def write_iemocap(root: Path, sessions: Sequence[int] = (1, 5), turns: Sequence[tuple[str, str]] = TURNS) -> Path:
    """Write one dialogue a session under `root`; session 5's is one of those whose name ends in `_1b`."""
    base = root / "IEMOCAP_full_release"
    rng = np.random.default_rng(0)
    for session in sessions:
        dialog = f"Ses0{session}F_script01_1b" if session == 5 else f"Ses0{session}F_impro01"
        _write_dialog(base / f"Session{session}", dialog, turns, rng)
    return base


def _write_dialog(folder: Path, dialog: str, turns: Sequence[tuple[str, str]], rng: np.random.Generator) -> None:
    evaluations, transcriptions = folder / "dialog" / "EmoEvaluation", folder / "dialog" / "transcriptions"
    wavs = folder / "sentences" / "wav" / dialog
    annotators = [evaluations / name for name in ("Attribute", "Categorical", "Self-evaluation")]
    others = [folder / "dialog" / "wav", folder / "sentences" / "MOCAP_hand" / dialog]
    for place in (wavs, transcriptions, *annotators, *others):
        place.mkdir(parents=True)
    for place in annotators:
        (place / f"{dialog}_e1.txt").write_text(f"{dialog}_{turns[0][0]} :Anger; ()\n")
    (others[0] / f"{dialog}.wav").write_bytes(b"RIFF")
    lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    said = ["M: overlapping words", f"{dialog}_FXX0 [001.0000-002.0000]: not a turn", f"{dialog}_MXX1 [2-3]: nor this"]
    for number, (turn, label) in enumerate(turns):
        name = f"{dialog}_{turn}"
        lines += [
            f"[{number}.2901 - {number}.8357]\t{name}\t{label}\t[2.5000, 2.5000, 2.5000]",
            "C-E2:\tNeutral;\t()",
            "C-F1:\tNeutral;\t(curious)",
            "A-E3:\tval 3; act 2; dom  2;\t()",
            "",
        ]
        said.append(f"{name} [00{number}.2901-00{number}.8357]: [LAUGHTER] Excuse me {number}.")
        soundfile.write(wavs / f"{name}.wav", rng.normal(0, 0.1, 8000), 16_000, subtype="PCM_16")
        (wavs / f"._{name}.wav").write_bytes(APPLE_DOUBLE)
    (evaluations / f"{dialog}.txt").write_text("\n".join(lines))
    (transcriptions / f"{dialog}.txt").write_text("\n".join(said))
    for place in (evaluations, transcriptions):
        (place / f"._{dialog}.txt").write_bytes(APPLE_DOUBLE)
