"""Figures as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amser.units import Scale, factor, scale_for, significant, with_interval, with_range


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1.00"),
        (0.012345, "0.0123"),
        (123.4, "123"),
        (1234.0, "1 230"),
        (99999.0, "100 000"),
        (0.9996, "1.00"),
        (-5.678, "-5.68"),
        (math.nan, "–"),
        (1e9, "1.00e+09"),
        (2e-7, "2.00e-07"),
    ],
)
def test_significant_digits(value: float, text: str) -> None:
    assert significant(value) == text


@given(st.floats(min_value=1e-5, max_value=1e6))
def test_three_digits_are_within_half_a_unit_of_the_third(value: float) -> None:
    # Rounding to three digits changes a number by at most 0.5 in its third digit: 0.5 % of its leading one.
    assert float(significant(value).replace(" ", "")) == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("unit", "values", "shown"),
    [
        ("s", [0.31, 0.4], "ms"),
        ("s", [3.0], "s"),
        ("s", [600.0], "min"),
        ("J", [0.6], "mJ"),
        ("byte", [12_000.0], "kB"),
        ("bit/s", [256_000.0], "kbit/s"),
        ("1", [0.5], "%"),
        ("count", [5.0], ""),
        ("bps", [3e6], "Mbit/s"),
        ("cd", [1.0], "cd"),
    ],
)
def test_scale_suits_the_typical_value(unit: str, values: list[float], shown: str) -> None:
    assert scale_for(unit, values).unit == shown


@given(st.sampled_from(["s", "J", "byte", "bit/s", "1"]), st.floats(min_value=1e-6, max_value=1e9))
def test_scaling_keeps_the_quantity(unit: str, value: float) -> None:
    scale = scale_for(unit, [value])
    si = {
        "days": 86_400,
        "h": 3600,
        "min": 60,
        "s": 1,
        "ms": 1e-3,
        "µs": 1e-6,
        "kJ": 1e3,
        "J": 1,
        "mJ": 1e-3,
        "µJ": 1e-6,
        "MB": 1e6,
        "kB": 1e3,
        "byte": 1,
        "Mbit/s": 1e6,
        "kbit/s": 1e3,
        "bit/s": 1,
        "%": 0.01,
    }
    assert value * scale.factor * si[scale.unit] == pytest.approx(value)


def test_interval_only_where_there_is_one() -> None:
    ms, kb = Scale(1e3, "ms"), Scale(1e-3, "kB")
    assert with_interval(ms, 0.3, 0.29, 0.31) == "300 ± 10"
    assert with_interval(ms, 1.331, 1.131, 1.531) == "1 330 ± 200"
    assert with_interval(kb, 23_400, 23_100, 23_700) == "23.4 ± 0.3"
    assert with_interval(ms, 0.3, math.nan, math.nan) == "300"
    # Two digits of the half-width are enough, and the mean has no more decimals than it.
    assert with_interval(Scale(1.0, "%"), 0.0648, 0.0648 - 0.1422, 0.0648 + 0.1422) == "0.06 ± 0.14"
    # Narrower than the digits shown: equal replications, or rounding noise between low and high.
    assert with_interval(kb, 23_400, 23_390, 23_410) == "23.4"
    assert with_interval(ms, 0.3, 0.3 - 1e-17, 0.3 + 1e-16) == "300"


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((0.0422, 0.0335, 0.0522), "4.22 (3.35 to 5.22)"),
        ((0.048, 0.038, 0.060), "4.8 (3.8 to 6.0)"),
        ((0.75, 0.55, 0.90), "75 (55 to 90)"),
        ((0.0, math.nan, math.nan), "0"),
    ],
)
def test_ends_of_an_interval_share_the_digits_of_its_mean(ends: tuple[float, float, float], text: str) -> None:
    """Two digits of the half width: 0.94, 1.1 and 18 points."""
    assert with_range(Scale(100.0, "%"), *ends) == text


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (57.9, 10.4, "5.6× lower"), (1.0, 1.3, "1.3× higher"), (1.49, 1.43, "4.0 % lower"),
        (1.0, 1.099, "9.9 % higher"), (1.0, 0.993, "0.7 % lower"), (1.0, 1.004, "the same"), (0.0, 1.0, ""),
    ],
)  # fmt: skip
def test_small_changes_are_said_in_percent(before: float, after: float, says: str) -> None:
    """1.43 / 1.49 is 0.9597: as a factor it would be 1.0, which says nothing."""
    assert factor("energy_per_upload_j", before, after) == says
