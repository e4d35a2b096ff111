"""What a scenario's server recognizes with."""

from __future__ import annotations

from pathlib import Path

from amser.live.errors import LiveError
from amser.live.listening import Equipment
from scenarios import Scenario
from scenarios.paths import anchored, has_plugins
from scenarios.schema.corpus import MixtureCorpusSpec


def equipment_of(scenario: Scenario, base_dir: Path, device: str = "cpu", threads: int = 1) -> Equipment:
    """The recognizer, network and codecs of a scenario in ``base_dir``."""
    found = anchored(scenario, base_dir)
    if isinstance(found.corpus, MixtureCorpusSpec):
        raise LiveError("a server hears one language: take one corpus, not a mixture (--set corpus=shipped)")
    return Equipment(
        recognizer=found.recognizer,
        emotion=found.emotion,
        codecs=found.codecs,
        corpus=found.corpus,
        device=device,
        threads=threads,
        largest=found.server.batching.largest,
        plugins=base_dir if has_plugins(found) else None,
    )
