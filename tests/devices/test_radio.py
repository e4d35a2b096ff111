"""Radios against the published table, closed forms, and the integral of their own state machine."""

from __future__ import annotations

import math

import pytest

from devices.radio import Phase, Radio
from devices.radios import load_radio

# Energy (J) of one isolated upload of a 4.5 s utterance: active, promotion, tail, total.  Computed from the
# figures of Huang et al. 2012 for LTE at 5 Mbit/s and WiFi at 10 Mbit/s, published rounded as here.
TABLE = [
    ("lte-2012", 5e6, 144_000, ("0.802", "0.315", "12.27", "13.39")),
    ("lte-2012", 5e6, 14_400, ("0.080", "0.315", "12.27", "12.67")),
    ("lte-2012", 5e6, 9_000, ("0.050", "0.315", "12.27", "12.64")),
    ("lte-2012", 5e6, 3_600, ("0.020", "0.315", "12.27", "12.61")),
    ("wifi-2012", 10e6, 144_000, ("0.342", "0.010", "0.028", "0.380")),
    ("wifi-2012", 10e6, 14_400, ("0.034", "0.010", "0.028", "0.072")),
    ("wifi-2012", 10e6, 9_000, ("0.021", "0.010", "0.028", "0.060")),
    ("wifi-2012", 10e6, 3_600, ("0.0085", "0.010", "0.028", "0.047")),
]


@pytest.mark.parametrize(("name", "rate_bps", "payload_bytes", "printed"), TABLE)
def test_energy_of_an_isolated_upload_reproduces_the_table(
    name: str, rate_bps: float, payload_bytes: int, printed: tuple[str, ...]
) -> None:
    parts = load_radio(name).isolated_upload_j(payload_bytes * 8, rate_bps)
    for value, text in zip((*parts, sum(parts)), printed, strict=True):
        # 1 %, or what the table's last printed digit leaves open where that is more.
        rounding = 0.5 * 10.0 ** -len(text.partition(".")[2])
        assert value == pytest.approx(float(text), rel=0.01, abs=rounding)


def test_three_digit_values_of_the_table_within_one_percent() -> None:
    """The cells whose rounding is finer than 1 %, so that the test above cannot hide behind rounding."""
    lte, wifi = load_radio("lte-2012"), load_radio("wifi-2012")
    assert sum(lte.isolated_upload_j(1_152_000, 5e6)) == pytest.approx(13.39, rel=0.01)
    assert sum(lte.isolated_upload_j(28_800, 5e6)) == pytest.approx(12.61, rel=0.01)
    assert sum(wifi.isolated_upload_j(1_152_000, 10e6)) == pytest.approx(0.380, rel=0.01)
    assert wifi.isolated_upload_j(1_152_000, 10e6)[0] == pytest.approx(0.342, rel=0.01)


def test_a_tail_of_two_phases_by_hand() -> None:
    radio = Radio(
        "two", wake_delay_s=0.5, wake_energy_j=0.4, transmit_power_w=1.0, transmit_j_per_bit=1e-6,
        phases=[Phase(2.0, 0.8), Phase(3.0, 0.1, wake_delay_s=0.1, wake_energy_j=0.05)],
    )  # fmt: skip
    assert [radio.wake_delay_s(g) for g in (0, 1.9, 2.0, 4.9, 5.0, math.inf)] == [0, 0, 0.1, 0.1, 0.5, 0.5]
    assert radio.tail_j(1.0) == pytest.approx(0.8)
    assert radio.tail_j(3.0) == pytest.approx(1.6 + 0.1)
    assert radio.tail_j(math.inf) == pytest.approx(1.6 + 0.3) == radio.tail_j(5.0)
    assert radio.transmit_j(0.25, 100_000) == pytest.approx(0.25 + 0.1)
