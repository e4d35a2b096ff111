"""Quantities: units to SI, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios import quantities as q

DIMENSIONS = [v for v in vars(q).values() if isinstance(v, q.Dimension)]


@pytest.mark.parametrize(
    ("dimension", "text", "si"),
    [
        (q.RATE, "10 Mbit/s", 10e6),
        (q.RATE, "10Mbit/s", 10e6),
        (q.RATE, "1.5 MB/s", 12e6),  # bytes are eight bits
        (q.DURATION, "50 ms", 0.05),
        (q.DURATION, "1e3 us", 1e-3),
        (q.DURATION, "0 s", 0.0),
        (q.SIZE, "12 kB", 12_000.0),
        (q.SIZE, "1 KiB", 1024.0),
        (q.SIZE, "16 bit", 2.0),
        (q.POWER, "1.2 W", 1.2),
        (q.ENERGY, "15 Wh", 54_000.0),
        (q.SHARE, "12.5 %", 0.125),
        (q.EVENT_RATE, "6 /h", 6 / 3600),
        (q.GAIN_DB, "-7 dB", -7.0),
        (q.FREQUENCY, "3.5 GHz", 3.5e9),
    ],
)
def test_units_are_converted_to_si(dimension: q.Dimension, text: str, si: float) -> None:
    assert dimension.parse(text) == pytest.approx(si, rel=1e-15)


@pytest.mark.parametrize(
    ("dimension", "bad", "says"),
    [
        (q.RATE, 10, "needs a unit"),
        (q.RATE, "10", "needs a unit"),
        (q.RATE, "10 MB", "'MB' is not a unit of a bit rate"),
        (q.RATE, "10 Mb/s", "not a unit"),  # b and B would be confused
        (q.RATE, "0 bit/s", "above 0"),
        (q.DURATION, "-1 s", "at least 0"),
        (q.DURATION, "1e999 s", "finite"),
        (q.DURATION, True, "expected a duration"),
        (q.DURATION, None, "expected a duration"),
        (q.DURATION, "soon", "expected a duration"),
        (q.SHARE, "120 %", "at most 1"),
        (q.SIZE, "12 KB", "'KB' is not a unit"),
    ],
)
def test_what_is_not_a_quantity_is_refused_with_a_reason(dimension: q.Dimension, bad: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        dimension.parse(bad)


@given(st.sampled_from(DIMENSIONS), st.floats(1e-6, 1e6), st.data())
def test_every_unit_scales_by_its_factor(dimension: q.Dimension, number: float, data: st.DataObject) -> None:
    """parse("x unit") = x * factor for every unit of every dimension, where the bounds allow it."""
    unit = data.draw(st.sampled_from(sorted(dimension.units)))
    expected = number * dimension.units[unit]
    if max(dimension.lowest, dimension.least) <= expected <= dimension.highest:
        assert math.isclose(dimension.parse(f"{number!r} {unit}"), expected, rel_tol=1e-12)


@given(st.text(max_size=20), st.sampled_from(DIMENSIONS))
def test_any_text_gives_a_number_or_a_value_error(text: str, dimension: q.Dimension) -> None:
    try:
        assert math.isfinite(dimension.parse(text))
    except ValueError as error:
        assert str(error)
