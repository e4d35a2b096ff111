"""A results folder: what a run leaves behind, and how it is read again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, Field, ValidationError

from scenarios import ScenarioError
from scenarios.document import read_document
from scenarios.errors import AmserError, Exit
from sim.outcomes import OUTCOMES
from sim.study.csv_cells import Scalar, swept_cell, unquoted
from sim.study.disk import is_whole, named
from sim.upload_log import Columns

POINT_FOLDER = re.compile(r"-s(\d+)$")


class ResultsError(AmserError):
    """A results folder that is missing, incomplete or not one of ours."""

    exit_code = Exit.MISSING


class PointEntry(BaseModel, strict=True):
    """A point in the manifest."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    parameters: dict[str, Scalar]
    seed: int = 0


class Manifest(BaseModel, strict=True):
    """What of a manifest is read again; the rest is shown as it stands."""

    parameters: list[str]
    points: list[PointEntry]
    complete: bool
    partial: str = ""
    failures: dict[str, str] | None = None
    warnings: list[str] | None = None
    started: str = ""
    scenario: str = ""
    inputs: dict[str, str] = {}


GROUP_ROWS = 65_536
"""Rows of a row group: groups of a few thousand cost a third more time."""


class UploadLog:
    """Writes the upload log of one replication to Parquet in chunks as the run goes."""

    def __init__(self, path: Path, names: Mapping[str, list[str]]) -> None:
        self.path = path
        self.names = {name: pa.array(values) for name, values in names.items()}
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0

    def write(self, columns: Columns) -> None:
        """Append one chunk; numbered columns become dictionaries of their names."""
        with named(self.path):
            self._append(columns)

    def _append(self, columns: Columns) -> None:
        table = pa.table({name: self._array(name, values) for name, values in columns.items()})
        if self._writer is None:
            # A dictionary of measured numbers never pays; trying one costs 40 % of the time and a fifth of the size.
            named = [name for name in columns if name in self.names]
            # Nobody asks for the least and greatest of a group.  Zstandard would take a fifth off the file (51 bytes an
            # upload for 66), and a whole run a fifth longer.
            self._writer = pq.ParquetWriter(
                self.path, table.schema, compression="lz4", use_dictionary=named, write_statistics=False
            )
        self._waiting.append(table)
        self._waiting_rows += len(table)
        if self._waiting_rows >= GROUP_ROWS:
            self._flush(self._writer)

    def _flush(self, writer: pq.ParquetWriter) -> None:
        if self._waiting:
            writer.write_table(pa.concat_tables(self._waiting))
            self._waiting.clear()
            self._waiting_rows = 0

    def _array(self, name: str, values: Any) -> pa.Array:
        if name in self.names:
            return pa.DictionaryArray.from_arrays(pa.array(values, pa.int32()), self.names[name])
        return pa.array(values)

    def close(self) -> None:
        """Finish the file; a log without rows leaves none."""
        if self._writer is not None:
            with named(self.path):
                self._flush(self._writer)
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
        try:
            checked = Manifest.model_validate(loaded)
            for point in checked.points:
                if lacking := set(checked.parameters) - point.parameters.keys():
                    raise ValueError(f"point {point.key} lacks {', '.join(sorted(lacking))}")
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ResultsError(f"{path}: not a manifest ({where}: {first['msg']}); run the scenario again") from None
        except ValueError as error:
            raise ResultsError(f"{path}: not a manifest ({error}); run the scenario again") from None
        return loaded

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """The whole scenario as it was run, in plain data; empty where the folder lost it."""
        path = self.folder / "resolved.yaml"
        if not path.is_file():
            return {}
        try:
            return read_document(path).data
        except ScenarioError as error:
            raise ResultsError(f"{path}: damaged ({error.faults[0].message}); run the scenario again") from None

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
        """The tidy summary: the point's parameters, metric, unit, mean, low, high, n, over, planned.

        ``over`` says what the interval is over: ``replications``, of which ``planned`` are wanted, ``batches`` of the
        only one, or for words and emotions ``utterances`` or ``speakers``; ``n`` counts the first two, else utterances.
        """
        path = self.folder / "summary.csv"
        if not path.is_file():
            failures = self.manifest.get("failures") or {}
            why = next(iter(failures.values()), "the run was interrupted before a point was finished")
            raise ResultsError(
                f"{path}: missing, {f'every run failed: {why}' if failures else why}; run the scenario again"
            )
        return self._swept(path, ["metric", "unit", "over"], ["mean", "low", "high", "n"])

    @cached_property
    def differences(self) -> pd.DataFrame:
        """Each point minus its baseline: parameters, metric, unit, difference, low, high, n, over.

        Words and emotions are paired by utterance, all else by replication (not where there is but one); ``over`` and
        ``n`` are as in ``summary``.  The baseline is the first point with the same values of all keys but codecs,
        without swept codecs the first.  ``variance_reduction`` says what the common random numbers earned.
        """
        path = self.folder / "differences.csv"
        if not path.is_file():
            return pd.DataFrame()
        return self._swept(path, ["metric", "over"], ["difference", "low", "high", "n"])

    def _swept(self, path: Path, texts: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
        """A table with the swept values as the scenario has them; a file that was edited keeps its own as text."""
        frame = read_table(path, [*self.parameters, *texts], numbers, as_text=self.parameters)
        for name in self.parameters:
            values = {str(swept_cell(p["parameters"][name])): p["parameters"][name] for p in self.manifest["points"]}
            cells = [values.get(str(cell), unquoted(cell)) for cell in frame[name]]
            column = pd.Series(cells, index=frame.index, dtype=object)
            # A 1 beside a 2.5 stays what it is: points are found again by their values as written.
            frame[name] = column.infer_objects() if len({type(cell) for cell in cells}) == 1 else column
        return frame

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """One row for each (utterance, codec): sizes, words, emotions."""
        return read_table(self.folder / "measurements.parquet", ["utterance", "codec"])

    def replications(self) -> pd.DataFrame:
        """One row for each replication: the point's parameters, its key, the replication and every metric."""
        rows = []
        for point in self.manifest["points"]:
            for number, folder in self.point_folders(point["key"]):
                if is_whole(folder):
                    metrics = read_metrics(folder)
                    rows.append({**point["parameters"], "point": point["key"], "replication": number, **metrics})
        return pd.DataFrame(rows)

    def uploads(self, point: str | None = None, replication: int | None = None) -> pd.DataFrame:
        """The upload log with the parameters of its point as columns; all points, or the one with this key."""
        frames = []
        for entry in self.manifest["points"]:
            if point is not None and entry["key"] != point:
                continue
            for number, folder in self.point_folders(entry["key"]):
                path = folder / "uploads.parquet"
                if (replication is None or number == replication) and path.is_file():
                    frames.append(read_table(path, ["outcome"]).assign(**entry["parameters"], replication=number))
        if not frames:
            raise ResultsError(f"{self.folder}: no upload log is kept here; set `log: {{keep: all}}` in the scenario")
        return pd.concat(frames, ignore_index=True)

    def groups(self) -> pd.DataFrame:
        """Uploads, energy and latency by device group and codec, of every replication, whether its log was kept or not.

        One row for each (point, replication, group, codec) that was used: the point's parameters, its key, the
        replication and the columns of ``sim.figures.parts``.  Raises ``ResultsError``.
        """
        frames = [
            read_table(folder / GROUPS, ["group", "codec"], ["uploads"]).assign(
                **entry["parameters"], point=entry["key"], replication=number
            )
            for entry in self.manifest["points"]
            for number, folder in self.point_folders(entry["key"])
            if is_whole(folder)
        ]
        if not frames:
            raise ResultsError(f"{self.folder}: no replication was finished; run the scenario again")
        return pd.concat(frames, ignore_index=True)

    def point_folders(self, key: str) -> list[tuple[int, Path]]:
        """Number and folder of each replication of a point, by number as text."""
        found = [(POINT_FOLDER.search(p.name), p) for p in sorted((self.folder / "points").glob(f"{key}-s*"))]
        return [(int(match[1]), path) for match, path in found if match and path.is_dir()]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a results folder.  Raises ``ResultsError``."""
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(loaded, dict):
            raise ValueError("not an object")
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsError(f"{path}: damaged or missing ({error}); run the scenario again") from None
    return loaded


def read_metrics(folder: Path) -> dict[str, float]:
    """The metrics of a replication; those without a value are NaN.  Raises ``ResultsError``."""
    path = folder / "metrics.json"
    found: dict[str, float] = {}
    for name, value in read_json(path).items():
        if isinstance(value, bool) or not isinstance(value, (int, float, NoneType)):
            raise ResultsError(f"{path}: damaged ({name} is no number); run the scenario again")
        found[name] = math.nan if value is None else float(value)
    return found


def read_table(
    path: Path,
    texts: Sequence[str],
    numbers: Sequence[str] = (),
    *,
    only: bool = False,
    as_text: Sequence[str] = (),
) -> pd.DataFrame:
    """A table of a results folder with columns of ``texts`` and ``numbers`` (and no others, if asked).

    The columns ``as_text`` of a CSV file come as they are written.

    Raises ``ResultsError``.
    """
    needed = [*texts, *numbers]
    try:
        columns = needed if only else None
        if path.suffix == ".csv":
            # A value that is called NA, or null, is a name; elsewhere an empty cell is nothing.
            empty = {name: ["", "nan", "NaN"] for name in pd.read_csv(path, nrows=0).columns if name not in as_text}
            frame = pd.read_csv(path, dtype=dict.fromkeys(as_text, str), keep_default_na=False, na_values=empty)
        else:
            frame = pd.read_parquet(path, columns=columns)
        missing = [name for name in needed if name not in frame.columns]
        if missing:
            raise ValueError(f"no column {missing[0]}")
        words = [name for name in numbers if frame[name].dtype.kind not in "iuf" and len(frame)]
        if words:
            raise ValueError(f"column {words[0]} holds other than numbers")
        if frame.isna()[[name for name in ("metric", "n", "over") if name in needed]].any(axis=None):
            raise ValueError("it ends in the middle of a row")
        if "metric" in needed and not np.isfinite(frame["n"]).all():
            raise ValueError("column n is not finite")
    except (OSError, ValueError, TypeError, LookupError, OverflowError, pa.ArrowException) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ResultsError(f"{path}: damaged or missing ({why}); run the scenario again") from None
    return frame


def finished_replication(root: Path, name: str, key: str) -> Path | None:
    """The folder of a replication that an earlier run of the scenario ``name`` has finished and that is still whole."""
    return next((p for p in sorted((root / name).glob(f"*/points/{key}"), reverse=True) if is_whole(p)), None)


GROUPS = "groups.parquet"
"""Of a replication: ``sim.figures.parts.COLUMNS``."""
LOG_NAMES: dict[str, list[str]] = {"outcome": list(OUTCOMES)}
