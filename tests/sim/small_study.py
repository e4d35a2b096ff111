"""A study of two codecs and three replications that takes a second, and what of it must never differ."""

from __future__ import annotations

from sim.study.results import Results

TEXT = """
amser: 1
name: small
duration: 5 min
corpus: {kind: synthetic, utterances: 20}
recognizer: {kind: none}
emotion: {kind: none}
codecs:
  big: {kind: fixed, size: 144 kB}
  small: {kind: fixed, size: 14.4 kB}
cells: {cell: {capacity: 10 Mbit/s, rtt: 40 ms}}
devices:
  phones:
    {count: 20, profile: pixel-8, radio: lte, traffic: {kind: poisson, rate: 4 /min}, codec: big, cell: cell}
server: {service: {kind: constant, time: 100 ms}}
sweep: {grid: {devices.phones.codec: [big, small]}, replications: 3}
"""


def contents(results: Results) -> dict[str, bytes]:
    """Every file that must not depend on when, where or by how many workers it was made."""
    tables = ("summary.csv", "summary.json", "differences.csv")
    files = [*results.folder.glob("points/[!.]*/*"), *(results.folder / name for name in tables)]
    return {str(f.relative_to(results.folder)): f.read_bytes() for f in files if f.exists()}
