"""A results folder: what a run leaves behind, and how it is read again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sim.recorder import Columns
from sim.upload import OUTCOMES

FINISHED = "finished"


class ResultsError(Exception):
    """A results folder that is missing, incomplete or not one of ours."""


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file or nothing: a reader never sees half of it, a kill never leaves half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


class UploadLog:
    """Writes the upload log of one replication to Parquet in chunks as the run goes."""

    def __init__(self, path: Path, names: Mapping[str, list[str]]) -> None:
        self.path = path
        self.names = names
        self._writer: pq.ParquetWriter | None = None

    def write(self, columns: Columns) -> None:
        """Append one chunk; numbered columns become dictionaries of their names."""
        table = pa.table({name: self._array(name, values) for name, values in columns.items()})
        if self._writer is None:
            # A dictionary of measured numbers never pays; trying one costs 40 % of the time and a fifth of the size.
            named = [name for name in columns if name in self.names]
            self._writer = pq.ParquetWriter(self.path, table.schema, compression="zstd", use_dictionary=named)
        self._writer.write_table(table)

    def _array(self, name: str, values: Any) -> pa.Array:
        if name in self.names:
            return pa.DictionaryArray.from_arrays(pa.array(values, pa.int32()), pa.array(self.names[name]))
        return pa.array(values)

    def close(self) -> None:
        """Finish the file; a log without rows leaves none."""
        if self._writer is not None:
            self._writer.close()


@dataclass(frozen=True)
class Results:
    """An opened results folder."""

    folder: Path

    @classmethod
    def open(cls, folder: str | Path) -> Results:
        """The results in ``folder``; a folder that holds several runs gives the newest.

        Raises ``ResultsError`` when there is none.
        """
        path = Path(folder)
        if not (path / "manifest.json").is_file():
            runs = sorted(p.parent for p in path.glob("*/manifest.json")) if path.is_dir() else []
            if not runs:
                raise ResultsError(
                    f"{path}: no results here (a results folder holds manifest.json); `amser run` makes one"
                )
            path = runs[-1]
        return cls(path)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Versions, seeds, hashes of the inputs, points and warnings."""
        path = self.folder / "manifest.json"
        loaded = read_json(path)
        if not {"parameters", "points", "complete"} <= loaded.keys():
            raise ResultsError(f"{path}: not a manifest; run the scenario again")
        return loaded

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """The whole scenario as it was run, in plain data; empty where the folder lost it."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        path = self.folder / "resolved.yaml"
        try:
            loaded = YAML(typ="safe", pure=True).load(path) if path.is_file() else {}
        except (OSError, ValueError, YAMLError) as error:
            raise ResultsError(f"{path}: damaged ({str(error).splitlines()[0]}); run the scenario again") from None
        return loaded if isinstance(loaded, dict) else {}

    @property
    def parameters(self) -> list[str]:
        """The swept keys: columns of the summary that say which point a row belongs to."""
        return list(self.manifest["parameters"])

    @property
    def complete(self) -> bool:
        """Whether every replication of every point is there."""
        return bool(self.manifest["complete"])

    @property
    def partial(self) -> str:
        """What is missing of a study that was interrupted, failed in parts or still runs; empty for a whole one."""
        text = "partial results: the study was interrupted; run the scenario again to add what is missing"
        return "" if self.complete else str(self.manifest.get("partial") or text)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The tidy summary: the point's parameters, metric, unit, mean, low, high, n of the replications planned."""
        path = self.folder / "summary.csv"
        if not path.is_file():
            raise ResultsError(
                f"{path}: missing, the run was interrupted before a point was finished; run the scenario again"
            )
        return read_table(path, [*self.parameters, "metric", "unit", "mean", "low", "high", "n"])

    @cached_property
    def differences(self) -> pd.DataFrame:
        """Each point minus its baseline, paired by replication: parameters, metric, difference, low, high, n.

        The baseline is the first point with the same values of all keys but codecs; without swept codecs the first.
        ``variance_reduction`` says what the common random numbers earned.  Empty for one point or one replication.
        """
        path = self.folder / "differences.csv"
        needed = [*self.parameters, "metric", "difference", "low", "high", "n"]
        return read_table(path, needed) if path.is_file() else pd.DataFrame()

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """One row for each (utterance, codec): sizes, words, emotions."""
        return read_table(self.folder / "measurements.parquet", ["utterance", "codec"])

    def replications(self) -> pd.DataFrame:
        """One row for each replication: the point's parameters, its key, the replication and every metric."""
        rows = []
        for point in self.manifest["points"]:
            for folder in sorted((self.folder / "points").glob(f"{point['key']}-s*")):
                if _finished(folder):
                    metrics = read_json(folder / "metrics.json")
                    number = int(folder.name.rpartition("-s")[2])
                    rows.append({**point["parameters"], "point": point["key"], "replication": number, **metrics})
        return pd.DataFrame(rows)

    def uploads(self, point: str | None = None, replication: int | None = None) -> pd.DataFrame:
        """The upload log with the parameters of its point as columns; all points, or the one with this key."""
        frames = []
        for entry in self.manifest["points"]:
            if point is not None and entry["key"] != point:
                continue
            pattern = f"{entry['key']}-s{'*' if replication is None else replication}"
            for path in sorted((self.folder / "points").glob(f"{pattern}/uploads.parquet")):
                frame = read_table(path, ["outcome"])
                for name, value in entry["parameters"].items():
                    frame[name] = value
                frame["replication"] = int(path.parent.name.rpartition("-s")[2])
                frames.append(frame)
        if not frames:
            raise ResultsError(f"{self.folder}: no upload log is kept here; set `log: {{keep: all}}` in the scenario")
        return pd.concat(frames, ignore_index=True)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a results folder.  Raises ``ResultsError``."""
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(loaded, dict):
            raise ValueError("not an object")
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path}: damaged or missing ({error}); run the scenario again") from None
    return loaded


def read_table(path: Path, needed: Sequence[str], *, only: bool = False) -> pd.DataFrame:
    """A table of a results folder, with the ``needed`` columns (and no others, if asked).  Raises ``ResultsError``."""
    try:
        if path.suffix == ".csv":
            frame = pd.read_csv(path)
        else:
            frame = pd.read_parquet(path, columns=list(needed) if only else None)
        missing = [name for name in needed if name not in frame.columns]
        if missing:
            raise ValueError(f"no column {missing[0]}")
        if "metric" in needed and frame.isna()[["metric", "n"]].any(axis=None):
            raise ValueError("it ends in the middle of a row")
    except (OSError, ValueError, pa.ArrowException) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ResultsError(f"{path}: damaged or missing ({why}); run the scenario again") from None
    return frame


def _finished(folder: Path) -> bool:
    try:
        status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(status, dict) and status.get("state") == FINISHED


def finished_replication(root: Path, name: str, key: str) -> Path | None:
    """The folder of a replication that an earlier run of the scenario ``name`` has finished, if any."""
    found = [p for p in sorted((root / name).glob(f"*/points/{key}")) if _finished(p) and _readable(p)]
    return found[-1] if found else None


def _readable(folder: Path) -> bool:
    """Whether a finished replication is still whole; one that was damaged since is run again."""
    log = folder / "uploads.parquet"
    try:
        json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        if log.exists():
            pq.read_metadata(log)
    except (OSError, ValueError, pa.ArrowException):
        return False
    return True


LOG_NAMES: dict[str, list[str]] = {"outcome": list(OUTCOMES)}
