"""Other traffic and replies: what uploads add to a radio that somebody else uses too, against its state machine."""

from __future__ import annotations

import heapq
import math
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.background import mean_power_w, others
from devices.ledger import RadioLedger
from devices.nr import build_nr
from devices.radio import Phase, Radio
from devices.radios import load_radio
from devices.timeline import Activity, timeline
from scenarios.schema.device import NrRadioSpec

# Waking costs energy and next to no time: the state machine lets other traffic wait for it, the ledger does not.
RADIO = Radio(
    "two", wake_delay_s=1e-9, wake_energy_j=0.4, transmit_power_w=1.0, transmit_j_per_bit=0.0,
    phases=[Phase(2.0, 0.8), Phase(3.0, 0.1, 1e-9, 0.05)],
)  # fmt: skip


def charged_j(radio: Radio, uploads: list[tuple[float, float]], other_s: list[float]) -> float:
    ledger, total = RadioLedger(radio, chain(other_s, repeat(math.inf))), 0.0
    events = [(at_s, 1, n) for n, (at_s, _) in enumerate(uploads)]
    heapq.heapify(events)
    while events:
        now, begins, n = heapq.heappop(events)
        if begins:
            begun = ledger.begin(now)
            heapq.heappush(events, (now + begun.wake_s + uploads[n][1], 0, n))
            total += begun.charge.total_j
        else:
            total += ledger.end(now, 0.0).charge.total_j
    return total


def metered_j(radio: Radio, uploads: list[tuple[float, float]], other_s: list[float]) -> float:
    activities = [Activity(*upload) for upload in uploads] + [Activity(at_s, 0.0) for at_s in other_s]
    return sum(segment.energy_j for segment in timeline(radio, activities))


# Grids whose differences are no phase's length: at its very edge the two would differ by the nanosecond of waking.
later_s = st.lists(st.integers(0, 1600).map(lambda n: 0.0123 + 0.0377 * n), max_size=12)
upload = st.tuples(st.integers(0, 1600).map(lambda n: 0.0371 * n), st.integers(1, 130).map(lambda n: 0.0291 * n))


@given(st.lists(upload, min_size=1, max_size=6), later_s)
def test_uploads_are_charged_what_they_add(uploads: list[tuple[float, float]], later: list[float]) -> None:
    """With them minus without them, on the state machine that runs forward and knows nothing of charges."""
    other_s = [-1.0, *sorted(later)]
    added = metered_j(RADIO, uploads, other_s) - metered_j(RADIO, [], other_s)
    assert charged_j(RADIO, uploads, other_s) == pytest.approx(added, abs=1e-6)


def test_an_upload_that_rides_costs_its_bytes_alone() -> None:
    """Others every second keep a radio of 2 s at 0.8 W on; an upload of half a second between two of them costs 1 W for
    0.5 s less the tail that it stands in for."""
    cost = charged_j(RADIO, [(10.25, 0.5)], [float(n) for n in range(-1, 40)])
    assert cost == pytest.approx(0.5 * (1.0 - 0.8), abs=1e-6)


def test_mean_power_of_other_traffic_by_hand() -> None:
    """Tail 10 s of 1 W, promotion 0.5 J, once in 20 s on average: 1 - e^-0.5 of the time in the tail, e^-0.5 of the
    exchanges find the radio asleep."""
    radio = Radio(
        "one", wake_delay_s=0.2, wake_energy_j=0.5, transmit_power_w=1.0, transmit_j_per_bit=0.0,
        phases=[Phase(10.0, 1.0)],
    )  # fmt: skip
    expected = 1.0 - math.exp(-0.5) + 0.5 * math.exp(-0.5) / 20.0
    assert mean_power_w(radio, 0.05) == pytest.approx(expected, rel=1e-12)
    assert mean_power_w(radio, 0.0) == 0.0


def test_other_traffic_begins_before_time_zero() -> None:
    """Luck of 1 - 1/e is one mean interval."""
    found = others(0.1, lambda k: 1 - math.exp(-1))
    assert [next(found) for _ in range(3)] == pytest.approx([-10.0, 10.0, 20.0])


def test_a_reply_waits_for_the_radio() -> None:
    """LTE by hand: in the tail a part of its DRX cycle; idle a part of the paging cycle, and the promotion."""
    radio = load_radio("lte-2012")
    ledger = RadioLedger(radio)
    ended = ledger.begin(0.0).wake_s
    ledger.end(ended, 1000.0)
    assert ledger.hears_s(ended + 3.0, 0.25) == pytest.approx(ended + 3.0 + 0.25 * 0.0401)
    heard = ledger.hears_s(ended + 20.0, 0.25)
    assert heard == pytest.approx(ended + 20.0 + 0.25 * 1.2802)
    begun = ledger.begin(heard)
    assert begun.wake_s == pytest.approx(0.2601) and begun.charge.tail_j == pytest.approx(radio.tail_j(math.inf))
    received = ledger.received(heard + begun.wake_s, 8_000.0)
    # 1.288 W for the 0.8 ms that 8,000 bits take at 10 Mbit/s, and 51.97 nJ for each bit.
    assert received.receive_j == pytest.approx(1.28804 * 8e-4 + 8_000 * 51.97e-9)
    assert ledger.busy == 0 and ledger.hears_s(heard + 1.0, 0.5) == pytest.approx(heard + 1.0 + 0.5 * 0.0401)


def test_inactive_resumes_sooner_than_idle() -> None:
    radio = build_nr(NrRadioSpec.model_validate({"kind": "nr-fr1", "inactive": "5 s", "resume": "80 ms"}))
    plain = build_nr(NrRadioSpec(kind="nr-fr1"))
    assert [radio.wake_delay_s(gap) for gap in (10.0, 12.0, 16.0)] == [0.0, 0.08, plain.wake_delay_s(16.0)]
    assert radio.tail_j(math.inf) == pytest.approx(plain.tail_j(math.inf))  # asleep as in idle
    assert 0.0 < radio.wake_j(12.0) < radio.wake_j(16.0)
