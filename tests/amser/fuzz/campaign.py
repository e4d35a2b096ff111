"""Many inputs of every kind in batches, each with its seed: a campaign is resumed, and a batch repeated, by name."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.amser.fuzz.of_files import caches, corpora, finished, recordings, results
from tests.amser.fuzz.of_scenarios import calibrations, overrides, scenarios, traces, ways
from tests.amser.fuzz.of_weights import checkpoints, tables
from tests.amser.fuzz.outcome import Draw

KINDS: dict[str, Callable[[Path, Draw], int]] = {
    f.__name__: f
    for f in (
        scenarios,
        overrides,
        traces,
        ways,
        calibrations,
        corpora,
        recordings,
        results,
        finished,
        caches,
        tables,
        checkpoints,
    )
}
WEIGHTS: dict[str, float] = {
    "scenarios": 6,
    "overrides": 4,
    "traces": 4,
    "corpora": 2,
    "recordings": 2,
    "results": 2,
    "finished": 0.25,  # each is a run of half a second
}
BATCH = 100
"""Cases of one run of hypothesis."""
LONGEST_S = 120
"""No input may keep a command busy for longer; on a busy machine this is a hundred times what one takes."""


class TooLong(BaseException):
    """An input that keeps a command busy; no ``Exception``, so that no command takes it for a mistake of its user."""


@contextmanager
def _timed(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooLong(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tried(
    kind: str,
    cases: int,
    place: Path,
    number: int | None = None,
    *,
    shrink: bool = True,
    codes: Counter[int] | None = None,
) -> Counter[int]:
    """Try ``cases`` inputs of a kind, always the same with a ``number``; exit codes that came are counted in ``codes``.

    A defect is raised, with a smaller input that shows it where ``shrink``."""
    codes = Counter() if codes is None else codes

    def one(data: st.DataObject) -> None:
        folder = Path(tempfile.mkdtemp(dir=place))
        try:
            with _timed(LONGEST_S):
                code = KINDS[kind](folder, data.draw)
            codes[int(code)] += 1
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    test = given(st.data())(one)
    if number is not None:
        test = seed(number)(test)
    phases = [Phase.generate, *([Phase.shrink] if shrink else [])]
    settings(
        max_examples=cases,
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
        phases=phases,
    )(test)()
    return codes


def seed_of(kind: str, batch: int, campaign: int) -> int:
    """The seed of a batch."""
    return zlib.crc32(f"{campaign} {kind} {batch}".encode())


@dataclass
class Campaign:
    """Batches until every kind has its cases; ``log`` has a line of JSON for each that was done."""

    cases: int
    number: int
    log: Path
    kinds: tuple[str, ...] = tuple(KINDS)
    done: dict[str, Counter[int]] = field(default_factory=dict)
    batches: Counter[str] = field(default_factory=Counter)
    defects: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.done = {kind: Counter() for kind in self.kinds}
        for line in self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []:
            self._count(json.loads(line))

    def _count(self, entry: dict[str, Any]) -> None:
        if entry["kind"] in self.done:
            self.done[entry["kind"]].update({int(code): count for code, count in entry["codes"].items()})
            self.batches[entry["kind"]] += 1
            if "defect" in entry:
                self.defects.append(entry)

    def left(self, kind: str) -> int:
        """Cases that the kind still wants."""
        share = WEIGHTS.get(kind, 1) / sum(WEIGHTS.get(k, 1) for k in self.kinds)
        return round(self.cases * share) - sum(self.done[kind].values())

    def run(self, say: Callable[[str], object]) -> None:
        """Do what is left, kind after kind and batch after batch, so that all kinds are met early."""
        while wanting := [kind for kind in self.kinds if self.left(kind) > 0]:
            # The kind that is farthest behind, relative to what it shall have.
            kind = max(wanting, key=lambda k: self.left(k) / WEIGHTS.get(k, 1))
            with tempfile.TemporaryDirectory(prefix="amser-fuzz-") as place:
                entry = self._batch(kind, min(BATCH, self.left(kind)), Path(place))
            with self.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
            self._count(entry)
            if "defect" in entry:
                say(f"{kind}, batch {entry['batch']}, seed {entry['seed']}: {entry['defect'][-2500:]}")

    def _batch(self, kind: str, cases: int, place: Path) -> dict[str, Any]:
        batch = self.batches[kind]
        codes: Counter[int] = Counter()
        number = seed_of(kind, batch, self.number)
        entry: dict[str, Any] = {"kind": kind, "batch": batch, "seed": number}
        try:
            tried(kind, cases, place, number, shrink=False, codes=codes)
        except KeyboardInterrupt:
            raise
        except BaseException:
            entry["defect"] = traceback.format_exc()
        return entry | {"codes": dict(codes)}
