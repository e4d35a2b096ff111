"""Transports: bytes on the wire, round trips, and slow start against a packet-by-packet count."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel.links import Packets, QuicTransport, TcpTransport, UdpTransport
from channel.links.windowed import WindowedTransport

INF = math.inf


def test_udp_counts_headers_by_layer() -> None:
    """1472 bytes fit in one IPv4 datagram of 1500; each carries 20 + 8 bytes and what the link adds."""
    udp = UdpTransport()
    assert udp.packets(1472) == 1
    assert udp.packets(1473) == 2
    assert udp.packets(0) == 1
    assert udp.plan(0, 1473, INF, 0, 0.05) == (0.0, 0.0, (1473 + 2 * 28) * 8.0, 1473 + 2 * 28, 0.0, None)
    v6 = UdpTransport(Packets(1500, 40, 14.0))
    assert v6.plan(0, 100, INF, 0, 0.05).wire_bytes == 100 + 40 + 8 + 14


@pytest.mark.parametrize(
    ("transport", "rounds"),
    [
        (TcpTransport(tls="none"), 1),
        (TcpTransport(tls="1.3"), 2),
        (TcpTransport(tls="1.2"), 3),
        (QuicTransport(), 1),
        (QuicTransport(zero_rtt=True), 1),  # the very first connection has no ticket yet
    ],
)
def test_round_trips_before_the_first_byte(transport: WindowedTransport, rounds: int) -> None:
    """RFC 9293, RFC 8446, RFC 5246, RFC 9000: 1, +1, +2, 1."""
    assert transport.plan(0, 1000, INF, 1e7, 0.05).setup_s == pytest.approx(rounds * 0.05)
    assert transport.plan(0, 1000, 1.0, 1e7, 0.05).setup_s == 0.0  # the connection is still there


def test_a_resumed_quic_connection_sends_at_once() -> None:
    quic = QuicTransport(zero_rtt=True, keep_alive_s=30.0)
    assert quic.plan(0, 1000, 31.0, 1e7, 0.05).setup_s == 0.0
    assert QuicTransport(keep_alive_s=30.0).plan(0, 1000, 31.0, 1e7, 0.05).setup_s == 0.05


def test_new_and_expired_connections_are_set_up() -> None:
    new = TcpTransport(tls="none", new_connection=True)
    assert new.plan(0, 1000, 0.1, 1e7, 0.05).setup_s == 0.05
    kept = TcpTransport(tls="none", keep_alive_s=60.0)
    assert kept.plan(0, 1000, 59.0, 1e7, 0.05).setup_s == 0.0
    assert kept.plan(0, 1000, 61.0, 1e7, 0.05).setup_s == 0.05
    assert kept.plan(0, 1000, INF, 1e7, 0.05).wire_bytes > kept.plan(0, 1000, 59.0, 1e7, 0.05).wire_bytes


def test_tls_records() -> None:
    """22 bytes for each record of up to 16 KiB (RFC 8446)."""
    tls, plain = TcpTransport(tls="1.3"), TcpTransport(tls="none")
    assert tls.stream_bytes(16384) == 16384 + 22
    assert tls.stream_bytes(16385) == 16385 + 44
    assert plain.stream_bytes(16385) == 16385


@pytest.mark.parametrize(
    ("payload", "rounds"), [(14_000, 1), (20_000, 2), (36_000, 2), (72_000, 3), (144_000, 4), (288_000, 5)]
)
def test_rounds_of_slow_start(payload: int, rounds: int) -> None:
    """Rounds with initial window 10 and segments of about 1460 bytes, as network.md works them out.

    On a link of 1 Tbit/s a window takes no time, so every round but the last leaves a whole round trip unused.
    """
    plan = TcpTransport(tls="none").plan(0, payload, INF, 1e12, 0.1)
    assert plan.ramp_s / 0.1 == pytest.approx(rounds - 1, abs=1e-3)


def test_hand_worked_slow_start() -> None:
    """30 segments of 1500 bytes at 10 Mbit/s (1.2 ms each) and 20 ms.

    The first window of 10 takes 12 ms and the next begins 21.2 ms after the first: 9.2 ms are unused.  The second
    window of 20 would take 24 ms > 21.2 ms: the path is full.
    """
    plan = TcpTransport(tls="none").plan(0, 30 * 1448, INF, 1e7, 0.02)
    assert plan.ramp_s == pytest.approx(0.0212 - 0.012)
    assert plan.fluid_bits == 30 * 12000 + (60 + 52) * 8  # SYN with its options, and the ACK of the answer


def test_idle_restart_halves_the_window_for_each_timeout() -> None:
    """100 segments need windows 10, 20, 40, 80; after 0 timeouts the next upload starts at 80, after 2 at 20."""
    tcp = TcpTransport(tls="none")
    payload, rtt = 100 * 1448, 0.05
    rto = 0.2 + rtt
    unused = [tcp.plan(0, payload, idle, 1e12, rtt).ramp_s / rtt for idle in (0.0, 2.5 * rto, 100.0)]
    assert unused == pytest.approx([1, 2, 3], abs=1e-3)  # 80+20, 20+40+40, 10+20+40+30
    without = TcpTransport(tls="none", idle_restart=False)
    assert without.plan(0, payload, 100.0, 1e12, rtt).ramp_s / rtt == pytest.approx(1, abs=1e-3)


def packet_by_packet(packets: int, window: int, packet_s: float, rtt_s: float) -> float:
    """Instant at which the last packet has left a lone link: every acknowledgement releases two packets."""
    free, sent = 0.0, 0
    credits = [0.0] * window  # instants at which a packet may be sent
    while sent < packets:
        at = credits.pop(0)
        free = max(free, at) + packet_s
        sent += 1
        credits += [free + rtt_s] * 2  # grows by one for each acknowledgement
    return free


@given(st.integers(1, 700), st.floats(1e5, 1e9), st.floats(0.001, 0.5), st.integers(1, 40))
def test_ramp_equals_packet_by_packet_slow_start(packets: int, rate: float, rtt: float, window: int) -> None:
    """Start-up delay plus all data at the link's rate = a simulation of every packet and acknowledgement.

    They differ by less than two packets: the computed round restarts with the first acknowledgement of the window.
    """
    tcp = TcpTransport(tls="none", initial_window=window)
    plan = tcp.plan(0.0, packets * 1448, INF, rate, rtt)
    packet_s = 12000 / rate
    exact = packet_by_packet(packets, window, packet_s, rtt)
    assert plan.ramp_s + packets * 12000 / rate == pytest.approx(exact, abs=2.001 * packet_s, rel=1e-9)


@given(st.floats(0, 1e6), st.floats(1e4, 1e9), st.floats(0, 0.5), st.one_of(st.just(INF), st.floats(0, 1e5)))
def test_plans_are_sane(payload: float, rate: float, rtt: float, idle: float) -> None:
    for transport in (TcpTransport(), QuicTransport(), UdpTransport(), TcpTransport(in_link=True)):
        plan = transport.plan(0.0, payload, idle, rate, rtt)
        assert plan.setup_s >= 0 and plan.ramp_s >= 0 and plan.tail_s >= 0
        assert plan.fluid_bits >= payload * 8
        in_link = plan.start is not None and plan.start.setup_rounds > 0
        assert plan.wire_bytes * 8 > plan.fluid_bits if in_link else plan.wire_bytes * 8 == plan.fluid_bits
        assert transport.plan(0.0, payload, idle, rate, rtt) == plan  # the cache changes nothing


@pytest.mark.parametrize("idle_s", [-0.02, -3.0])
def test_a_connection_whose_reply_is_awaited_is_open(idle_s: float) -> None:
    """Speech that ends before the last reply is there (a negative idle time) finds the connection just used."""
    tcp = TcpTransport()
    plan = tcp.plan(0.0, 150_000, idle_s, 1e8, 0.2)
    assert plan == tcp.plan(0.0, 150_000, 0.0, 1e8, 0.2)
    assert plan.setup_s == 0.0


def test_in_link_leaves_the_rounds_to_the_link() -> None:
    plan = TcpTransport(tls="none", in_link=True).plan(0, 1e5, INF, 1e7, 0.05)
    assert (plan.setup_s, plan.ramp_s) == (0.0, 0.0)
    assert plan.start is not None
    assert (plan.start.setup_rounds, plan.start.window_bits) == (1, 10 * 12000)
