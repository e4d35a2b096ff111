"""Keeps an observation for a test: what was observed of each upload, and all that simulating it needs; no audio.

python -m benchmarks.keep_live results/live-validation light bandwidth-bound --to tests/amser/live/observed
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
STAGES = ("encode", "hold", "wake", "access", "transfer", "backhaul", "queue", "service", "reply")
FIGURES = ("mean", "p95", "p99")
WARMUP_S = 30.0
BLOCKS, DRAWS = 30, 2000


def _paired(simulated: Floats, observed: Floats) -> dict[str, list[float]]:
    """Relative error of each figure with its 95 % interval: stretches of both logs, which speak at the same instants,
    drawn together, so that what an hour's arrivals do to both leaves the ratio alone."""
    both = np.stack([simulated, observed])
    blocks = np.array_split(both, BLOCKS, axis=1)
    rng = np.random.default_rng(0)
    picks = rng.integers(BLOCKS, size=(DRAWS, BLOCKS))
    drawn = np.array([_errors(np.concatenate([blocks[i] for i in pick], axis=1)) for pick in picks])
    rows = zip(FIGURES, _errors(both), *np.percentile(drawn, (2.5, 97.5), axis=0), strict=True)
    return {figure: [round(float(value), 4) for value in values] for figure, *values in rows}


def _errors(both: Floats) -> Floats:
    figures = np.array([both.mean(axis=1), *np.percentile(both, (95, 99), axis=1)])
    found: Floats = figures[:, 0] / figures[:, 1] - 1.0
    return found


def keep(results: Path, simulated: Path, name: str, to: Path) -> None:
    """Write NAME.json, NAME.parquet (uploads), NAME.table.parquet (their cells) and NAME.machine.json."""
    (folder,) = (results / "observed" / name / "live").iterdir()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (entry,) = manifest["points"]
    (log_file,) = (folder / "points").glob(f"{entry['key']}-s*/uploads.parquet")
    (heard_file,) = (folder / "observed").glob(f"{entry['key']}-s*.parquet")
    log = pd.read_parquet(log_file).set_index("upload")
    heard = pd.read_parquet(heard_file).set_index("upload")[["text", "emotion"]]
    columns = [
        "speech_end_s",
        *(f"{stage}_s" for stage in STAGES),
        "latency_s",
        "outcome",
        "batch",
        "codec",
        "utterance",
    ]
    kept = log[columns].astype({"codec": str, "utterance": str, "outcome": str}).join(heard).reset_index()
    kept.round(6).to_parquet(to / f"{name}.parquet", compression="zstd", index=False)
    table = pd.read_parquet(folder / "measurements.parquet")
    table.to_parquet(to / f"{name}.table.parquet", compression="zstd", index=False)
    shutil.copyfile(simulated / f"machine-{name}.json", to / f"{name}.machine.json")
    said = json.loads((simulated / f"compared-{name}.json").read_text(encoding="utf-8"))
    (model_file,) = sorted((simulated / name / "live").glob("*/points/*/uploads.parquet"))[-1:]
    model = pd.read_parquet(model_file, columns=["upload", "latency_s"]).set_index("upload")["latency_s"]
    settled = log["speech_end_s"] >= WARMUP_S
    errors = _paired(model[settled].to_numpy(), log.loc[settled, "latency_s"].to_numpy())
    content = {
        "sets": manifest["sets"],
        "machine": [one for one in said["machine"] if not one.startswith("server.service=")],
        "observed": manifest["observed"],
        "errors": errors,
    }
    (to / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Keep the regimes named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("regimes", nargs="+")
    parser.add_argument("--simulated", type=Path)
    parser.add_argument("--to", type=Path, default=Path("tests/amser/live/observed"))
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    for name in options.regimes:
        keep(options.results, options.simulated or options.results / "simulated", name, options.to)


if __name__ == "__main__":
    main()
