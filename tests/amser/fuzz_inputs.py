"""Inputs of every kind, made up by hypothesis: scenarios, overrides, corpora, recordings, traces, results, caches.

No input ends in exit code 70, the code of a defect.  ``test_fuzz_inputs.py`` tries some of them; many more by

    python -m tests.amser.fuzz_inputs --cases 50000
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from amser.cli.main import run
from tests.amser.conftest import CODECS, write_results

BASE: dict[str, Any] = {
    "amser": 1,
    "title": "t",
    "seed": 3,
    "duration": "5 s",
    "warmup": "1 s",
    "corpus": {"kind": "synthetic", "utterances": 4},
    "recognizer": {"kind": "none"},
    "emotion": {"kind": "none"},
    "codecs": {"big": {"kind": "fixed", "size": "60 kB"}, "small": {"kind": "fixed", "rate": "8 kbit/s"}},
    "cells": {
        "a": {
            "capacity": "5 Mbit/s",
            "rtt": "20 ms",
            "sharing": "weighted",
            "loss": {"kind": "payload", "probability": "2 %"},
        },
        "b": {
            "capacity": {"kind": "gilbert-elliott", "good_rate": "2 Mbit/s", "good": "4 s", "bad": "1 s"},
            "device_rates": {"kind": "given", "rates": ["1 Mbit/s", "2 Mbit/s"], "shares": ["50 %", "50 %"]},
            "sharing": "max-min",
            "transport": {"kind": "tcp"},
            "retry": {"timeout": "5 s", "attempts": 2},
        },
    },
    "devices": {
        "phones": {
            "count": 3,
            "profile": "pixel-8",
            "radio": "wifi",
            "traffic": {"kind": "poisson", "rate": "10 /min"},
            "codec": "big",
            "policy": {"kind": "battery", "codecs": ["big", "small"], "below": ["50 %"]},
            "battery": {"capacity": "10 J", "level": "80 %"},
            "cell": "a",
            "weight": 2,
        },
        "watches": {
            "count": 2,
            "profile": {"kind": "custom", "cpu_power": "1 W", "idle_power": "20 mW", "encode_scale": 2.5},
            "radio": {"kind": "custom", "transmit_power": "1 W", "tail": [{"duration": "1 s", "power": "1 W"}]},
            "traffic": {"kind": "talk-spurts", "spurts": 3, "rest": "9 s"},
            "codec": "small",
            "policy": {"kind": "hold", "longest": "30 s"},
            "cell": "b",
        },
    },
    "server": {
        "service": {"kind": "table", "times": {1: "50 ms", 8: "200 ms"}},
        "queue_limit": 9,
        "power": {"idle": "1 W", "active": "2 W", "source": "s"},
    },
    "sites": 1,
    "log": {"keep": "sample", "share": "50 %"},
    "sweep": {"grid": {"devices.phones.codec": ["big", "small"]}, "replications": 1},
}
"""Many parts of the language in a study of a few uploads."""

WORDS = st.sampled_from(
    [
        "1 s",
        "1000 ms",
        "5 Mbit/s",
        "1e300 /s",
        "0 bit/s",
        "-1 s",
        "50 %",
        "1 J",
        "auto",
        "all",
        "none",
        "big",
        "small",
        "a",
        "b",
        "plugin",
        "custom",
        "fixed",
        "os:system",
        "mine:X",
        "wifi",
        "lte",
        "pixel-8",
        "nr-fr1",
        "profile",
        "=1+1",
        "\x1b[2J",
        "~",
        "../x",
        "/dev/null",
        "a.b",
        "é",
        "\u2028",
        "\x00",
        "1e-400 s",
        "1_0",
        "0x1",
        "2020-01-01",
        ".inf",
        "null",
        "csv",
        "mahimahi",
        "trace",
        "markov",
        "poisson",
        "periodic",
        "closed-loop",
        "talk-spurts",
        "diurnal",
        "heavy-tailed",
        "stream",
        "hold",
        "link",
        "load",
        "battery",
        "deadline",
        "calibration",
        "affine",
        "exponential",
        "host-cpu",
        "h100",
        "tcp",
        "quic",
        "udp",
        "fifo",
        "equal",
        "router",
        "airtime",
        "proportional-fair",
        "shipped",
        "manifest",
        "whisper",
        "nano",
        "sphinx",
        "amser",
        "pcm",
        "opus",
        "mp3",
        "mel-svd",
        "mel-klt",
        "constant",
        "propagation",
        "retry",
        "outages",
    ]
)
NUMBERS = st.one_of(
    st.integers(-3, 5000),
    st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 10**400]),
    st.floats(),
    st.sampled_from([1e308, 5e-324, -0.0]),
)
KEYS = st.one_of(
    WORDS,
    st.sampled_from(
        [
            "kind",
            "rate",
            "count",
            "capacity",
            "codec",
            "codecs",
            "options",
            "class",
            "file",
            "path",
            "extends",
            "name",
            "sweep",
            "grid",
            "zip",
            "lhs",
            "points",
            "ranges",
            "low",
            "high",
            "scale",
            "precision",
            "metric",
            "rtt",
            "period",
            "phase",
            "limit",
            "model",
            "weights",
            "hours",
            "states",
            "jumps",
            "windows",
            "times",
            "mean",
            "repeat",
            "devices.phones.count",
            "cells.a.capacity",
            "codecs.big.size",
            "server.service",
            "<<",
            "*a",
            "&a",
            "replications",
            "start",
            "mean_rate",
        ]
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=8,
)
SCRAPS = st.one_of(
    st.sampled_from(
        ["<<: *a", "&a ", "*a", "!!omap ", "!!int ", "!x ", "[", "]", "{", "}", "'", '"', "\n", "\t", ": "]
    ),
    st.sampled_from(["- ", "# ", "---\n", "...\n", "%YAML 1.1\n", "? ", "|\n", ">\n", "@", "`", "~", "=", "[" * 3000]),
    st.sampled_from(["\ufeff", "\u2028", "\x00", "\x85", "9" * 5000]),
    st.text(max_size=4),
)
EDITS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 30), SCRAPS), max_size=3)
CHANGES = st.lists(
    st.tuples(st.integers(0, 10**6), st.sampled_from(["set", "drop", "add", "swap"]), KEYS, VALUES), max_size=4
)


RATE = st.sampled_from(["1 bit/s", "1e-3 bit/s", "100 kbit/s", "3 Mbit/s", "1e15 bit/s"])
TIME = st.sampled_from(["0 s", "1e-12 s", "1 ms", "0.5 s", "7 s", "1 h", "100 d"])
POWER = st.sampled_from(["0 W", "1 uW", "2 W", "1e6 kW"])
SHARE = st.sampled_from(["0 %", "0.1 %", "50 %", "99.9 %", "100 %"])
SMALL = st.integers(0, 9)


def _mapping(kind: str, **keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"kind": st.just(kind)}, optional=keys)


PLAUSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "cells.a.capacity": st.one_of(
        RATE,
        _mapping("gilbert-elliott", good_rate=RATE, bad_rate=RATE, good=TIME, bad=TIME),
        _mapping("markov", states=st.lists(st.fixed_dictionaries({"rate": RATE, "dwell": TIME}), max_size=4)),
        _mapping("diurnal", rate=RATE, hours=st.lists(SHARE, min_size=24, max_size=24), start=TIME),
        _mapping("mahimahi", file=st.just("synthetic-lte-driving.up"), start=st.just("random")),
        _mapping("csv", file=st.just("synthetic-lte-driving.csv"), start=TIME, mean_rate=RATE),
    ),
    "cells.a.sharing": st.sampled_from(
        ["fifo", "equal", "dedicated", "weighted", "max-min", "airtime", "wifi", "proportional-fair", "router"]
    ),
    "cells.a.transport": st.one_of(
        st.sampled_from(["udp", "tcp", "quic"]),
        st.fixed_dictionaries(
            {"kind": st.sampled_from(["tcp", "quic"])},
            optional={"connection": st.sampled_from(["new", "kept"]), "tls": st.sampled_from(["none", "1.2", "1.3"])},
        ),
    ),
    "cells.a.rtt": TIME,
    "cells.a.loss": st.one_of(
        _mapping("payload", probability=SHARE), _mapping("packet", probability=SHARE), _mapping("none")
    ),
    "cells.a.outages": st.one_of(
        st.fixed_dictionaries({}, optional={"mean_up": TIME, "mean_down": TIME}),
        st.fixed_dictionaries({"windows": st.lists(st.tuples(TIME, TIME), max_size=3)}),
    ),
    "cells.a.retry": st.fixed_dictionaries(
        {}, optional={"timeout": TIME, "attempts": SMALL, "backoff": TIME, "deadline": TIME, "jitter": SHARE}
    ),
    "cells.a.device_rates": st.one_of(
        _mapping("given", rates=st.lists(RATE, max_size=3)), _mapping("propagation", radius=st.just("300 m"))
    ),
    "cells.a.backhaul": TIME,
    "devices.phones.count": st.integers(0, 300),
    "devices.phones.radio": st.one_of(
        st.sampled_from(["3g", "lte", "lte-drx", "sa", "nb-iot", "lte-m", "esp32-wifi", "nr-fr1", "nr-fr2"]),
        _mapping("nr-fr1", cycle=TIME, on_duration=TIME, inactivity=TIME, release=TIME),
        _mapping("custom", transmit_power=POWER, wake_delay=TIME, wake_power=POWER, idle_power=POWER),
    ),
    "devices.phones.traffic": st.one_of(
        _mapping("poisson", rate=st.sampled_from(["1e-15 /s", "1 /min", "20 /s", "1e6 /s"])),
        _mapping("periodic", period=TIME, phase=st.sampled_from(["random", "aligned"])),
        _mapping("talk-spurts", speech=TIME, pause=TIME, spurts=st.integers(1, 5), rest=TIME),
        _mapping("closed-loop", think=TIME, distribution=st.sampled_from(["constant", "exponential"])),
        _mapping("heavy-tailed", mean=st.just("9 /min"), median=st.sampled_from(["1e-15 /s", "8 /min"])),
    ),
    "devices.phones.policy": st.one_of(
        _mapping("fixed"),
        _mapping("hold", longest=TIME, count=SMALL),
        _mapping("stream", block=TIME),
        _mapping("link", codecs=st.just(["big", "small"]), transfer=TIME),
        _mapping("deadline", codecs=st.just(["big", "small"]), deadline=TIME),
        _mapping("load", codecs=st.just(["big", "small"]), above=st.lists(SMALL, max_size=2)),
        _mapping("battery", codecs=st.just(["big", "small"]), below=st.lists(SHARE, max_size=2)),
    ),
    "devices.phones.battery": st.one_of(
        st.sampled_from(["profile", "1e-12 J", "1 mJ", "1e15 J"]),
        st.fixed_dictionaries({"capacity": st.just("5 J")}, optional={"level": SHARE, "level_lowest": SHARE}),
    ),
    "codecs.big": st.one_of(
        _mapping("fixed", size=st.sampled_from(["0 B", "1 bit", "1 kB", "1e12 B"]), rate=RATE),
        st.sampled_from([{"kind": "pcm"}, {"kind": "mel-svd", "compress": "12.5 %"}]),
    ),
    "server.service": st.one_of(
        st.sampled_from(["host-cpu", "h100", "h100/tiny", "none-such"]),
        _mapping("constant", time=TIME),
        _mapping("exponential", mean=TIME),
        _mapping("affine", per_batch=TIME, per_utterance=TIME, per_audio_second=TIME),
        _mapping("table", times=st.dictionaries(st.integers(0, 9), TIME, max_size=3)),
    ),
    "server.batching": st.fixed_dictionaries({}, optional={"largest": SMALL, "longest_wait": TIME}),
    "server.queue_limit": SMALL,
    "corpus": st.one_of(
        st.sampled_from([{"kind": "shipped", "limit": 2}, {"kind": "manifest", "path": "/nowhere"}]),
        _mapping("synthetic", utterances=st.integers(0, 50)),
    ),
    "duration": TIME,
    "warmup": st.one_of(TIME, st.just("auto")),
    "drain": TIME,
    "sites": st.integers(0, 4),
    "log": st.fixed_dictionaries({}, optional={"keep": st.sampled_from(["all", "sample", "none"]), "share": SHARE}),
    "sweep": st.fixed_dictionaries(
        {},
        optional={
            "replications": st.integers(0, 3),
            "zip": st.just({"devices.phones.count": [1, 2], "cells.a.rtt": ["1 s", "2 s"]}),
            "lhs": st.just({"points": 3, "ranges": {"cells.a.rtt": {"low": "1 ms", "high": "1 s", "scale": "log"}}}),
            "precision": st.fixed_dictionaries({}, optional={"relative": SHARE, "most": SMALL}),
        },
    ),
}
"""What might be meant, by its place: valid alone, and together now and then not."""


@st.composite
def studies(draw: st.DrawFn) -> dict[str, Any]:
    """The base with some of its parts made others."""
    data: dict[str, Any] = json.loads(json.dumps(BASE))
    for key in draw(st.lists(st.sampled_from(sorted(PLAUSIBLE)), max_size=5, unique=True)):
        *above, last = key.split(".")
        part = data
        for name in above:
            part = part[name]
        part[last] = json.loads(json.dumps(draw(PLAUSIBLE[key])))
    return data


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        found += _places(value, (*path, key))
    return found


def changed(base: Any, changes: list[tuple[int, str, Any, Any]]) -> Any:
    """``base`` with values set, dropped, added or swapped somewhere."""
    data = json.loads(json.dumps(base))
    for where, what, key, value in changes:
        places = _places(data)
        path = places[where % len(places)]
        if what == "swap":
            value = data
            for part in places[(where // 7) % len(places)]:
                value = value[part]
            value = json.loads(json.dumps(value))
        if not path:
            if isinstance(data, dict):
                data[key] = value
            continue
        parent = data
        for part in path[:-1]:
            parent = parent[part]
        here = parent[path[-1]]
        if what == "drop":
            del parent[path[-1]]
        elif what == "add" and isinstance(here, dict):
            here[key] = value
        elif what == "add" and isinstance(here, list):
            here.append(value)
        else:
            parent[path[-1]] = value
    return data


def edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    """``text`` with pieces replaced by scraps."""
    for where, length, scrap in edits:
        at = where % (len(text) + 1)
        text = text[:at] + scrap + text[at + length :]
    return text


def damaged(raw: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """``raw`` with pieces replaced by other bytes."""
    for where, length, piece in edits:
        at = where % (len(raw) + 1)
        raw = raw[:at] + piece + raw[at + length :]
    return raw


def yaml_of(data: Any) -> str:
    """JSON is YAML; not-a-number is written as YAML has it."""
    return json.dumps(data, ensure_ascii=False, indent=1).replace("NaN", ".nan").replace("Infinity", ".inf")


def outcome(*command: object) -> int:
    """The exit code of a command, whose output nobody reads; a traceback is shown with what led to it."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(part) for part in command])
    assert code != 70, err.getvalue()[-3000:]
    return code


BYTES = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 8), st.binary(max_size=6)), min_size=1, max_size=4)
RARE_RUNS = 200  # uploads that a valid scenario may take to be run, too


def scenarios(folder: Path, draw: Callable[[st.SearchStrategy[Any]], Any]) -> int:
    """A scenario whose data, and then whose text, were changed; where it is valid and small it is run."""
    path = folder / "s.yaml"
    how = draw(st.integers(0, 5))
    text = yaml_of(changed(draw(studies()), draw(CHANGES) if how in (0, 1) else []))
    path.write_bytes((edited(text, draw(EDITS)) if how == 0 else text).encode("utf-8", "surrogatepass"))
    code = outcome("check", path)
    if code == 0 and draw(st.booleans()):
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


def overrides(folder: Path, draw: Callable[[st.SearchStrategy[Any]], Any]) -> int:
    """Keys and values of --set."""
    path = folder / "s.yaml"
    path.write_text(yaml_of(BASE))
    places = [".".join(map(str, p)) for p in _places(BASE) if p]
    sets: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        key = draw(st.one_of(st.sampled_from(sorted(PLAUSIBLE)), st.sampled_from(places), KEYS, st.text(max_size=6)))
        made = PLAUSIBLE[key] if (key in PLAUSIBLE and draw(st.booleans())) else VALUES
        value = edited(yaml_of(draw(made)).replace("\n", " "), draw(EDITS) if draw(st.booleans()) else [])
        sets += ["--set", draw(st.sampled_from([f"{key}={value}"] * 9 + [f"{key}{value}"]))]
    return outcome("show", path, *sets) or outcome("check", path, *sets)


TRACES = {
    "mahimahi": "1\n2\n2\n5\n",
    "csv": "time_s,rate_mbps,note\n0,1,a\n1,2.5,b\n2,0,c\n",
    "trace": "time_s,device\n0.5,0\n1,2\n3,1\n",
}


def traces(folder: Path, draw: Callable[[st.SearchStrategy[Any]], Any]) -> int:
    """Files of capacities and of recorded traffic."""
    kind = draw(st.sampled_from(sorted(TRACES)))
    text = edited(TRACES[kind], draw(EDITS))
    (folder / "t").write_bytes(
        damaged(text.encode("utf-8", "surrogatepass"), draw(BYTES) if draw(st.booleans()) else [])
    )
    data = json.loads(json.dumps(BASE))
    part = data["devices"]["phones"] if kind == "trace" else data["cells"]["a"]
    part["traffic" if kind == "trace" else "capacity"] = {"kind": kind, "file": "t"}
    path = folder / "s.yaml"
    path.write_text(yaml_of(data))
    return outcome("check", path)


def calibrations(folder: Path, draw: Callable[[st.SearchStrategy[Any]], Any]) -> int:
    """Service times of one's own."""
    from recognizers.service import calibrations as shipped

    loaded = json.loads(shipped()["host-cpu"].read_text(encoding="utf-8"))
    (folder / "mine.json").write_text(
        edited(json.dumps(changed(loaded, draw(CHANGES))), draw(EDITS)), "utf-8", "replace"
    )
    data = json.loads(json.dumps(BASE)) | {
        "server": {"service": "mine.json"},
        "recognizer": {"kind": "whisper", "model": "nano"},
    }
    (folder / "s.yaml").write_text(yaml_of(data))
    return outcome("check", folder / "s.yaml")


def _recording(folder: Path, suffix: str) -> bytes:
    import soundfile

    path = folder / f"original{suffix}"
    if not path.exists():
        soundfile.write(path, 0.2 * np.sin(np.arange(3200) / 9.0), 16_000)
    return path.read_bytes()


def corpora(folder: Path, draw: Callable[[st.SearchStrategy[Any]], Any]) -> int:
    """Manifests, and the recordings that they name."""
    suffix = draw(st.sampled_from([".wav", ".flac", ".mp3", ".ogg"]))
    raw = _recording(folder, suffix)
    (folder / f"a{suffix}").write_bytes(damaged(raw, draw(BYTES)))
    text = f"path\ttext\temotion\tspeaker\na{suffix}\thello\thappy\tx\noriginal{suffix}\tyou\tsad\ty\n"
    text = edited(text, draw(EDITS))
    (folder / "manifest.tsv").write_bytes(
        damaged(text.encode("utf-8", "surrogatepass"), draw(BYTES) if draw(st.booleans()) else [])
    )
    return outcome("corpus", "check", folder, "--decode")


def recordings(folder: Path, draw: Callable[[st.SearchStrategy[Any]], Any]) -> int:
    """Recordings to be coded, and payloads to be decoded."""
    suffix = draw(st.sampled_from([".wav", ".flac", ".mp3", ".ogg"]))
    raw = _recording(folder, suffix)
    head = draw(
        st.lists(st.tuples(st.integers(0, 60), st.integers(1, 4), st.binary(min_size=1, max_size=4)), max_size=3)
    )
    (folder / f"a{suffix}").write_bytes(damaged(damaged(raw, head), draw(BYTES)))
    codec = draw(st.sampled_from(["raw", "flac", "opus-16", "mp3-16", "g722", "amser-25-int8", "klt-4"]))
    code = outcome("encode", folder / f"a{suffix}", "--codec", codec, "--output", folder / f"p.{codec}")
    if code:
        outcome("encode", folder / f"original{suffix}", "--codec", codec, "--output", folder / f"p.{codec}")
    payload = folder / f"p.{codec}"
    payload.write_bytes(damaged(payload.read_bytes(), draw(BYTES)))
    return outcome("decode", payload, "--codec", codec, "--output", folder / "mel.npy")


def results(folder: Path, draw: Callable[[st.SearchStrategy[Any]], Any]) -> int:
    """Results folders: manifest, summary, scenario, logs and metrics."""
    kept = folder.parent / "kept-results"
    if not kept.exists():
        write_results(kept, [{"devices.phones.codec": codec} for codec in list(CODECS)[:3]], replications=2)
    (source,) = kept.glob("*/*")
    here = folder / "r"
    shutil.copytree(source, here)
    files = sorted(p.relative_to(here) for p in here.rglob("*") if p.is_file())
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(files))
        path = here / name
        how = draw(st.sampled_from(["data", "text", "bytes", "gone", "folder", "empty"]))
        if not path.is_file():
            continue
        if how == "gone":
            path.unlink()
        elif how == "folder":
            path.unlink()
            path.mkdir()
        elif how == "empty":
            path.write_bytes(b"")
        elif how == "data" and path.suffix == ".json":
            path.write_text(json.dumps(changed(json.loads(path.read_text()), draw(CHANGES))), "utf-8", "replace")
        elif how == "text" and path.suffix != ".parquet":
            path.write_text(edited(path.read_text(), draw(EDITS)), "utf-8", "replace")
        else:
            path.write_bytes(damaged(path.read_bytes(), draw(BYTES)))
    if draw(st.integers(0, 3)) == 0:
        return outcome("report", here, "--output", folder / "report.html")
    return outcome("compare", here, source)


def finished(folder: Path, draw: Callable[[st.SearchStrategy[Any]], Any]) -> int:
    """Earlier runs that a run may take replications from."""
    kept = folder.parent / "kept-runs"
    data = json.loads(json.dumps(BASE)) | {
        "sweep": {"grid": {"devices.phones.codec": ["big", "small"]}, "replications": 2}
    }
    path = folder.parent / "finished.yaml"
    path.write_text(yaml_of(data))
    if not kept.exists():
        outcome("run", path, "-j1", "-q", "--no-report", "--results", kept)
    shutil.copytree(kept, folder / "results")
    files = sorted(p for p in (folder / "results").glob("*/*/points/*/*") if p.is_file())
    for _ in range(draw(st.integers(1, 3))):
        file = draw(st.sampled_from(files))
        if file.is_file():
            file.write_bytes(damaged(file.read_bytes(), draw(BYTES)))
    code = outcome("run", path, "-j1", "-q", "--no-report", "--results", folder / "results")
    (old,) = kept.glob("*/*")
    new = max((folder / "results").glob("*/*"))
    assert (new / "summary.csv").read_bytes() == (old / "summary.csv").read_bytes(), "other figures than undisturbed"
    return code


def caches(folder: Path, draw: Callable[[st.SearchStrategy[Any]], Any]) -> int:
    """The measurement cache: its values, or the bytes of its file."""
    from channel.codecs import build_codec
    from recognizers.measure import measure
    from recognizers.measurement.store import CacheError
    from recognizers.measurement.synthetic import synthetic_corpus
    from scenarios.quantities import SI
    from scenarios.schema.codec import FixedSpec
    from scenarios.schema.corpus import SyntheticCorpusSpec

    def table() -> Any:
        codec = build_codec(FixedSpec(kind="fixed", size=SI(5000.0)), name="big")
        return measure(
            synthetic_corpus(SyntheticCorpusSpec(kind="synthetic", utterances=4)),
            {"big": codec},
            None,
            None,
            cache_dir=folder,
        )

    first = table()
    file = folder / "measurements.sqlite"
    if draw(st.booleans()):
        with contextlib.closing(sqlite3.connect(file)) as database, database:
            value = draw(st.one_of(VALUES.map(json.dumps), st.text(max_size=9), st.binary(max_size=9)))
            if isinstance(value, str):
                value = value.encode("utf-8", "replace").decode()
            database.execute("UPDATE entries SET value = ?", (value,))
    else:
        with contextlib.closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.write_bytes(damaged(file.read_bytes(), draw(BYTES)))
    try:
        again = table()
    except CacheError:
        return 3
    assert again.equals(first), "other measurements than undisturbed"
    return 0


KINDS: dict[str, Callable[[Path, Callable[[st.SearchStrategy[Any]], Any]], int]] = {
    f.__name__: f for f in (scenarios, overrides, traces, calibrations, corpora, recordings, results, finished, caches)
}
WEIGHTS = {"scenarios": 6, "overrides": 4, "traces": 4, "calibrations": 1, "corpora": 2, "recordings": 2, "results": 2}


def tried(kind: str, cases: int, place: Path) -> Counter[int]:
    """Try ``cases`` inputs of a kind; the exit codes that came, counted."""
    codes: Counter[int] = Counter()

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.data())
    def one(data: st.DataObject) -> None:
        folder = Path(tempfile.mkdtemp(dir=place))
        try:
            codes[KINDS[kind](folder, data.draw)] += 1
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    one()
    return codes


BATCH = 100  # cases of one run of hypothesis, so that an end by time is no end in its midst


def main() -> None:
    """Try many, and say what came of them by kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=50_000, help="in all")
    parser.add_argument("--kind", choices=sorted(KINDS), help="of one kind only")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="at most, for each kind")
    asked = parser.parse_args()
    kinds = [asked.kind] if asked.kind else list(KINDS)
    total = sum(WEIGHTS.get(kind, 1) for kind in kinds)
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="amser-fuzz-") as place:
            left, until = asked.cases * WEIGHTS.get(kind, 1) // total, time.monotonic() + 60.0 * asked.minutes
            codes: Counter[int] = Counter()
            while left > 0 and time.monotonic() < until:
                codes += tried(kind, min(left, BATCH), Path(place))
                left -= BATCH
        told = ", ".join(f"{count} with {code}" for code, count in sorted(codes.items()))
        sys.stdout.write(f"{kind:<13}{sum(codes.values()):>7} cases; exit codes: {told}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
