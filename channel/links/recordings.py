"""Recorded phones: each has the capacity of a trace from a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from channel.links.capacity import INFINITY, Capacity
from channel.links.propagation import Uniforms
from channel.links.traces import Trace, find_traces, read_csv, read_mahimahi
from scenarios.schema import link_radio


@dataclass(frozen=True)
class Recordings:
    """The traces of a cell's phones; ``most_bps`` is what the cell lets a phone have."""

    spec: link_radio.TraceRatesSpec
    traces: tuple[Trace, ...]
    most_bps: float = INFINITY

    @property
    def source(self) -> str:
        """How many traces they are and how phones come to them, and each provenance that a file states."""
        said = dict.fromkeys(trace.source.partition(" (")[2].rstrip(")") for trace in self.traces)
        return f"{len(self.traces)} traces of {Path(self.spec.folder).name}/, {self.spec.assign}: {' | '.join(said)}"

    def of_group(self, uniforms: Uniforms) -> OwnCapacities:
        """Those of a group's phones, whose own draws say which and from where on."""
        return OwnCapacities(self, uniforms)


class OwnCapacities:
    """What the radio of each phone of a group can carry; built for a phone when it first sends."""

    def __init__(self, recordings: Recordings, uniforms: Uniforms) -> None:
        self._recordings, self._uniforms = recordings, uniforms
        self._of: dict[int, Capacity] = {}

    def of(self, device: int) -> Capacity:
        """A phone's capacity: always the same object."""
        found = self._of.get(device)
        if found is None:
            found = self._of[device] = self._built(device)
        return found

    def _built(self, device: int) -> Capacity:
        spec, traces, who = self._recordings.spec, self._recordings.traces, np.array([device])
        number = device if spec.assign == "in-turn" else int(self._uniforms(who, 0)[0] * len(traces))
        trace = traces[number % len(traces)]
        begin_s = float(self._uniforms(who, 1)[0]) * trace.period_s if spec.start == "random" else float(spec.start)
        return trace.capacity(offset_s=begin_s, mean_rate_bps=spec.mean_rate, most_bps=self._recordings.most_bps)


def read_recordings(spec: link_radio.TraceRatesSpec, most_bps: float = INFINITY) -> Recordings:
    """Read a folder's traces.  Raises `TraceError` for a broken file, or where none fits."""
    paths = find_traces(spec.folder, spec.files)
    traces = (read_csv(path) if path.suffix.lower() == ".csv" else read_mahimahi(path) for path in paths)
    return Recordings(spec, tuple(traces), most_bps)
