"""Traffic as scenarios describe it: closed loops, recordings, plugins, and what is refused.

The laws of the others are tested where their utterances are drawn (tests/sim/test_arrivals.py).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from devices.errors import DeviceError
from devices.fleet import build_traffic
from devices.sessions import ClosedLoopTraffic, TraceTraffic
from scenarios.plugins import PluginError
from scenarios.schema.traffic import TrafficSpec

ADAPTER: TypeAdapter[Any] = TypeAdapter(TrafficSpec)


def make(devices: int, **spec: Any) -> Any:
    return build_traffic(ADAPTER.validate_python(spec), devices, np.random.default_rng(1))


def test_closed_loop_thinks_exponentially_or_constantly() -> None:
    loop = make(1000, kind="closed-loop", think="20 s")
    assert isinstance(loop, ClosedLoopTraffic)
    assert not loop.open_loop
    luck = np.random.default_rng(6).random(2000)
    for drawn in (loop.first_s, loop.next_s):
        assert stats.kstest([drawn(u) for u in luck], "expon", args=(0, 20.0)).pvalue > 0.01
    constant = make(10, kind="closed-loop", think="20 s", distribution="constant")
    assert constant.next_s(0.3) == 20.0
    assert constant.first_s(0.25) == 5.0


def write(folder: Path, text: str) -> Path:
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return folder


def test_trace_is_played_once_or_again(tmp_path: Path) -> None:
    write(tmp_path, "time_s,device\n0.5,1\n2,0\n4,1\n")
    once = make(2, kind="trace", file=str(tmp_path / "t.csv"))
    assert isinstance(once, TraceTraffic)
    rows = once.rows(0.0, 100.0)
    assert (rows.times_s.tolist(), rows.devices.tolist()) == ([0.5, 2.0, 4.0], [1, 0, 1])
    again = make(2, kind="trace", file=str(tmp_path / "t.csv"), repeat=True)
    rows = again.rows(0.0, 9.0)
    assert rows.times_s.tolist() == [0.5, 2.0, 4.0, 4.5, 6.0, 8.0, 8.5]
    assert rows.numbers.tolist() == list(range(7))


@settings(max_examples=40)
@given(st.lists(st.floats(0.0, 29.9), max_size=6))
def test_a_repeated_trace_does_not_depend_on_how_time_is_cut(cuts: list[float]) -> None:
    traffic = object.__new__(TraceTraffic)
    traffic.period_s, traffic.total_rate = 7.0, 4 / 7
    traffic.times_s, traffic.owners = np.array([0.0, 1.0, 1.0, 7.0]), np.array([0, 1, 2, 0], dtype=np.int32)
    edges = [0.0, *sorted(cuts), 30.0]
    parts = [traffic.rows(a, b) for a, b in pairwise(edges)]
    whole = traffic.rows(0.0, 30.0)

    def joined(column: int) -> npt.NDArray[np.float64]:
        return np.concatenate([part[column] for part in parts])

    np.testing.assert_array_equal(joined(0), whole.times_s)
    np.testing.assert_array_equal(joined(1), whole.devices)
    np.testing.assert_array_equal(joined(2), whole.numbers)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the header must have a column `time_s`"),
        ("time\n1\n", "line 1: the header must have a column `time_s`"),
        ("time_s\n", "has no rows"),
        ("time_s\n1\nx\n", "line 3: 'x' is not a number"),
        ("time_s\n3\n2\n", "line 3: time 2 is before the line above"),
        ("time_s\n-1\n", "line 2: a time must be at least 0 s"),
        ("time_s\nnan\n", "line 2: 'nan' is not finite"),
        ("time_s,device\n1\n", "line 2: has 1 columns, fewer than the header"),
        ("time_s,device\n1,-2\n", "line 2: devices count from 0"),
        ("time_s,device\n1,9\n", "names device 9"),
        ("time_s,device\n1,1.5\n", "line 2: '1.5' is not a whole number"),
    ],
)
def test_each_broken_trace_has_its_own_message(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, text)
    with pytest.raises(DeviceError, match=message):
        make(5, kind="trace", file=str(tmp_path / "t.csv"))


def test_missing_binary_and_unrepeatable_traces(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cannot be read"):
        make(5, kind="trace", file=str(tmp_path / "none.csv"))
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DeviceError, match=r"not a text file .byte 0xff is not UTF-8"):
        make(5, kind="trace", file=str(tmp_path / "t.csv"))
    write(tmp_path, "time_s\n0\n")
    with pytest.raises(DeviceError, match="cannot repeat"):
        make(5, kind="trace", file=str(tmp_path / "t.csv"), repeat=True)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "poisson", "rate": 3}, "needs a unit"),
        ({"kind": "talk-spurts", "spurts": 4.0}, "go together"),
        ({"kind": "diurnal", "rate": "1 /h", "hours": [0] * 24}, "at least one of the 24 hours"),
        ({"kind": "diurnal", "rate": "1 /h", "hours": [1] * 23}, "at least 24 items"),
        ({"kind": "heavy-tailed", "mean": "1 /h", "median": "2 /h"}, "median of at most the mean"),
    ],
)
def test_faulty_specifications_are_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(spec)


EVERY_SECOND = """
import numpy as np
from devices import Traffic

class EverySecond(Traffic):  # device 0 speaks at each full second
    def __init__(self, devices, rng, lag=0.0):
        self.lag = lag
    def arrivals(self, rng, t0, t1):
        times = np.arange(np.ceil(t0), t1) + self.lag
        return times, np.zeros(len(times), dtype=np.int32)
"""


def test_plugin(plugin_module: Callable[[str, str], Path]) -> None:
    plugin_module("users_traffic", EVERY_SECOND)
    traffic = make(3, kind="plugin", **{"class": "users_traffic:EverySecond", "options": {"lag": 0.25}})
    assert traffic.open_loop
    assert traffic.arrivals(np.random.default_rng(0), 0.0, 2.0)[0].tolist() == [0.25, 1.25]
    with pytest.raises(PluginError, match=r"refused its options: .*lagg"):
        make(3, kind="plugin", **{"class": "users_traffic:EverySecond", "options": {"lagg": 1}})
