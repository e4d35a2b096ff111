"""What a scenario's server recognizes with."""

from __future__ import annotations

from pathlib import Path

from amser.live.errors import LiveError
from amser.live.listening import Equipment
from scenarios import Scenario
from scenarios.paths import has_plugins
from scenarios.schema.corpus import MixtureCorpusSpec


def equipment_of(scenario: Scenario, base_dir: Path, device: str = "cpu", threads: int = 1) -> Equipment:
    """The recognizer, network and codecs of a scenario in ``base_dir``."""
    if isinstance(scenario.corpus, MixtureCorpusSpec):
        raise LiveError("a server recognizes one language: take one corpus, not a mixture (--set corpus=shipped)")
    return Equipment(
        recognizer=scenario.recognizer,
        emotion=scenario.emotion,
        codecs=scenario.codecs,
        corpus=scenario.corpus,
        device=device,
        threads=threads,
        largest=scenario.server.batching.largest,
        plugins=base_dir if has_plugins(scenario) else None,
    )
