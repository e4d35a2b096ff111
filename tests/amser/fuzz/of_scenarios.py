"""Scenarios, overrides, and the files that a scenario names: traces and calibrations."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

from hypothesis import strategies as st

from tests.amser.fuzz.damage import BYTES, CHANGES, EDITS, KEYS, VALUES, changed, damaged, edited, places, yaml_of
from tests.amser.fuzz.outcome import Draw, outcome
from tests.amser.fuzz.studies import BASE, MOVING, PLAUSIBLE, SMALL, studies

RARE_RUNS = 200  # uploads that a valid scenario may take to be run, too


def scenarios(folder: Path, draw: Draw) -> int:
    """A scenario whose data, and then whose text, were changed; where it is valid and small it is run."""
    path = folder / "s.yaml"
    how = draw(st.integers(0, 5))
    text = yaml_of(changed(draw(studies()), draw(CHANGES) if how in (0, 1) else []))
    path.write_bytes((edited(text, draw(EDITS)) if how == 0 else text).encode("utf-8", "surrogatepass"))
    code = outcome("check", path)
    if code == 0 and draw(st.integers(0, 3)) == 0:
        code = _run_if_small(folder, path)
    return code


def _run_if_small(folder: Path, path: Path) -> int:
    from amser.forecast import forecast
    from scenarios import load

    with contextlib.redirect_stderr(io.StringIO()):
        experiment = load(path)
        work = forecast(experiment)
    devices = max(sum(g.count for g in p.scenario.devices.values()) * p.scenario.sites for p in experiment.points)
    longest_s = max(p.scenario.duration + p.scenario.drain for p in experiment.points)
    if work.uploads > RARE_RUNS or work.runs > 4 or devices > 5000 or longest_s > 10_000 or work.at_least:
        return 0
    code = outcome("run", path, "-j1", "-q", "--no-report", "--results", folder / "results")
    for manifest in (folder / "results").glob("*/*/manifest.json"):
        failures = set(json.loads(manifest.read_text())["failures"].values())
        assert not failures, failures  # a study of simulated parts has no reason to fail
    return code


def overrides(folder: Path, draw: Draw) -> int:
    """Keys and values of --set: what might be meant, or anything at all."""
    path = folder / "s.yaml"
    path.write_text(yaml_of(BASE))
    sets: list[str] = []
    meant = draw(st.booleans())
    for _ in range(draw(st.integers(1, 3))):
        if meant:
            key = draw(st.sampled_from(sorted(PLAUSIBLE)))
            sets += ["--set", f"{key}={yaml_of(draw(PLAUSIBLE[key]))}".replace("\n", " ")]
        else:
            sets += ["--set", draw(_anything())]
    return outcome("show", path, *sets) or outcome("check", path, *sets)


@st.composite
def _anything(draw: st.DrawFn) -> str:
    paths = [".".join(map(str, p)) for p in places(BASE) if p]
    key = draw(st.one_of(st.sampled_from(sorted(PLAUSIBLE)), st.sampled_from(paths), KEYS, st.text(max_size=6)))
    made = PLAUSIBLE[key] if (key in PLAUSIBLE and draw(st.booleans())) else VALUES
    value = edited(yaml_of(draw(made)).replace("\n", " "), draw(EDITS) if draw(st.booleans()) else [])
    return draw(st.sampled_from([f"{key}={value}"] * 9 + [f"{key}{value}"]))


TRACES = {
    "mahimahi": "1\n2\n2\n5\n",
    "csv": "time_s,rate_mbps,note\n0,1,a\n1,2.5,b\n2,0,c\n",
    "trace": "time_s,device\n0.5,0\n1,2\n3,1\n",
}


def traces(folder: Path, draw: Draw) -> int:
    """Files of capacities and of recorded traffic."""
    kind = draw(st.sampled_from(sorted(TRACES)))
    text = edited(TRACES[kind], draw(EDITS))
    raw = text.encode("utf-8", "surrogatepass")
    (folder / "t").write_bytes(damaged(raw, draw(BYTES)) if draw(st.integers(0, 3)) == 0 else raw)
    data = json.loads(json.dumps(SMALL))
    part = data["devices"]["phones"] if kind == "trace" else data["cells"]["a"]
    part["traffic" if kind == "trace" else "capacity"] = {"kind": kind, "file": "t"}
    path = folder / "s.yaml"
    path.write_text(yaml_of(data))
    return outcome("check", path)


WAYS = "device,time_s,x_m,y_km,note\na,0,10,0.05,\na,9,200,0.05,x\nb,0,-30,0.05,\n"


def ways(folder: Path, draw: Draw) -> int:
    """Files of positions, folders of traces, and what a scenario says of them; where all is well it is run."""
    text = edited(WAYS, draw(EDITS) if draw(st.booleans()) else [])
    raw = text.encode("utf-8", "surrogatepass")
    (folder / "t").write_bytes(damaged(raw, draw(BYTES)) if draw(st.integers(0, 5)) == 0 else raw)
    (folder / "d").mkdir()
    for number in range(draw(st.integers(0, 2))):
        (folder / "d" / f"{number}.csv").write_text(TRACES["csv"])
    data = changed(MOVING, draw(CHANGES) if draw(st.integers(0, 2)) == 0 else [])
    path = folder / "s.yaml"
    path.write_text(yaml_of(data), "utf-8", "surrogatepass")
    return outcome("check", path) or _run_if_small(folder, path)


def calibrations(folder: Path, draw: Draw) -> int:
    """Service times of one's own."""
    from recognizers.service import calibrations as shipped

    loaded = json.loads(shipped()["host-cpu"].read_text(encoding="utf-8"))
    (folder / "mine.json").write_text(
        edited(json.dumps(changed(loaded, draw(CHANGES))), draw(EDITS)), "utf-8", "replace"
    )
    data = json.loads(json.dumps(SMALL)) | {
        "server": {"service": "mine.json"},
        "recognizer": {"kind": "whisper", "model": "nano"},
    }
    (folder / "s.yaml").write_text(yaml_of(data))
    return outcome("check", folder / "s.yaml")
