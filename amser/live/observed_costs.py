"""Calibrations from an observation: what this machine took to recognize batches, and to encode."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import pandas as pd

from amser.live.errors import LiveError
from recognizers.service.batches import cost_of
from recognizers.service.calibration import Calibration, Point
from recognizers.service.server_calibration import HOST_POWER
from recognizers.service.service_time import model_of
from scenarios.schema.scenario import Scenario
from sim.study.results import Results

FEWEST = 5
"""Batches of a size and length, below which their median is not taken for the service time."""


@dataclass(frozen=True)
class EncodeScale:
    """Seconds that phones took to encode over those of the coding-cost calibration: a profile's ``encode_scale``."""

    codec: str
    uploads: int
    scale: float
    """Median over the uploads, of wall time: what the latency has in it."""
    cpu_scale: float
    """The same of CPU time: what an idle machine would take."""


def logs_of(results: Results) -> pd.DataFrame:
    """Upload logs and what phones logged, side by side, of all points and replications of an observation."""
    if "observed" not in results.manifest:
        raise LiveError(f"{results.folder}: simulated, not observed; `amser observe` makes an observation")
    frames = []
    for file in sorted((results.folder / "observed").glob("*.parquet")):
        log = pd.read_parquet(results.folder / "points" / file.stem / "uploads.parquet")
        heard = pd.read_parquet(file)[
            ["upload", "status", "batch_number", "began_s", "ready_s", "encode_cpu_s", "started_s"]
        ]
        frames.append(log.merge(heard, on="upload").assign(replication=file.stem))
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


def server_calibration(results: Results, scenario: Scenario, name: str) -> Calibration:
    """Service times as the queue saw them: payloads, words, emotions, and the way to the process and back."""
    batches = batches_of(logs_of(results))
    points = points_of(batches)
    if not points:
        raise LiveError(f"{results.folder}: no size of batch occurred {FEWEST} times; observe for longer")
    machine = dict(results.manifest["observed"])
    load = f"load {machine.pop('load_before', '?')} before and {machine.pop('load_after', '?')} after"
    machine.pop("network", None)
    cost = cost_of(points, f"observed: {len(batches)} batches", assumed=load)
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
            f"and emotions included; medians by size and length; {load}; non-negative least squares"
        ),
        power=HOST_POWER,
        models={model_of(scenario.recognizer): cost},
    )


def encode_scales(results: Results) -> list[EncodeScale]:
    """By codec, how this machine's encoding compares with the calibration that simulations use."""
    log = logs_of(results)
    measured = pd.read_parquet(results.folder / "measurements.parquet")[["utterance", "codec", "encode_host_s"]]
    log = log.merge(measured.astype({"utterance": str, "codec": str}), on=["utterance", "codec"])
    found = []
    for codec, rows in log.groupby("codec"):
        host_s = rows["encode_host_s"].where(rows["encode_host_s"] > 0.0)
        wall = ((rows["ready_s"] - rows["began_s"]) / host_s).median()
        found.append(EncodeScale(str(codec), len(rows), float(wall), float((rows["encode_cpu_s"] / host_s).median())))
    return found
