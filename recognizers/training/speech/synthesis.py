"""Render the project's speech: `python -m recognizers.training.speech.synthesis --out DIR --seed 1`.

Writes `DIR/<split>/<split>-<index>.flac` (16 kHz, mono, 16 bit) and `DIR/manifest.tsv`. Every clip has its own random
stream from (seed, split, index), so a longer run begins with the same clips. Needs espeak-ng, flite and festival; users
of the shipped clips need none of them."""

from __future__ import annotations

import argparse
import csv
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import soundfile

from recognizers.training.speech.grammar import EMOTIONS, draw_sentence, split_of
from recognizers.training.speech.prosody import SAMPLE_RATE_HZ, draw_prosody, finish
from recognizers.training.speech.voices import EngineMissing, check_engines, draw_voice, speak

SPLITS: tuple[str, ...] = ("train", "dev", "test")
LONGEST_S = 4.9
SHORTEST_S = 0.4
UNSEEN_SHARE = 0.6
"""Share of the dev and test clips whose voice no training clip has."""


@dataclass(frozen=True)
class Row:
    """One clip of the manifest; `path` is relative to the manifest's folder."""

    path: str
    text: str
    emotion: str
    voice: str
    engine: str
    seen_voice: bool
    split: str
    duration_s: float


def render_clip(out: Path, seed: int, split: str, index: int) -> Row:
    """Render one clip into `out` and return its row. The four emotions alternate with the index."""
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    emotion = EMOTIONS[index % len(EMOTIONS)]
    while True:
        sentence = draw_sentence(emotion, rng)
        if split_of(sentence.text) != split:
            continue
        # Unseen voices come in runs of four, so that they meet every emotion equally.
        unseen = split == "test" and (index // 4) % 5 < round(5 * UNSEEN_SHARE)
        voice = draw_voice(not unseen, rng, training=split == "train")
        prosody = draw_prosody(emotion, rng)
        audio = finish(*speak(sentence.text, voice, prosody), prosody)
        if SHORTEST_S <= audio.size / SAMPLE_RATE_HZ <= LONGEST_S:
            break
    path = Path(split) / f"{split}-{index:05d}.flac"
    soundfile.write(out / path, audio, SAMPLE_RATE_HZ, subtype="PCM_16", compression_level=1.0)
    duration_s = audio.size / SAMPLE_RATE_HZ
    return Row(path.as_posix(), sentence.text, emotion, voice.label, voice.engine, voice.seen, split, duration_s)


def _render_job(job: tuple[Path, int, str, int]) -> Row:
    return render_clip(*job)


def synthesise(out: Path, seed: int, counts: dict[str, int], workers: int, quiet: bool = False) -> list[Row]:
    """Render `counts[split]` clips of every split into `out`; returns all rows, in order, and writes the
    manifest."""
    from rich.console import Console
    from rich.progress import track

    check_engines()
    for split in counts:
        (out / split).mkdir(parents=True, exist_ok=True)
    jobs = [(out, seed, split, index) for split, count in counts.items() for index in range(count)]
    with ProcessPoolExecutor(workers) as pool:
        rendered = pool.map(_render_job, jobs, chunksize=16)
        rows = list(track(rendered, "speech", total=len(jobs), console=Console(stderr=True), disable=quiet))
    write_manifest(out / "manifest.tsv", rows)
    return rows


def write_manifest(path: Path, rows: list[Row]) -> None:
    """Write the rows as a TSV with a header."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Row)], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(asdict(row) | {"seen_voice": int(row.seen_voice), "duration_s": f"{row.duration_s:.4f}"})


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code (3 where an engine is missing)."""
    parser = argparse.ArgumentParser(prog="python -m recognizers.training.speech.synthesis", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--train", type=int, default=16_000, help="training clips")
    parser.add_argument("--dev", type=int, default=400, help="clips to choose weights by (training voices)")
    parser.add_argument("--test", type=int, default=200, help="clips as the shipped ones (60 %% unseen voices)")
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    options = parser.parse_args(arguments)
    counts = {"train": options.train, "dev": options.dev, "test": options.test}
    try:
        rows = synthesise(options.out, options.seed, counts, options.workers, options.quiet or not sys.stderr.isatty())
    except EngineMissing as error:
        sys.stderr.write(f"error: {error}\n")
        return 3
    hours = sum(row.duration_s for row in rows) / 3600
    sys.stdout.write(f"{len(rows)} clips, {hours:.2f} h, manifest {options.out / 'manifest.tsv'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
