"""The files and modules that a scenario names: relative ones start at the scenario file's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from scenarios.plugins import classes, trust
from scenarios.schema.corpus import CorpusSpec, MixtureCorpusSpec
from scenarios.schema.scenario import Scenario
from scenarios.schema.server import CalibratedServiceSpec, WhisperSpec

CHECKPOINTS = (".pt", ".pth", ".safetensors")


def anchored(scenario: Scenario, base_dir: Path) -> Scenario:
    """``scenario`` with the corpus, checkpoint, weights and calibration that it names by path found from ``base_dir``.

    ``~`` and ``$NAME`` are expanded.  A relative path that is not beside the scenario stays as it is, so that it
    starts at the working folder.  Names of what ships (``nano``, ``shipped``, ``host-cpu``) are left alone.
    Traces are looked for by the links, which have places of their own for them.
    """
    changes: dict[str, Any] = {}
    corpus, recognizer, emotion, service = (
        scenario.corpus,
        scenario.recognizer,
        scenario.emotion,
        scenario.server.service,
    )
    changes["corpus"] = _anchored_corpus(corpus, base_dir)
    if isinstance(recognizer, WhisperSpec) and (recognizer.model.endswith(CHECKPOINTS) or "/" in recognizer.model):
        changes["recognizer"] = recognizer.model_copy(update={"model": _checkpoint(recognizer.model, base_dir)})
    if emotion.weights != "shipped":
        changes["emotion"] = emotion.model_copy(update={"weights": beside(emotion.weights, base_dir)})
    if isinstance(service, CalibratedServiceSpec) and service.hardware.endswith(".json"):
        found = service.model_copy(update={"hardware": beside(service.hardware, base_dir)})
        changes["server"] = scenario.server.model_copy(update={"service": found})
    return scenario.model_copy(update=changes)


def _anchored_corpus(corpus: CorpusSpec, base_dir: Path) -> CorpusSpec:
    if isinstance(corpus, MixtureCorpusSpec):
        return corpus.model_copy(update={"parts": tuple(_anchored_corpus(part, base_dir) for part in corpus.parts)})
    path = getattr(corpus, "path", None)  # some kinds lie in a folder, some ship
    return corpus if path is None else corpus.model_copy(update={"path": beside(path, base_dir)})


def _checkpoint(model: str, base_dir: Path) -> str:
    """The path of a checkpoint.  A folder is told from the name of a model by its slash, which stays: ``./base``."""
    found = beside(model, base_dir)
    return found if found.endswith(CHECKPOINTS) or "/" in found else f"./{found}"


def beside(name: str, base_dir: Path) -> str:
    """The path of ``name``: in ``base_dir`` if it is there, else as it stands."""
    path = Path(os.path.expandvars(name)).expanduser()
    return str(base_dir / path) if (base_dir / path).exists() else str(path)


def make_importable(scenario: Scenario, base_dir: Path) -> None:
    """Let the modules of a scenario's plugins lie beside its file.  Every process that builds its parts says so."""
    if has_plugins(scenario):
        trust(base_dir)


def has_plugins(scenario: Scenario) -> bool:
    """Whether a scenario names classes of the user's own: then it is code."""
    return any(True for _ in classes(scenario.model_dump()))
