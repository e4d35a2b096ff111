"""A results folder made by hand: the figures are known, so what reads them can be checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

# No speech, no recognition: runs in about a second and still passes through every floor.
SMALL = """\
amser: 1
title: Two payloads on one link
duration: 2 min
warmup: 10 s
corpus: {kind: synthetic, utterances: 20}
recognizer: {kind: none}
emotion: {kind: none}
codecs:
  big: {kind: fixed, size: 60 kB}
  small: {kind: fixed, size: 6 kB}
cells:
  uplink: {capacity: 5 Mbit/s, rtt: 20 ms}
devices:
  phones:
    count: 5
    profile: pixel-8
    radio: wifi
    traffic: {kind: poisson, rate: 10 /min}
    codec: big
    cell: uplink
server:
  service: {kind: constant, time: 50 ms}
sweep:
  grid:
    devices.phones.codec: [big, small]
  replications: 2
"""

STAGES = ("encode", "wake", "access", "transfer", "backhaul", "queue", "service", "reply")
# Codec: payload bytes of an utterance, word error rate, emotion accuracy.
CODECS = {
    "raw": (96_000, 0.021, 0.84),
    "flac": (52_000, 0.021, 0.84),
    "amser-100": (98_000, 0.021, 0.84),
    "amser-50": (49_400, 0.021, 0.84),
    "amser-25": (24_700, 0.022, 0.83),
    "amser-18.75": (18_500, 0.024, 0.83),
    "amser-12.5": (12_300, 0.027, 0.82),
}
RATE_BPS = 4e6


def _rows(codec: str, load: float, rng: np.random.Generator, uploads: int) -> pd.DataFrame:
    size, _, _ = CODECS[codec]
    base = {
        "encode": 0.004,
        "wake": 0.02,
        "access": 0.008,
        "transfer": size * 8 / RATE_BPS * (1 + load),
        "backhaul": 0.01,
        "queue": 0.03,
        "service": 0.12,
        "reply": 0.015,
    }
    frame = pd.DataFrame({f"{stage}_s": mean * rng.gamma(4.0, 0.25, uploads) for stage, mean in base.items()})
    frame["latency_s"] = frame[[f"{s}_s" for s in STAGES]].sum(axis=1)
    frame["speech_end_s"] = np.sort(rng.uniform(0.0, 600.0, uploads))
    frame["outcome"] = pd.Categorical(["delivered"] * uploads, categories=["delivered", "lost"])
    for part, joules in {"encode": 0.01, "wake": 0.1, "transmit": size * 2e-6, "tail": 0.4}.items():
        frame[f"{part}_j"] = joules * rng.gamma(9.0, 1 / 9, uploads)
    frame["payload_bytes"] = size
    return frame


def _metrics(codec: str, frame: pd.DataFrame) -> dict[str, tuple[str, float]]:
    size, wer, emotion = CODECS[codec]
    found = {"uploads": ("1", float(len(frame))), "latency_mean_s": ("s", frame["latency_s"].mean())}
    found |= {f"latency_p{q}_s": ("s", float(frame["latency_s"].quantile(q / 100))) for q in (50, 95, 99)}
    found |= {f"stage_{s}_mean_s": ("s", frame[f"{s}_s"].mean()) for s in STAGES}
    found |= {f"energy_{p}_j": ("J", frame[f"{p}_j"].mean()) for p in ("encode", "wake", "transmit", "tail")}
    found["energy_per_upload_j"] = ("J", sum(v for k, (_, v) in found.items() if k.startswith("energy_")))
    found |= {
        "payload_mean_bytes": ("byte", float(size)),
        "payload_bitrate_bps": ("bit/s", size * 8 / 3.0),
        "wer": ("1", wer),
        "ser_accuracy": ("1", emotion),
        "ser_f1_weighted": ("1", emotion - 0.01),
        "delivered_fraction": ("1", 1.0),
        "uplink_utilisation": ("1", 0.4),
        "server_utilisation": ("1", 0.2),
    }
    return found


def write_results(
    root: Path,
    points: Sequence[Mapping[str, Any]],
    *,
    replications: int = 3,
    complete: bool = True,
    log: bool = True,
) -> Path:
    """Write a results folder with one point for each entry of ``points`` (swept key to value)."""
    folder = root / "quickstart" / "20260101T120000Z-0a1b2c3d"
    (folder / "points").mkdir(parents=True)
    parameters = list(points[0])
    rng = np.random.default_rng(7)
    rows, entries = [], []
    for number, point in enumerate(points):
        codec = next((str(v) for v in point.values() if v in CODECS), "raw")
        load = next((float(v) / 100 for k, v in point.items() if k.endswith("count")), 0.3)
        samples: dict[str, list[float]] = {}
        units: dict[str, str] = {}
        for replication in range(replications):
            frame = _rows(codec, load, rng, 400)
            where = folder / "points" / f"p{number:02d}-s{replication}"
            where.mkdir()
            if log:
                frame.to_parquet(where / "uploads.parquet")
                (where / "metrics.json").write_text('{"warmup_s": 60.0}', encoding="utf-8")
            for metric, (unit, value) in _metrics(codec, frame).items():
                samples.setdefault(metric, []).append(float(value))
                units[metric] = unit
        for metric, values in samples.items():
            half = 2.0 * np.std(values, ddof=1) / np.sqrt(replications) if replications > 1 else float("nan")
            mean = float(np.mean(values))
            row = {**point, "metric": metric, "unit": units[metric], "mean": mean}
            if metric == "wer" or metric.startswith("ser_"):
                row |= {"low": round(mean - 0.01, 6), "high": round(mean + 0.015, 6), "n": 200, "over": "utterances"}
            else:
                row |= {"low": mean - half, "high": mean + half, "n": replications, "over": "replications"}
            rows.append(row)
        entries.append({"key": f"p{number:02d}", "parameters": dict(point)})
    pd.DataFrame(rows).to_csv(folder / "summary.csv", index=False)
    manifest = {
        "amser": "0.1.0",
        "started": "2026-01-01T12:00:00+00:00",
        "seed": 1,
        "replications": replications,
        "complete": complete,
        "parameters": parameters,
        "points": entries,
        "warnings": [],
        "recognizer": {"name": "whisper nano", "weights": "sha256 0123456789ab"},
        "corpus": {"name": "shipped", "utterances": 200},
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    text = "amser: 1\nname: quickstart\ntitle: Forty phones on one uplink\nwarmup: 60 s\n"
    text += "description: Raw audio against AMSER.\n"
    (folder / "resolved.yaml").write_text(text, encoding="utf-8")
    (folder / "scenario.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def results_folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a results folder below the test's own; see ``write_results``."""

    def make(points: Sequence[Mapping[str, Any]], **options: Any) -> Path:
        return write_results(tmp_path / "results", points, **options)

    return make


@pytest.fixture
def make_results() -> Callable[..., Path]:
    """``write_results`` itself, for studies side by side."""
    return write_results


@pytest.fixture
def codec_study(results_folder: Callable[..., Path]) -> Path:
    """A study of seven codecs."""
    return results_folder([{"devices.phones.codec": codec} for codec in CODECS])


@pytest.fixture
def small_scenario() -> str:
    """The text of a scenario that passes through every floor in about a second."""
    return SMALL
