"""Calibrations from an observation: what this machine took to recognize batches, to encode, and for all the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pandas as pd

from amser.live.errors import LiveError
from channel.links import build_cell
from recognizers.service.batches import cost_of
from recognizers.service.calibration import Calibration, Cost, Point
from recognizers.service.server_calibration import HOST_POWER
from recognizers.service.service_time import Affine, model_of
from recognizers.service.spread import mean_of
from scenarios.schema.scenario import Scenario
from sim.study.results import Results

FEWEST = 5
"""Batches of a size and length, below which their median is not taken for the service time."""
STEPS = 200
"""Of a spread: every half per cent of the batches."""
HEARD = ["upload", "status", "attempts", "connections", "batch_number", "ready_s", "left_s", "arrived_s", "sent_bytes",
         "encode_cpu_s"]  # fmt: skip
"""Columns of what phones logged that the upload log does not have."""
LONG_IDLE_S = 60.0  # a connection's window is then the initial one


@dataclass(frozen=True)
class EncodeScale:
    """Seconds that phones took to encode over those of the coding-cost calibration: a profile's ``encode_scale``."""

    codec: str
    uploads: int
    scale: float
    """Median over the uploads, of wall time from the end of speech: what the latency has in it."""
    cpu_scale: float
    """The same of CPU time: what an idle machine would take."""


def logs_of(observations: Sequence[Results]) -> pd.DataFrame:
    """Upload logs and what phones logged, side by side, of all points and replications of observations."""
    return pd.concat([_logs_of(one) for one in observations], ignore_index=True)


def _logs_of(results: Results) -> pd.DataFrame:
    if "observed" not in results.manifest:
        raise LiveError(f"{results.folder}: simulated, not observed; `amser observe` makes an observation")
    frames = []
    for file in sorted((results.folder / "observed").glob("*.parquet")):
        log = pd.read_parquet(results.folder / "points" / file.stem / "uploads.parquet")
        heard = pd.read_parquet(file, columns=HEARD)
        frames.append(log.merge(heard, on="upload").assign(replication=str(file)))
    if not frames:
        raise LiveError(f"{results.folder}: nothing was observed to the end")
    found = pd.concat(frames, ignore_index=True)
    audio_s = pd.read_parquet(results.folder / "measurements.parquet").drop_duplicates("utterance")
    found = found[found["status"] == 200].astype({"utterance": str, "codec": str})
    return found.merge(audio_s[["utterance", "duration_s"]], on="utterance")


def batches_of(log: pd.DataFrame) -> pd.DataFrame:
    """One row for each batch whose uploads were all answered: utterances, audio_s, seconds."""
    grouped = log.groupby(["replication", "batch_number"]).agg(
        utterances=("upload", "size"),
        batch=("batch", "first"),
        audio_s=("duration_s", "sum"),
        seconds=("service_s", "first"),
    )
    return grouped[grouped["utterances"] == grouped["batch"]].reset_index()


def points_of(batches: pd.DataFrame) -> list[Point]:
    """Medians by size and by thirds of length: single batches say more of the scheduler than of the recognizer."""
    found = []
    for size in sorted(set(batches["utterances"].tolist())):
        rows = batches[batches["utterances"] == size].sort_values("audio_s")
        edges = [0, len(rows)] if len(rows) < 3 * FEWEST else [len(rows) * i // 3 for i in range(4)]
        for part in (rows.iloc[first:last] for first, last in pairwise(edges)):
            if len(part) >= FEWEST:
                seconds, audio_s = float(part["seconds"].median()), float(part["audio_s"].mean())
                found.append(Point(utterances=size, audio_s=audio_s, seconds=seconds))
    return found


def spread_of(cost: Cost, batches: pd.DataFrame) -> Cost:
    """The cost with the mean of all batches instead of their medians', and how single ones lie about it."""
    model = Affine(cost.per_batch_s, cost.per_utterance_s, cost.per_audio_second_s, cost.per_step_second_s)
    pairs = zip(batches["utterances"].tolist(), batches["audio_s"].tolist(), strict=True)
    ratios = batches["seconds"].to_numpy() / np.array([model(n, audio_s) for n, audio_s in pairs])
    quantiles = np.quantile(ratios, np.linspace(0.0, 1.0, STEPS + 1))
    mean = mean_of(quantiles)
    names = ("per_batch_s", "per_utterance_s", "per_audio_second_s", "per_step_second_s")
    scaled = {name: round(getattr(cost, name) * mean, 6) for name in names}
    return cost.model_copy(update={**scaled, "spread": tuple(np.round(quantiles / mean, 4).tolist())})


def server_calibration(observations: Sequence[Results], scenario: Scenario, name: str) -> Calibration:
    """Service times as the queue saw them: payloads, words, emotions, and the way to the process and back."""
    results = observations[0]
    batches = batches_of(logs_of(observations))
    points = points_of(batches)
    if not points:
        raise LiveError(f"{results.folder}: no size of batch occurred {FEWEST} times; observe for longer")
    about = [one.manifest["observed"] for one in observations]
    load = ", ".join(f"load {one.get('load_before', '?')} to {one.get('load_after', '?')}" for one in about)
    left_out = ("load_before", "load_after", "network")
    machine = {key: value for key, value in results.manifest["observed"].items() if key not in left_out}
    cost = spread_of(cost_of(points, f"observed: {len(batches)} batches", assumed=load), batches)
    return Calibration(
        format="amser-server-calibration",
        version=1,
        name=name,
        basis="measured",
        machine=machine,
        versions={key: str(value) for key, value in results.manifest["versions"].items()},
        date=datetime.now(UTC).date().isoformat(),
        method=(
            f"observed in {results.manifest['name']}: wall time from a batch's start to its end, payloads, words "
            "and emotions included; medians by size and length; non-negative least squares, then in proportion so that "
            f"the mean of all batches is met; spread: quantiles of the ratios to that; {load}"
        ),
        power=HOST_POWER,
        models={model_of(scenario.recognizer): cost},
    )


def encode_scales(observations: Sequence[Results]) -> list[EncodeScale]:
    """By codec, how this machine's encoding compares with the calibration that simulations use."""
    log = logs_of(observations)
    measured = pd.read_parquet(observations[0].folder / "measurements.parquet")
    measured = measured[["utterance", "codec", "encode_host_s"]]
    log = log.merge(measured.astype({"utterance": str, "codec": str}), on=["utterance", "codec"])
    found = []
    for codec, rows in log.groupby("codec"):
        host_s = rows["encode_host_s"].where(rows["encode_host_s"] > 0.0)
        wall = ((rows["ready_s"] - rows["speech_end_s"]) / host_s).median()
        found.append(EncodeScale(str(codec), len(rows), float(wall), float((rows["encode_cpu_s"] / host_s).median())))
    return found


@dataclass(frozen=True)
class Around:
    """What an upload has around it: bytes before the payload, and the server's work on request and reply."""

    request_bytes: int
    request_s: float
    """Median of the time to the queue beyond that of the cell; with it what the phone takes to hand its bytes over."""
    reply_s: float


def around(observations: Sequence[Results], scenario: Scenario) -> Around | None:
    """What uploads on an open connection had around them; None where none was small enough for the first window.

    For larger ones the cell's time is not known without its model, which is what an observation is to be held against.
    Of several points the quickest counts: its uploads waited least for one another.
    """
    (spec,) = scenario.cells.values()
    cell = build_cell(spec)
    transport, rate_bps = cell.transport, cell.link.capacity.mean_rate_bps
    networks = [str(one.manifest["observed"].get("network", "")) for one in observations]
    there = not networks[0].startswith("loopback")
    onward_s = cell.propagation_s + cell.backhaul_s if there else 0.0
    log = logs_of(observations)
    log = log[(log["attempts"] == 1) & (log["connections"] == 0)]
    log = log[[transport.packets(size) <= getattr(transport, "initial_window", np.inf) for size in log["sent_bytes"]]]
    if len(log) < FEWEST:
        return None
    sizes = log["sent_bytes"] - transport.request_bytes
    plans = [transport.plan(0.0, size, LONG_IDLE_S, rate_bps, cell.path_rtt_s) for size in sizes]
    link_s = np.array([plan.fluid_bits for plan in plans]) / rate_bps if there else 0.0
    beyond = pd.DataFrame(
        {
            "replication": log["replication"],
            "request": log["arrived_s"] - log["left_s"] - onward_s - link_s,
            "reply": log["reply_s"] - onward_s,
        }
    )
    quickest = beyond.groupby("replication").median().min().clip(lower=0.0)
    head_bytes = round(float((log["sent_bytes"] - log["payload_bytes"]).median()))
    return Around(head_bytes, float(quickest["request"]), float(quickest["reply"]))
