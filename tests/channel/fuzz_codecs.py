"""Fuzz target: mutated and random payloads must give a Mel or a CodecError, in bounded time and memory.

    python tests/channel/fuzz_codecs.py [--payloads 100000] [--seed 1] [--codecs klt-4,amser-25 ...]

``target(codec, data)`` is one trial, for any fuzzing engine; the loop here mutates valid payloads by itself
(bit flips, splices, truncations, insertions, extreme bytes) and prints a summary for docs/results/codec-notes.md.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from channel.codecs import Codec, CodecError, build_codec
from scenarios.quantities import SI
from scenarios.schema.codec import MelKltSpec, OpusSpec

CODECS = (
    "klt-4",
    "amser-12.5",
    "amser-12.5-fp16",
    "amser-25-int8",
    "flac",
    "mp3-16",
    "opus-16",
    "g722",
    "amr-5.15",
    "codec2-1600",
    "lc3-16",
    "dsr-4.8",
    "dsr-4.4",
)


def more() -> list[Codec]:
    """Forms of payloads that no standard name has: blocks, the other basis with 128 bands, Ogg."""
    blocks = MelKltSpec(kind="mel-klt", step=0.3, block=SI(0.3))
    cosine = MelKltSpec(kind="mel-klt", step=0.3, basis="dct")
    ogg = OpusSpec(kind="opus", rate=SI(16_000), container="ogg")
    return [
        build_codec(blocks, name="klt blocks"),
        build_codec(cosine, bands=128, name="klt dct 128"),
        build_codec(ogg, name="opus ogg"),
    ]


def target(codec: Codec, data: bytes) -> str:
    """Decode ``data``; the outcome in a word.  Whatever is not a Mel or a ``CodecError`` propagates."""
    try:
        mel = codec.decode(data)
    except CodecError:
        return "refused"
    if mel.ndim != 2 or mel.shape[0] != codec.bands or not np.all(np.isfinite(mel)):
        raise AssertionError(f"decoded to {mel.shape} with values that are not finite")
    return "decoded"


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Half of the time one flipped bit, which gets furthest into a decoder, else one to five random changes."""
    changed = bytearray(data)
    if changed and rng.random() < 0.5:
        changed[int(rng.integers(0, len(changed)))] ^= 1 << int(rng.integers(0, 8))
        return bytes(changed)
    for _ in range(int(rng.integers(1, 6))):
        place = int(rng.integers(0, len(changed) + 1)) if rng.random() < 0.5 else int(rng.integers(0, 12))
        place = min(place, len(changed))
        match int(rng.integers(0, 6)):
            case 0 if changed:
                changed[min(place, len(changed) - 1)] ^= 1 << int(rng.integers(0, 8))
            case 1:
                changed[place : place + 1] = bytes([int(rng.choice([0, 1, 127, 128, 254, 255]))])
            case 2:
                changed[place:place] = rng.bytes(int(rng.integers(1, 9)))
            case 3:
                del changed[place : place + int(rng.integers(1, 30))]
            case 4:
                del changed[place:]
            case _:
                changed[place : place + 8] = rng.bytes(8)
    return bytes(changed)


def seeds(codec: Codec, rng: np.random.Generator) -> list[bytes]:
    """Valid payloads of short and long, loud and silent audio."""
    sounds = [0.1 * rng.standard_normal(n) * np.sin(np.arange(n) / 1500.0) for n in (160, 3_000, 16_000)]
    return [codec.encode(sound.astype(np.float32)).data for sound in (*sounds, np.zeros(8_000))]


def fuzz(codec: Codec, count: int, rng: np.random.Generator) -> tuple[Counter[str], float]:
    """Try ``count`` payloads; how they ended, and the longest time one took (s)."""
    valid, outcomes, slowest = seeds(codec, rng), Counter[str](), 0.0
    for trial in range(count):
        random = trial % 10 == 0
        data = rng.bytes(int(rng.integers(0, 400))) if random else mutate(valid[trial % len(valid)], rng)
        if random and trial % 20 == 0:  # random bytes behind a valid start
            data = valid[0][: int(rng.integers(1, 8))] + data
        start = time.perf_counter()
        try:
            outcomes[target(codec, data)] += 1
        except Exception:
            sys.stderr.write(f"{codec.name}: {data.hex()}\n")
            raise
        slowest = max(slowest, time.perf_counter() - start)
    return outcomes, slowest


def main() -> None:
    """Fuzz the codecs of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--payloads", type=int, default=20_000, help="for each codec")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--codecs", help="names, comma-separated; default: all forms of payload")
    options = parser.parse_args()
    named = {codec.name: codec for codec in (*map(build_codec, CODECS), *more())}
    codecs = [named.get(name) or build_codec(name) for name in (options.codecs or ",".join(named)).split(",")]
    for codec in codecs:
        outcomes, slowest = fuzz(codec, options.payloads, np.random.default_rng(options.seed))
        memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(
            f"{codec.name:14s} {sum(outcomes.values())} payloads: {dict(outcomes)}, slowest {slowest * 1e3:.0f} ms, "
            f"peak memory of the process {memory_mib:.0f} MiB\n"
        )


if __name__ == "__main__":
    main()
