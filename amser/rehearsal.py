"""Builds the parts of a scenario that name something outside it, so that a run does not find it missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from amser.exits import MissingError, UserError, describe, exit_code_of
from scenarios.document import resolve
from scenarios.errors import Exit
from scenarios.faults import Fault, KeyPath, Place, ScenarioError, dotted
from scenarios.paths import make_importable

if TYPE_CHECKING:
    import numpy as np
    from pydantic import BaseModel

    from scenarios import Experiment, Scenario
    from scenarios.schema.device import DeviceGroupSpec
    from scenarios.schema.link import CellSpec

Part = tuple[KeyPath, Callable[[], object]]


class PartsMissing(ScenarioError):
    """Files, models or packages that a scenario names are not there; nothing else is wrong with it."""

    exit_code = Exit.MISSING


def rehearse(experiment: Experiment) -> None:
    """Build links, devices, codecs and service times of every point, and look for corpus and models.

    Each distinct part is built once.  Raises ``PartsMissing``, or ``ScenarioError`` where a part is wrong, with
    all faults and the place where each part is written.
    """
    seen: set[str] = set()
    faults: list[Fault] = []
    codes: set[Exit] = set()
    for point in experiment.points:
        make_importable(point.scenario, experiment.base_dir)
        for path, build in _parts(point.scenario, seen, experiment.warnings):
            try:
                build()
            except Exception as error:
                code = exit_code_of(error)
                if code is Exit.DEFECT:
                    raise
                codes.add(code)
                faults.append(Fault(_place(experiment, path), dotted(path), describe(error)))
    if faults:
        once = list({str(fault): fault for fault in faults}.values())  # a cause shared by points is one fault
        raise (PartsMissing if codes == {Exit.MISSING} else ScenarioError)(once)


def _place(experiment: Experiment, path: KeyPath) -> Place:
    """Where a part is written: in the sweep, if that changes it."""
    for below, key in experiment.points[0].scenario.sweep.swept():
        if resolve(experiment.resolved, key)[: len(path)] == path:
            return experiment.place(("sweep", *below))
    return experiment.place(path)


def _parts(scenario: Scenario, seen: set[str], warnings: list[str]) -> Iterator[Part]:
    """How to build each part that ``seen`` does not hold yet; what is doubtful goes to ``warnings``."""
    import numpy as np

    from channel.codecs import build_codec
    from channel.links import build_cell
    from devices import build_policy, build_profile, build_radio
    from recognizers.measurement.hearing import rests_on_tables
    from recognizers.service import load_service
    from scenarios.schema.movement import PositionsSpec
    from sim.build_site import read_ways

    def new(*specs: BaseModel) -> bool:
        key = "|".join(f"{type(spec).__name__} {spec.model_dump_json()}" for spec in specs)
        known = key in seen
        seen.add(key)
        return not known

    def rng() -> np.random.Generator:
        return np.random.default_rng(scenario.seed)

    # Tables must hold the words of every codec; audio is opened once.
    heard = (scenario.recognizer, scenario.emotion, *scenario.codec_specs().values())
    if new(scenario.corpus, *(heard if rests_on_tables(scenario) else ())):
        yield ("corpus",), partial(_open_corpus, scenario, warnings)
    if new(scenario.recognizer):
        yield ("recognizer",), partial(_find_recognizer, scenario)
    if new(scenario.emotion):
        yield ("emotion",), partial(_find_weights, scenario.emotion.weights)
    for name, cell in scenario.cells.items():
        if new(cell):
            yield ("cells", name), partial(build_cell, cell, rng())
            if cell.device_rates is not None and cell.device_rates.kind != "traces":  # those came with the cell
                yield ("cells", name, "device_rates"), partial(_place_devices, cell, rng())
    for name, group in scenario.devices.items():
        if new(group):
            yield ("devices", name, "profile"), partial(build_profile, group.profile)
            yield ("devices", name, "battery"), partial(_charge, group)
            yield ("devices", name, "radio"), partial(build_radio, group.radio)
            if isinstance(group.movement, PositionsSpec):
                yield ("devices", name, "movement"), partial(read_ways, scenario, group, group.movement)
            yield ("devices", name, "policy"), partial(build_policy, group)
            yield ("devices", name, "traffic"), partial(_speak, scenario, group, rng())
    for name, spec in scenario.codec_specs().items():
        if new(spec):
            yield ("codecs", name), partial(build_codec, spec)
    if new(scenario.server, scenario.recognizer, scenario.emotion):
        yield ("server", "service"), partial(load_service, scenario.server, scenario.recognizer, scenario.emotion)


MOST_UPLOADS = 1e11  # of a group in a replication: years of work, and near where counts lose their last digit


def _speak(scenario: Scenario, group: DeviceGroupSpec, rng: np.random.Generator) -> object:
    """The traffic of a group, which must end some day."""
    from devices.fleet import build_traffic

    traffic = build_traffic(group.traffic, group.count, rng)
    uploads = getattr(traffic, "total_rate", 0.0) * scenario.duration
    if uploads > MOST_UPLOADS:
        raise UserError(f"about {uploads:.2g} uploads of this group in a replication; at most {MOST_UPLOADS:.0g}")
    return traffic


def _place_devices(cell: CellSpec, rng: np.random.Generator) -> object:
    """Places of some devices, which a cell may not cover."""
    from channel.links import build_cell

    return build_cell(cell, rng).device_rates(lambda devices, i: rng.random(len(devices)), 100)


def _charge(group: DeviceGroupSpec) -> object:
    """The battery of one device, which its profile may not have."""
    import numpy as np

    from devices import build_batteries, build_profile

    def full(devices: np.ndarray, i: int) -> np.ndarray:
        return np.zeros(len(devices))

    return build_batteries(group.battery, build_profile(group.profile), 1, 0.0, full)


def _open_corpus(scenario: Scenario, warnings: list[str]) -> object:
    """The corpora; of those without audio, everything that the scenario asks of their tables."""
    from recognizers.corpora import left_out
    from recognizers.measurement.hearing import corpora, measured, rests_on_tables

    if rests_on_tables(scenario):
        return measured(scenario, scenario.codec_specs())
    found = corpora(scenario)
    warnings += [text for corpus in found if (text := left_out(corpus)) and text not in warnings]
    return found


def _find_recognizer(scenario: Scenario) -> object:
    """Look for a Whisper without loading it, which takes seconds, unless tables know its words; others are made."""
    from recognizers.measurement.hearing import rests_on_tables
    from recognizers.measurement.parts_from_spec import recognizer_of
    from scenarios.schema.server import WhisperSpec

    if not isinstance(scenario.recognizer, WhisperSpec):
        return recognizer_of(scenario.recognizer)
    if rests_on_tables(scenario):
        return None
    from recognizers.whisper.loading import find_whisper

    return find_whisper(scenario.recognizer.model)


def _find_weights(weights: str) -> None:
    if weights != "shipped" and not Path(weights).is_file():
        raise MissingError(f"{weights}: no such file of weights; `shipped` names those that ship")
