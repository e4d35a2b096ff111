"""Builds the parts of a scenario that name something outside it, so that a run does not find it missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenarios import Experiment, Scenario


def rehearse(experiment: Experiment) -> None:
    """Build links, devices, codecs and service times of every point; open corpus and calibration files.

    Raises what building them raises: ``LinkError``, ``DeviceError``, ``CalibrationError``, ``CorpusError``.
    """
    for point in experiment.points:
        _rehearse(point.scenario, experiment.base_dir)


def _rehearse(scenario: Scenario, base_dir: Path) -> None:
    import numpy as np

    from channel.codecs import build_codec
    from channel.links import build_cell
    from devices import build_policy, build_profile, build_radio
    from recognizers.service import load_service

    for name, cell in scenario.cells.items():
        build_cell(cell, base_dir, np.random.default_rng([scenario.seed, len(name)]))
    for group in scenario.devices.values():
        build_profile(group.profile)
        build_radio(group.radio)
        build_policy(group)
    for spec in scenario.codec_specs().values():
        build_codec(spec)
    load_service(scenario.server, scenario.recogniser, scenario.emotion)
