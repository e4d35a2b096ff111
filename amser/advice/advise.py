"""``advise``: the codecs of a measured table for clips of given lengths, and the one to take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, NamedTuple

from amser.exits import MissingError, UserError
from amser.summary import Estimate

if TYPE_CHECKING:
    import pandas as pd

    from amser.advice.measured_codecs import MeasuredCodecs
    from amser.advice.upload import Sender
    from recognizers.measurement.shipped_tables import MeasuredTable
    from scenarios import Experiment

TYPICAL_S = (2.1, 6.2, 13.0)
"""Clips of voice assistants and messages at the 50th, 90th and 99th percentile."""
BUDGET = 0.01
GOALS = ("energy", "latency", "bytes")
Verdict = Literal["within", "perhaps", "over"]


class Option(NamedTuple):
    """One codec for clips of one length; ``wer_loss`` is paired with uncompressed audio, as a fraction.

    Ends of bytes hold nine of ten utterances; latency and energy join them with the band of the device's speed.
    """

    codec: str
    length_s: float
    payload_bytes: Estimate
    latency_s: Estimate
    energy_j: Estimate
    wer_loss: Estimate
    verdict: Verdict
    """Whether the loss keeps the budget: ``within`` with its whole interval, ``perhaps`` by its mean."""


@dataclass(frozen=True)
class Advice:
    """What ``advise`` found."""

    budget: float
    goal: str
    options: tuple[Option, ...]
    rests_on: dict[str, str]
    """Where the figures come from, by part."""
    warnings: tuple[str, ...]

    @property
    def lengths_s(self) -> tuple[float, ...]:
        """The lengths of clips that were asked about."""
        return tuple(dict.fromkeys(o.length_s for o in self.options))

    def of(self, length_s: float) -> list[Option]:
        """The codecs for clips of one length, best first by the goal."""
        return sorted((o for o in self.options if o.length_s == length_s), key=self._cost)

    def pick(self, length_s: float) -> Option:
        """The cheapest codec that keeps the budget with its whole interval; without one, uncompressed audio."""
        kept = [o for o in self.of(length_s) if o.verdict == "within"]
        return kept[0] if kept else next(o for o in self.of(length_s) if o.codec == "raw")

    def _cost(self, option: Option) -> tuple[float, float]:
        costs = {"energy": option.energy_j, "latency": option.latency_s, "bytes": option.payload_bytes}
        return costs[self.goal].mean, option.payload_bytes.mean

    def frame(self) -> pd.DataFrame:
        """One row for each length and codec: means and ends of every figure in SI units, the verdict, the pick."""
        import pandas as pd

        rows = []
        for length_s in self.lengths_s:
            for option in self.of(length_s):
                row: dict[str, object] = {"length_s": length_s, "codec": option.codec}
                for name in ("payload_bytes", "latency_s", "energy_j", "wer_loss"):
                    estimate: Estimate = getattr(option, name)
                    row |= {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
                rows.append({**row, "verdict": option.verdict, "pick": option is self.pick(length_s)})
        return pd.DataFrame(rows)


def advise(
    lengths_s: Sequence[float] = TYPICAL_S,
    *,
    uplink: str = "5 Mbit/s",
    rtt: str = "50 ms",
    radio: str = "lte",
    profile: str = "pixel-8",
    corpus: str = "librispeech",
    model: str = "tiny.en",
    budget: float = BUDGET,
    goal: str = "energy",
    sets: Sequence[str] = (),
) -> Advice:
    """How to send clips of ``lengths_s`` seconds over a link of one's own, far from any other upload.

    ``budget`` is the word error rate that may be lost against uncompressed audio, as a fraction; ``corpus`` and
    ``model`` name a measured table; ``goal`` is what to minimize: ``energy``, ``latency`` or ``bytes``.  ``sets``
    changes any key of the scenario behind it, ``amser/data/advice.yaml``, such as ``cells.uplink.transport=udp``.

    ``Advice.frame()`` is a pandas frame, ``Advice.pick(6.2)`` the codec to take for clips of 6.2 s.
    Raises ``UserError``, ``ScenarioError``, and ``MissingError`` where no table is measured.
    """
    _check(lengths_s, budget, goal)
    experiment = _experiment(uplink, rtt, radio, profile, corpus, model, sets)
    scenario = experiment.points[0].scenario
    table = _table(corpus, model)
    from amser.advice.measured_codecs import MeasuredCodecs
    from amser.advice.upload import Sender

    sender = Sender.of(scenario)
    codecs = MeasuredCodecs(table)
    options = tuple(_option(sender, codecs, name, length_s, budget) for length_s in lengths_s for name in codecs.names)
    return Advice(budget, goal, options, _rests_on(experiment, sender, codecs), _warnings(codecs, lengths_s, options))


def _check(lengths_s: Sequence[float], budget: float, goal: str) -> None:
    if not lengths_s or not all(math.isfinite(length) and 0.0 < length <= 30.0 for length in lengths_s):
        raise UserError("--length: clips are longer than 0 s and no longer than Whisper's window of 30 s")
    if not (math.isfinite(budget) and 0.0 <= budget <= 1.0):
        raise UserError(f"--budget: word errors to lose lie between 0 and 100 points, not {budget * 100:g}")
    if goal not in GOALS:
        raise UserError(f"--goal: there is no '{goal}'; accepted: {', '.join(GOALS)}")


def _experiment(
    uplink: str, rtt: str, radio: str, profile: str, corpus: str, model: str, sets: Sequence[str]
) -> Experiment:
    import scenarios

    given = {
        "cells.uplink.capacity": uplink,
        "cells.uplink.rtt": rtt,
        "devices.phone.radio": radio,
        "devices.phone.profile": profile,
        "corpus": corpus,
        "recognizer.model": model,
    }
    template = str(files("amser") / "data" / "advice.yaml")
    return scenarios.load(template, [*(f"{key}={value}" for key, value in given.items()), *sets])


def _table(corpus: str, model: str) -> MeasuredTable:
    from recognizers.measurement.shipped_tables import measured_tables

    spoken = [t for t in measured_tables() if t.has_words]
    for table in spoken:
        if (table.corpus, table.model) == (corpus, model):
            return table
    held = ", ".join(f"{t.corpus} with {t.model}" for t in spoken)
    raise MissingError(f"no measured table has the words of {corpus} with {model}; there are {held}")


def _option(sender: Sender, codecs: MeasuredCodecs, codec: str, length_s: float, budget: float) -> Option:
    host_s, sizes = codecs.encode_host_s(codec, length_s), codecs.payload_bytes(codec, length_s)
    middle, low, high = (
        s.cost(size, length_s, host_s) for s, size in zip((sender, *sender.band()), sizes, strict=True)
    )
    n, loss = codecs.utterances(codec), codecs.wer_loss(codec)
    # Without an interval no utterance differed, which bounds nothing, unless the server rebuilds the very same Mel.
    verdict: Verdict = "perhaps" if loss.value <= budget else "over"
    if loss.high <= budget or codecs.lossless(codec):
        verdict = "within"
    return Option(
        codec,
        length_s,
        Estimate(sizes[0], sizes[1], sizes[2], n, "utterances"),
        Estimate(middle.latency_s, low.latency_s, high.latency_s, n, "utterances"),
        Estimate(middle.energy_j, low.energy_j, high.energy_j, n, "utterances"),
        Estimate(*loss),
        verdict,
    )


def _rests_on(experiment: Experiment, sender: Sender, codecs: MeasuredCodecs) -> dict[str, str]:
    from sim.build_site import describe

    facts = describe(experiment.points[0].scenario)
    head, rows = codecs.table, codecs.rows["raw"]
    words = int(rows["reference_words"].sum())
    return {
        "words": f"{len(rows)} utterances of {head.corpus} ({words} words), Whisper {head.model}",
        "payloads": "a line through those of these utterances by duration; nine of ten lie in the brackets",
        "brackets": "of latency and energy: the smallest payload and the fastest device of its band, and the reverse",
        "device": facts["devices"]["phone"]["profile"],
        "radio": facts["devices"]["phone"]["radio"],
        "link": f"{sender.rate_bps / 1e6:g} Mbit/s to itself, round trip {sender.cell.path_rtt_s * 1e3:g} ms, no loss",
        "transport": facts["cells"]["uplink"]["transport"],
        "service": f"{facts['service']}, a batch of one",
    }


def _warnings(codecs: MeasuredCodecs, lengths_s: Sequence[float], options: Sequence[Option]) -> tuple[str, ...]:
    shortest, longest = codecs.durations_s
    beyond = [length for length in lengths_s if not shortest <= length <= longest]
    told = [
        f"{len(codecs.names) - 1} codecs are compared with uncompressed audio at 95 % each: "
        "of twenty such intervals one is expected to miss"
    ]
    if beyond:
        shown = ", ".join(f"{length:g} s" for length in beyond)
        told.append(
            f"no utterance was measured at {shown} ({shortest:.1f} to {longest:.1f} s were): payloads are extrapolated"
        )
    if not any(o.verdict == "within" and o.codec != "raw" and not codecs.lossless(o.codec) for o in options):
        told.append(
            "no lossy codec keeps the budget with its whole interval: more utterances or a larger budget may show one"
        )
    return tuple(told)
