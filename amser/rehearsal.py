"""Builds the parts of a scenario that name something outside it, so that a run does not find it missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

    from scenarios import Experiment, Scenario


def rehearse(experiment: Experiment) -> None:
    """Build links, devices, codecs and service times of every point; each distinct part once.

    Raises what building them raises: ``LinkError``, ``DeviceError``, ``CodecError``, ``CalibrationError``.
    """
    seen: set[str] = set()
    for point in experiment.points:
        for build in _parts(point.scenario, experiment.base_dir, seen):
            build()


def _parts(scenario: Scenario, base_dir: Path, seen: set[str]) -> Iterator[Callable[[], object]]:
    """How to build each part that ``seen`` does not hold yet."""
    import numpy as np

    from channel.codecs import build_codec
    from channel.links import build_cell
    from devices import build_policy, build_profile, build_radio
    from recognizers.service import load_service

    def new(*specs: BaseModel) -> bool:
        key = "|".join(f"{type(spec).__name__} {spec.model_dump_json()}" for spec in specs)
        known = key in seen
        seen.add(key)
        return not known

    for cell in scenario.cells.values():
        if new(cell):
            yield partial(build_cell, cell, base_dir, np.random.default_rng(scenario.seed))
    for group in scenario.devices.values():
        if new(group):
            yield partial(build_profile, group.profile)
            yield partial(build_radio, group.radio)
            yield partial(build_policy, group)
    for spec in scenario.codec_specs().values():
        if new(spec):
            yield partial(build_codec, spec)
    heard = (scenario.server, scenario.recogniser, scenario.emotion)
    if new(*heard):
        yield partial(load_service, *heard)
