"""The router's queue: rounds of windows in one FIFO, by hand and against the computed slow start."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel.links import ConstantCapacity, RouterLink, Start, TcpTransport

INF = math.inf
PACKET = 12000.0


def finish(link: RouterLink) -> dict[int, float]:
    done = {}
    while (at := link.next_finish()) < INF:
        for key in link.pop_finished(at):
            done[key] = at
    assert link.active == 0
    return done


def window(packets: float, rounds: int = 0) -> Start:
    return Start(rounds, 0.0, packets * PACKET)


@given(st.integers(1, 600), st.floats(1e6, 1e9), st.floats(0.001, 0.3))
def test_a_lone_upload_takes_the_computed_time(packets: int, rate: float, rtt: float) -> None:
    """Without HyStart the rounds of the queue and the closed form of `TcpTransport` are the same model."""
    plan = TcpTransport(tls="none").plan(0.0, packets * 1448, INF, rate, rtt)
    link = RouterLink(ConstantCapacity(rate), rtt, PACKET, control="reno")
    data_bits = packets * PACKET
    link.join(0.0, 1, data_bits, start=window(10, 1))
    expected = plan.setup_s + plan.ramp_s + data_bits / rate
    assert finish(link)[1] == pytest.approx(expected, abs=2.001 * PACKET / rate)
    assert link.carried_bits == pytest.approx(data_bits)


def test_two_uploads_by_hand() -> None:
    """20 packets each, windows of 10, 1 ms a packet, 30 ms round trip.

    0-10 ms A's first window, 10-20 B's.  A's first acknowledgement comes 31 ms after 0, its last ten packets leave
    31-41; B's first acknowledgement at 41, its last ten leave 41-51: together they fill a path that neither fills
    alone.
    """
    link = RouterLink(ConstantCapacity(12e6), 0.030, PACKET)
    link.join(0.0, 1, 20 * PACKET, start=window(10))
    link.join(0.0, 2, 20 * PACKET, start=window(10))
    assert finish(link) == pytest.approx({1: 0.041, 2: 0.051})
    assert link.busy_s == pytest.approx(0.040)


def test_set_up_waits_behind_data() -> None:
    """A SYN behind 100 packets of somebody else's leaves 100 ms later."""
    link = RouterLink(ConstantCapacity(12e6), 0.050, PACKET)
    link.join(0.0, 1, 100 * PACKET)  # datagrams: all at once
    link.join(0.0, 2, 1 * PACKET, start=window(10, 1))
    done = finish(link)
    assert done[1] == pytest.approx(0.100)
    assert done[2] == pytest.approx(0.100 + 0.050 + 0.001)


def test_slow_device_waits_in_itself() -> None:
    """A device at a tenth of the router's rate is the bottleneck: ten packets take 10 ms each, nothing is lost."""
    link = RouterLink(ConstantCapacity(12e6), 0.010, PACKET, buffer_bits=2 * PACKET)
    link.join(0.0, 1, 1 * PACKET, cap_bps=1.2e6, start=window(10))
    assert finish(link)[1] == pytest.approx(0.010)
    assert link.lost_bits == 0.0


def test_overflow_costs_time_but_no_bits() -> None:
    """A burst of 40 packets of 1 ms into room for 20, round trip 50 ms: the acknowledgement at 51 ms releases the other
    40, the first of theirs at 102 ms shows the loss, and the 20 are through at 122 ms; all bits arrive once.
    """
    big, small = (RouterLink(ConstantCapacity(12e6), 0.050, PACKET, room * PACKET) for room in (1000, 20))
    for link in (big, small):
        link.join(0.0, 1, 80 * PACKET, start=window(40))
    slow, fast = finish(small)[1], finish(big)[1]
    assert (slow, fast) == pytest.approx((0.122, 0.091))
    assert small.lost_bits > 0.0
    assert small.carried_bits == pytest.approx(80 * PACKET)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 200), st.integers(1, 40)), min_size=1, max_size=15),
    st.sampled_from([5.0, 30.0, INF]),
    st.sampled_from(["cubic", "reno"]),
)
def test_every_bit_is_carried_once(uploads: list[tuple[float, int, int]], room: float, control: str) -> None:
    """Conservation with and without overflow; nobody waits for ever; the link is never busy twice."""
    link = RouterLink(ConstantCapacity(12e6), 0.040, PACKET, room * PACKET, control)
    done: dict[int, float] = {}
    for key, (start, packets, first) in enumerate(sorted(uploads)):
        while link.next_finish() <= start:
            at = link.next_finish()
            done.update(dict.fromkeys(link.pop_finished(at), at))
        link.join(start, key, packets * PACKET, start=window(first))
    done.update(finish(link))
    assert len(done) == len(uploads)
    total = sum(packets for _, packets, _ in uploads) * PACKET
    assert link.carried_bits == pytest.approx(total)
    assert link.busy_s == pytest.approx(total / 12e6)
    assert max(done.values()) >= total / 12e6 * (1 - 1e-9)


def test_leaving_stops_the_rounds() -> None:
    link = RouterLink(ConstantCapacity(12e6), 0.030, PACKET)
    link.join(0.0, 1, 20 * PACKET, start=window(10))
    assert link.leave(0.005, 1) == 10 * PACKET  # the first window is in the queue already
    assert link.next_finish() > 0.0
    assert finish(link) == {}


def test_a_device_slower_than_the_queue_fills_no_buffer() -> None:
    """Back-pressure in the device loses nothing: a buffer of 20 packets changes nothing below the queue's rate.

    A device twice as fast as the queue does fill it, and is never faster than its own rate when packets are lost.
    """
    ends, lost = [], []
    for cap, buffer in ((1e6, 20 * PACKET), (1e6, INF), (20e6, 20 * PACKET)):
        link = RouterLink(ConstantCapacity(10e6), 0.04, PACKET, buffer)
        link.join(0.0, 1, 8e6, cap_bps=cap, start=window(10))
        ends.append(finish(link)[1])
        lost.append(link.lost_bits)
    assert ends[0] == ends[1] >= 8e6 / 1e6
    assert lost[:2] == [0.0, 0.0]
    assert lost[2] > 0.0
    assert ends[2] >= 8e6 / 10e6


def test_timeouts_in_a_row_double() -> None:
    """A packet that finds no room sends a probe after two round trips, at 0.08 s, which finds none either, and then
    tries again after 1, 2 and 4 timeouts of 0.24 s, until the queue has drained.

    The queue holds 2 s of other data and has no room for more; the attempt at 0.08 + 7 * 0.24 = 1.76 s still finds it
    full, the next, eight timeouts later at 3.68 s, passes.
    """
    link = RouterLink(ConstantCapacity(PACKET), 0.04, PACKET, buffer_bits=0.06 * PACKET)
    link.join(0.0, 1, 2 * PACKET)  # datagrams of two seconds, which no window limits
    link.join(0.0, 2, PACKET / 10, start=window(0.1))
    assert finish(link) == pytest.approx({1: 2.0, 2: 0.08 + 0.24 * 15 + 0.1})


def test_a_loss_at_the_end_waits_for_a_probe() -> None:
    """12 packets of 1 ms into room for 10, round trip 40 ms: 10 leave by 10 ms, two are lost and nothing follows them.

    The last acknowledgement takes 10 + 40 ms; the probe, one of the two, leaves after two such round trips, at 100 ms,
    its answer comes at 141 ms and the other is through at 142 ms.  With 8 packets more to send, the acknowledgement at
    41 ms releases those, the first of theirs at 82 ms shows the loss, and the two are through at 84 ms.
    """
    for packets, expected in ((12, 0.142), (20, 0.084)):
        link = RouterLink(ConstantCapacity(12e6), 0.040, PACKET, 10 * PACKET)
        link.join(0.0, 1, packets * PACKET, start=window(12))
        assert finish(link) == pytest.approx({1: expected})


def test_recovery_from_a_burst_lost_as_a_whole_begins_with_one_packet() -> None:
    """Ten packets of 1 ms that all find a full queue, round trip 40 ms, when it has long drained: the probe at 80 ms
    carries one, and as much is sent as arrives and half of it more: 1, 2 and 4 at 121, 162 and 203 ms; the window of
    0.7 * 10 + 1 = 8 is not reached by the last two, at 244 ms, which are through two packets later.
    """
    link = RouterLink(ConstantCapacity(12e6), 0.040, PACKET, buffer_bits=10 * PACKET)
    link.join(0.0, 1, 10 * PACKET)  # datagrams, which no window limits, fill it
    link.join(0.0, 2, 10 * PACKET, start=window(10))
    assert finish(link) == pytest.approx({1: 0.010, 2: 0.246})
