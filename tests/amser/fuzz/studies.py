"""A study with many parts of the language, and for each of its places what might be meant there."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

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
SMALL: dict[str, Any] = {
    key: BASE[key]
    for key in ("amser", "title", "duration", "warmup", "corpus", "recognizer", "emotion", "codecs", "sweep")
} | {
    "cells": {"a": {"capacity": "5 Mbit/s"}},
    "devices": {
        "phones": {k: v for k, v in BASE["devices"]["phones"].items() if k not in ("battery", "weight", "policy")}
    },
    "server": {"service": {"kind": "constant", "time": "50 ms"}},
}
"""A study of a few uploads for files that it names: most of a case is reading the scenario."""

_PHONES = SMALL["devices"]["phones"]
MOVING: dict[str, Any] = SMALL | {
    "sweep": {"grid": {"devices.cars.codec": ["big", "small"]}},
    "cells": {
        "a": {"preset": "lte-10mhz"},
        "b": {"preset": "lte-10mhz", "device_rates": {"position": ["400 m", "-1 km"]}},
        "c": {
            "capacity": "9 Mbit/s",
            "sharing": "max-min",
            "device_rates": {"kind": "traces", "folder": "d", "start": "random"},
        },
    },
    "devices": {
        "cars": _PHONES
        | {
            "count": 2,
            "movement": {"kind": "positions", "file": "t"},
            "handover": {"cells": ["b"], "hysteresis": "1 dB", "time_to_trigger": "0 s", "interruption": "20 ms"},
        },
        "walkers": _PHONES | {"movement": {"slowest": "1 m/s", "fastest": "9 km/h", "radius": "50 m"}},
        "recorded": _PHONES | {"cell": "c"},
    },
}
"""A study of phones that move, are handed over, or have capacities of their own."""

RATE = st.sampled_from(["1 bit/s", "1e-3 bit/s", "100 kbit/s", "3 Mbit/s", "1e15 bit/s"])
TIME = st.sampled_from(["0 s", "1e-12 s", "1 ms", "0.5 s", "7 s", "1 h", "100 d"])
POWER = st.sampled_from(["0 W", "1 uW", "2 W", "1e6 kW"])
SHARE = st.sampled_from(["0 %", "0.1 %", "50 %", "99.9 %", "100 %"])
FEW = st.integers(0, 9)


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
        {}, optional={"timeout": TIME, "attempts": FEW, "backoff": TIME, "deadline": TIME, "jitter": SHARE}
    ),
    "cells.a.device_rates": st.one_of(
        _mapping("given", rates=st.lists(RATE, max_size=3)), _mapping("propagation", radius=st.just("300 m"))
    ),
    "cells.a.backhaul": TIME,
    "devices.phones.count": st.integers(0, 300),
    "devices.phones.radio": st.one_of(
        st.sampled_from(["3g-2012", "lte", "lte-drx-2012", "ble-watch", "sa", "nb-iot", "lte-m", "nr-fr1", "nr-fr2"]),
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
        _mapping("hold", longest=TIME, count=FEW),
        _mapping("stream", block=TIME),
        _mapping("link", codecs=st.just(["big", "small"]), transfer=TIME),
        _mapping("deadline", codecs=st.just(["big", "small"]), deadline=TIME),
        _mapping("load", codecs=st.just(["big", "small"]), above=st.lists(FEW, max_size=2)),
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
    "server.batching": st.fixed_dictionaries({}, optional={"largest": FEW, "longest_wait": TIME}),
    "server.queue_limit": FEW,
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
            "precision": st.fixed_dictionaries({}, optional={"relative": SHARE, "most": FEW}),
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
