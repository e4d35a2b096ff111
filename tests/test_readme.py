"""The README's table: of the form that its script writes, with a row for each codec of the study it names."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

import scenarios
from sim.study.results import Results

ROOT = Path(__file__).parents[1]


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme_table", ROOT / "scripts" / "readme_table.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script()


def rows(text: str) -> list[list[str]]:
    return [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def made(folder: Path) -> Results:
    """Results of the quickstart's codecs with figures that are easy to read."""
    codecs = [p.parameters["devices.phones.codec"] for p in scenarios.load("quickstart").points]
    figures = {
        "payload_mean_bytes": (60_400.0, 60_200.0, 60_600.0, "byte"),
        "payload_bitrate_bps": (256_000.0, 255_900.0, 256_100.0, "bit/s"),
        "latency_mean_s": (0.4912, 0.482, 0.5004, "s"),
        "latency_p95_s": (0.744, 0.709, 0.779, "s"),
        "energy_per_upload_j": (0.228, 0.227, 0.229, "J"),
        "wer": (0.0437, 0.041, 0.047, "1"),
    }
    tidy = [
        {"devices.phones.codec": c, "metric": m, "unit": unit, "mean": mean, "low": low, "high": high}
        | ({"n": 90, "over": "utterances"} if m == "wer" else {"n": 5, "over": "replications"})
        for c in codecs
        for m, (mean, low, high, unit) in figures.items()
    ]
    pd.DataFrame(tidy).to_csv(folder / "summary.csv", index=False)
    (folder / "manifest.json").write_text('{"parameters": ["devices.phones.codec"], "points": [], "complete": true}')
    return Results.open(folder)


def test_the_script_writes_means_and_intervals_with_units(script: ModuleType, tmp_path: Path) -> None:
    first = rows(script.table(made(tmp_path)))[2]
    assert first[:6] == ["raw", "60.4 kB", "256 kbit/s", "491 ± 9 ms", "744 ± 35 ms", "228 ± 1 mJ"]
    assert first[6:] == ["4.37 (4.10 to 4.70) %", "90"]


def test_the_readme_has_the_scripts_table(script: ModuleType, tmp_path: Path) -> None:
    """Heads, rows and units are those of a run today; the figures change with the weights."""
    match = script.REGION.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert match is not None
    ours, fresh = rows(match[2]), rows(script.table(made(tmp_path)))
    assert ours[:2] == fresh[:2]
    assert [row[0] for row in ours] == [row[0] for row in fresh]
    cell = re.compile(r"[\d .]+(?: ± [\d .]+| \([\d .]+ to [\d .]+\))? (?:kB|byte|kbit/s|ms|s|mJ|J|%)|\d+")
    for row in ours[2:]:
        assert len(row) == len(ours[0]) and all(cell.fullmatch(c) for c in row[1:]), row


def test_only_the_table_changes(script: ModuleType) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    changed = script.with_table(readme, "| new |\n")
    assert changed.replace("| new |\n", "") == readme.replace(script.REGION.search(readme)[2], "")
    with pytest.raises(SystemExit, match="comments"):
        script.with_table("no table", "")
