"""Random scenarios out of everything that the compiled engine covers."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

HOURS = [1, 0, 0, 0, 2, 3, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 3, 2, 2, 1, 1, 1, 0, 1]


def _seconds(low: float, high: float) -> st.SearchStrategy[str]:
    return st.floats(low, high).map(lambda s: f"{s:.6f} s")


def _rate(low: float, high: float) -> st.SearchStrategy[str]:
    return st.floats(low, high).map(lambda mbps: f"{mbps:.5f} Mbit/s")


def _percent(low: float, high: float) -> st.SearchStrategy[str]:
    return st.floats(low, high).map(lambda p: f"{p:.4f} %")


_capacity = st.one_of(
    _rate(0.3, 20.0),
    st.builds(
        lambda a, b, c, d: {"kind": "markov", "states": [{"rate": a, "dwell": c}, {"rate": b, "dwell": d}]},
        _rate(1.0, 10.0), st.one_of(st.just("0 bit/s"), _rate(0.1, 2.0)), _seconds(1.0, 20.0), _seconds(0.5, 5.0),
    ),
    st.builds(
        lambda rate, hour: {"kind": "diurnal", "rate": rate, "hours": ["50 %", "100 %"] * 12, "start": f"{hour:.3f} h"},
        _rate(1.0, 10.0), st.floats(0.0, 23.9),
    ),
    st.just({"kind": "csv", "file": "synthetic-lte-driving.csv", "start": "random"}),
)  # fmt: skip
_outages = st.one_of(
    st.none(), st.builds(lambda up, down: {"mean_up": up, "mean_down": down}, _seconds(5.0, 50.0), _seconds(0.1, 5.0))
)
_connection = st.fixed_dictionaries(
    {},
    optional={
        "connection": st.sampled_from(["persistent", "new"]),
        "keep_alive": _seconds(1.0, 100.0),
        "initial_window": st.integers(1, 40),
        "idle_restart": st.booleans(),
    },
)
_transport = st.one_of(
    st.just({"kind": "udp"}),
    st.builds(lambda c, tls: {"kind": "tcp", "tls": tls, **c}, _connection, st.sampled_from(["none", "1.2", "1.3"])),
    st.builds(lambda c, zero: {"kind": "quic", "zero_rtt": zero, **c}, _connection, st.booleans()),
)
_access = st.one_of(
    st.just({"kind": "none"}),
    st.builds(lambda s: {"kind": "fixed", "delay": s}, _seconds(0.0, 0.1)),
    st.builds(lambda p, e: {"kind": "lte", "sr_period": p, "block_error": e}, _seconds(0.001, 0.08), _percent(0, 60)),
    st.builds(lambda g, p: {"kind": "nr", "grant": g, "period": p}, st.sampled_from(["dynamic", "configured"]),
              _seconds(0.001, 0.01)),
)  # fmt: skip
_retry = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"attempts": st.integers(1, 4), "backoff": _seconds(0.0, 2.0), "jitter": _percent(0, 100)},
        optional={"timeout": _seconds(0.05, 3.0), "deadline": _seconds(3.0, 8.0)},
    ),
)
_rates = st.one_of(
    st.builds(lambda a, b: {"kind": "given", "rates": [a, b]}, _rate(0.5, 5.0), _rate(2.0, 40.0)),
    st.just({"kind": "propagation", "radius": "300 m", "rate": "lte-cqi"}),
)
OWN_RATES = ("dedicated", "airtime", "wifi", "proportional-fair", "blocks", "round robin")
WEIGHTS = ("weighted", "airtime", "wifi")


@st.composite
def _cell(draw: st.DrawFn) -> dict[str, Any]:
    sharing = draw(st.sampled_from(["equal", "fifo", "weighted", *OWN_RATES]))
    transport = draw(_transport)
    losses: list[dict[str, Any]] = [{"kind": "none"}, {"kind": "payload", "probability": draw(_percent(0, 60))}]
    if transport["kind"] == "udp":
        losses.append({"kind": "packet", "probability": draw(_percent(0, 5)), "mean_burst": draw(st.floats(1.0, 4.0))})
    how = {"kind": "blocks", "scheduler": "round-robin"} if sharing == "round robin" else sharing
    cell = {
        "capacity": draw(_capacity), "sharing": how, "transport": transport, "access": draw(_access),
        "rtt": draw(_seconds(0.0, 0.3)), "backhaul": draw(st.one_of(st.just("0 s"), _seconds(0.0, 0.4))),
        "loss": draw(st.sampled_from(losses)), "retry": draw(_retry), "outages": draw(_outages),
        "packet": {"mtu": f"{draw(st.integers(600, 9000))} B", "ip": draw(st.sampled_from(["v4", "v6"])),
                   "request": f"{draw(st.integers(0, 3000))} B"},
    }  # fmt: skip
    if sharing in OWN_RATES and draw(st.booleans()):
        cell["device_rates"] = draw(_rates)
    return cell


_traffic = st.one_of(
    st.builds(lambda r: {"kind": "poisson", "rate": f"{r:.4f} /min"}, st.floats(1.0, 20.0)),
    st.builds(lambda s, p: {"kind": "periodic", "period": s, "phase": p}, _seconds(2.0, 30.0),
              st.sampled_from(["random", "aligned"])),
    st.builds(lambda r, h: {"kind": "diurnal", "rate": f"{r:.4f} /min", "hours": HOURS, "start": f"{h:.3f} h"},
              st.floats(1.0, 20.0), st.floats(0.0, 30.0)),
    st.builds(lambda r: {"kind": "heavy-tailed", "mean": f"{2 * r:.4f} /min", "median": f"{r:.4f} /min"},
              st.floats(0.5, 8.0)),
    st.builds(lambda n, s: {"kind": "talk-spurts", "spurts": n, "rest": s}, st.floats(1.0, 9.0), _seconds(1.0, 60.0)),
    st.builds(lambda s, d: {"kind": "closed-loop", "think": s, "distribution": d}, _seconds(1.0, 20.0),
              st.sampled_from(["exponential", "constant"])),
)  # fmt: skip
_radio = st.one_of(
    st.sampled_from(["lte", "wifi", "sa", "nr-fr1", "nb-iot", "3g-2012", "ble-watch"]),
    st.builds(lambda s: {"kind": "nr-fr1", "inactive": s}, _seconds(0.5, 20.0)),
)
CODECS = ["one", "two", "three"]


@st.composite
def _policy(draw: st.DrawFn, battery: bool) -> Any:
    kinds = ["fixed", "link", "deadline", "load", "hold", "stream", "local", *(["battery"] if battery else [])]
    kind = draw(st.sampled_from(kinds))
    if kind == "link":
        return {"kind": kind, "codecs": CODECS, "transfer": draw(_seconds(0.05, 2.0))}
    if kind == "deadline":
        return {"kind": kind, "codecs": CODECS, "deadline": draw(_seconds(0.3, 3.0)), "server_time": "0.1 s"}
    if kind == "load":
        watch = draw(st.sampled_from(["uploads", "replies", "queue"]))
        return {"kind": kind, "codecs": CODECS, "watch": watch, "above": [1, draw(st.integers(2, 5))]}
    if kind == "battery":
        return {"kind": kind, "codecs": CODECS, "below": ["70 %", "30 %"]}
    if kind == "hold":
        return {"kind": kind, "longest": draw(_seconds(0.5, 40.0)), "largest": draw(st.integers(1, 5))}
    return {"kind": "stream", "block": draw(_seconds(0.2, 3.0))} if kind == "stream" else kind


@st.composite
def _group(draw: st.DrawFn, cell: str, sharing: str) -> dict[str, Any]:
    group: dict[str, Any] = {
        "count": draw(st.integers(1, 12)), "profile": draw(st.sampled_from(["pixel-8", "raspberry-pi-4", "esp32"])),
        "radio": draw(_radio), "traffic": draw(_traffic),
        "codec": "one", "cell": cell,
    }  # fmt: skip
    others = [None, "screen-off", "screen-on", {"kind": "poisson", "rate": f"{draw(st.floats(0.5, 40.0)):.4f} /min"}]
    group["background"] = draw(st.sampled_from(others))
    battery = draw(st.booleans())
    if battery:
        energy = draw(st.floats(1.0, 2000.0))
        group["battery"] = {"capacity": f"{energy:.3f} J", "level_lowest": draw(_percent(1, 99))}
    group["policy"] = draw(_policy(battery))
    if sharing in WEIGHTS:
        group["weight"] = draw(st.floats(0.2, 5.0))
    return group


_service = st.one_of(
    st.builds(lambda s: {"kind": "constant", "time": s}, _seconds(0.01, 0.5)),
    st.builds(lambda s: {"kind": "exponential", "mean": s}, _seconds(0.01, 0.5)),
    st.builds(lambda a, b, c: {"kind": "affine", "per_batch": a, "per_utterance": b, "per_audio_second": c},
              _seconds(0.001, 0.1), _seconds(0.0, 0.05), _seconds(0.0, 0.05)),
    st.just({"kind": "table", "times": {1: "80 ms", 4: "150 ms", 9: "400 ms"}}),
)  # fmt: skip


@st.composite
def scenario_texts(draw: st.DrawFn) -> str:
    """A scenario file of one or two cells, one to three groups, and a server."""
    cells = {f"cell{i}": draw(_cell()) for i in range(draw(st.integers(1, 2)))}
    groups = {}
    for i in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(cells)))
        groups[f"group{i}"] = draw(_group(name, cells[name]["sharing"]))
    server: dict[str, Any] = {
        "accelerators": draw(st.integers(1, 3)), "service": draw(_service),
        "batching": {"largest": draw(st.integers(1, 9)), "longest_wait": draw(_seconds(0.0, 0.3))},
        "reply": draw(st.sampled_from([None, "at-once", "20 kB"])),
        "handling": {"request": draw(_seconds(0.0, 0.2)), "reply": draw(_seconds(0.0, 0.2))},
        "queue_limit": draw(st.one_of(st.none(), st.integers(0, 4))),
        "power": {"idle": "10 W", "active": "60 W", "source": "made up"},
    }  # fmt: skip
    return json.dumps({
        "amser": 1, "seed": draw(st.integers(0, 2**40)), "duration": draw(_seconds(20.0, 90.0)),
        "drain": draw(_seconds(0.0, 60.0)), "corpus": {"kind": "synthetic", "utterances": 40},
        "recognizer": {"kind": "none"}, "emotion": {"kind": "none"},
        "codecs": {name: {"kind": "fixed", "size": "1 kB"} for name in CODECS}, "cells": cells, "devices": groups,
        "server": server,
    })  # fmt: skip
