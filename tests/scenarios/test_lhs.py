"""The Latin hypercube of a sweep: its stratification, its reproducibility, its mistakes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios import ScenarioError, loads
from scenarios.schema.sweep import LhsSpec
from scenarios.sweeping import latin_hypercube

TEXT = """
extends: quickstart
sweep:
  grid: {devices.phones.codec: [raw, amser-12.5]}
  lhs:
    points: 8
    ranges:
      devices.phones.count: {low: 5, high: 100}
      cells.uplink.capacity: {low: 1 Mbit/s, high: 50 Mbit/s, scale: log}
"""


@given(st.integers(2, 60), st.integers(0, 2**40), st.sampled_from(["linear", "log"]))
def test_every_part_of_every_range_has_one_value(points: int, seed: int, scale: str) -> None:
    """The definition: each of n equal parts of each key's range (of its logarithm) holds exactly one of n values."""
    low, high = 2.0, 300.0
    ranges = {key: {"low": low, "high": high, "scale": scale} for key in ("a", "b", "c")}
    design = latin_hypercube(LhsSpec.model_validate({"points": points, "seed": seed, "ranges": ranges}))
    for values in design.values():
        shares = [
            math.log(v / low) / math.log(high / low) if scale == "log" else (v - low) / (high - low)  # type: ignore[operator]
            for v in values
        ]
        # Values are rounded to six digits, which may carry one at a part's edge across it.
        parts = sorted((share - 1e-5) * points for share in shares)
        assert all(i - 0.01 <= part <= i + 1.0 for i, part in enumerate(parts))
    assert design["a"] != design["b"]


def test_a_further_key_leaves_the_others_as_they_were() -> None:
    one = {"a": {"low": "1 ms", "high": "9 ms"}}
    both = {**one, "b": {"low": 1, "high": 3}}
    first, second = (latin_hypercube(LhsSpec.model_validate({"points": 6, "ranges": r})) for r in (one, both))
    assert first["a"] == second["a"]
    assert all(str(value).endswith(" ms") for value in first["a"])
    assert sorted(second["b"]) == [1, 1, 2, 2, 3, 3]  # type: ignore[type-var]


def test_every_codec_meets_the_same_points() -> None:
    experiment = loads(TEXT)
    assert len(experiment.points) == 16
    by_codec: dict[str, list[tuple[object, object]]] = {}
    for point in experiment.points:
        codec, count, capacity = point.parameters.values()
        by_codec.setdefault(str(codec), []).append((count, capacity))
        assert point.scenario.devices["phones"].count == count and isinstance(count, int)
        assert 1e6 <= point.scenario.cells["uplink"].capacity.rate <= 50e6  # type: ignore[union-attr]
    assert by_codec["raw"] == by_codec["amser-12.5"]
    again = loads(TEXT.replace("points: 8", "points: 8\n    seed: 3"))
    assert [p.parameters for p in again.points] != [p.parameters for p in experiment.points]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("points: 8", "points: 1", "must be at least 2"),
        ("low: 5, high: 100", "low: 5, high: 5", "low must be below high"),
        ("low: 5, high: 100", "low: 5", "high: this key is required"),
        ("high: 50 Mbit/s", "high: 50 kbit/s", "need one unit"),
        ("low: 1 Mbit/s", "low: 0 Mbit/s", "must start above 0"),
        ("cells.uplink.capacity", "cells.uplnk.capacity", "did you mean 'uplink'"),
        ("1 Mbit/s, high: 50 Mbit/s", "1, high: 50", "needs a unit"),
        ("devices.phones.count", "devices.phones.codec", "this key is in `grid` too"),
        ("devices.phones.count", "sweep.replications", "'sweep' cannot be swept"),
    ],
)
def test_mistakes_are_named_once_where_they_are_written(old: str, new: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says) as caught:
        loads(TEXT.replace(old, new), file="s.yaml")
    [fault] = caught.value.faults
    assert 5 <= (fault.place.line or 0) <= 9
