"""Values, keys and scraps of text that no file should hold, and the damage that they do to one that is whole."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

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
BYTES = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 8), st.binary(max_size=6)), min_size=1, max_size=4)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in ``node``, itself first."""
    found = [path]
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        found += places(value, (*path, key))
    return found


def changed(base: Any, changes: list[tuple[int, str, Any, Any]]) -> Any:
    """``base`` with values set, dropped, added or swapped somewhere."""
    data = json.loads(json.dumps(base))
    for where, what, key, value in changes:
        paths = places(data)
        path = paths[where % len(paths)]
        if what == "swap":
            value = data
            for part in paths[(where // 7) % len(paths)]:
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
