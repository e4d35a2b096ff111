"""Policies: what they choose, what they need, and how they deliver."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.delivery import Delivery, HoldBuffer, stream_blocks
from devices.errors import DeviceError
from devices.local import load_local
from devices.policy import CONTEXT_FIELDS, Context, build_policy
from devices.profile import load_profile
from scenarios.plugins import PluginError
from scenarios.schema.device import DeviceGroupSpec

RATES = ["amser-100", "amser-50", "amser-25", "amser-12.5"]


def group(policy: Any) -> DeviceGroupSpec:
    return DeviceGroupSpec.model_validate(
        {
            "count": 1,
            "profile": "pixel-8",
            "radio": "lte",
            "traffic": {"kind": "poisson", "rate": "1 /h"},
            "codec": "raw",
            "cell": "cell",
            "policy": policy,
        }
    )


def test_fixed_is_known_without_asking() -> None:
    policy = build_policy(group("fixed"))
    assert policy.index == 0
    assert policy.needs == frozenset()
    assert policy.delivery.immediate
    assert policy.choose(Context()) == 0
    assert group("fixed").codec_names() == ("raw",)


@pytest.mark.parametrize(
    ("rate_bps", "choice"), [(1e6, 0), (0.5e6, 0), (0.49e6, 1), (0.2e6, 2), (1e5, 3), (1e3, 3), (0.0, 3)]
)
def test_link_takes_the_richest_that_fits(rate_bps: float, choice: int) -> None:
    policy = build_policy(group({"kind": "link", "codecs": RATES, "transfer": "200 ms"}))
    assert policy.index is None
    assert policy.needs == {"link_rate_bps", "payload_bits"}
    context = Context(link_rate_bps=rate_bps, payload_bits=[100e3, 50e3, 25e3, 12.5e3])
    assert policy.choose(context) == choice
    assert group({"kind": "link", "codecs": RATES, "transfer": "1 s"}).codec_names() == tuple(RATES)


def test_deadline_counts_encoding_round_trip_and_server() -> None:
    policy = build_policy(group({"kind": "deadline", "codecs": RATES, "deadline": "1 s", "server_time": "0.3 s"}))
    context = Context(
        link_rate_bps=1e6,
        rtt_s=0.1,
        payload_bits=[600e3, 400e3, 200e3, 100e3],
        encode_s=[0.01, 0.3, 0.3, 0.3],
    )
    # Budget 1 - 0.3 - 0.1 = 0.6 s: 0.61, 0.7, 0.5 and 0.4 s.
    assert policy.choose(context) == 2
    context.link_rate_bps = 1e3
    assert policy.choose(context) == 3
    context.link_rate_bps = 0.0
    assert policy.choose(context) == 3


@pytest.mark.parametrize(("battery", "choice"), [(1.0, 0), (0.5, 0), (0.49, 1), (0.2, 1), (0.1, 2), (0.0, 3)])
def test_battery_steps_down_below_each_threshold(battery: float, choice: int) -> None:
    policy = build_policy(group({"kind": "battery", "codecs": RATES, "below": ["50 %", "20 %", "10 %"]}))
    assert policy.needs == {"battery"}
    assert policy.choose(Context(battery=battery)) == choice


@pytest.mark.parametrize(("count", "choice"), [(0, 0), (3, 0), (4, 1), (10, 1), (11, 2), (1000, 3)])
@pytest.mark.parametrize("watch", ["uploads", "replies", "queue"])
def test_load_steps_down_above_each_threshold(count: int, choice: int, watch: str) -> None:
    policy = build_policy(group({"kind": "load", "codecs": RATES, "watch": watch, "above": [3, 10, 99]}))
    field = {"uploads": "active_uploads", "replies": "unanswered_uploads", "queue": "server_queue"}[watch]
    assert policy.needs == {field}
    assert policy.choose(Context(**{field: count})) == choice


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"kind": "battery", "codecs": RATES, "below": ["50 %"]}, "4 codecs need 3 thresholds, found 1"),
        ({"kind": "battery", "codecs": ["a", "b", "c"], "below": ["10 %", "50 %"]}, "must decrease"),
        ({"kind": "load", "codecs": ["a", "b", "c"], "above": [4, 4]}, "must increase"),
        ({"kind": "link", "codecs": ["a"], "transfer": "1 s"}, "at least 2 items"),
        ({"kind": "deadline", "codecs": RATES, "deadline": 1}, "needs a unit"),
        ("stre", "stre"),
    ],
)
def test_faulty_policies_are_refused(policy: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        group(policy)


ALTERNATING = """
from devices import Policy

class Alternating(Policy):
    def __init__(self, codecs, first=0):
        self.codecs, self.turn = codecs, first
    def choose(self, context):
        self.turn += 1
        return self.turn % len(self.codecs)

class Undecided(Policy):
    def __init__(self, codecs):
        pass
"""


def test_plugin(plugin_module: Callable[[str, str], Path]) -> None:
    """What it leaves out is filled in: it needs the whole context and sends at once."""
    plugin_module("users_policy", ALTERNATING)
    spec = {
        "kind": "plugin",
        "class": "users_policy:Alternating",
        "codecs": ["a", "b"],
        "options": {"first": 1},
    }
    policy = build_policy(group(spec))
    assert [policy.choose(Context()) for _ in range(3)] == [0, 1, 0]
    assert policy.needs == CONTEXT_FIELDS
    assert policy.index is None
    assert policy.delivery.immediate
    with pytest.raises(PluginError, match="choose"):
        build_policy(group(spec | {"class": "users_policy:Undecided", "options": {}}))


# ---------------------------------------------------------------- hold


def test_hold_gives_full_batches_at_once_and_others_when_due() -> None:
    delivery = build_policy(group({"kind": "hold", "longest": "60 s", "largest": 3})).delivery
    assert not delivery.immediate
    buffer: HoldBuffer[str] = HoldBuffer(delivery)
    assert buffer.hold_s == 60.0
    assert buffer.add(7, "a") is None
    assert buffer.waiting(7) == 1
    number = buffer.batch_number(7)
    assert buffer.add(8, "x") is None
    assert buffer.add(7, "b") is None
    assert buffer.add(7, "c") == ["a", "b", "c"]
    assert buffer.take(7, number) is None  # it has left: the timer finds nothing
    assert buffer.waiting(7) == 0
    assert buffer.batch_number(7) == -1
    assert buffer.add(7, "d") is None
    assert buffer.take(7, number) is None  # nor does it touch the next batch
    assert buffer.take(7, buffer.batch_number(7)) == ["d"]
    assert buffer.take(8, buffer.batch_number(8)) == ["x"]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0.1, 30.0)), max_size=60), st.integers(1, 5))
def test_hold_loses_nothing_keeps_order_and_never_waits_too_long(
    arrivals: list[tuple[int, float]], largest: int
) -> None:
    buffer: HoldBuffer[tuple[int, float]] = HoldBuffer(Delivery(hold_s=20.0, hold_largest=largest))
    now, timers, left = 0.0, [], []
    for device, gap in arrivals:
        now += gap
        for timer in [t for t in timers if t[0] <= now]:
            timers.remove(timer)
            left += [(timer[0], item) for item in buffer.take(*timer[1:]) or []]
        batch = buffer.add(device, (device, now))
        left += [(now, item) for item in batch or []]
        if batch is None and buffer.waiting(device) == 1:
            timers.append((now + 20.0, device, buffer.batch_number(device)))
    for due, device, number in timers:
        left += [(due, item) for item in buffer.take(device, number) or []]
    assert len(left) == len(arrivals)
    assert all(-1e-9 <= sent - spoken <= 20.0 + 1e-9 for sent, (_, spoken) in left)
    for device in range(4):
        spoken = [item[1] for _, item in left if item[0] == device]
        assert spoken == sorted(spoken)


# ---------------------------------------------------------------- stream


def test_stream_blocks_by_hand() -> None:
    blocks = stream_blocks(4.5, 2.0)
    assert [b.ready_s for b in blocks] == pytest.approx([-2.5, -0.5, 0.0])
    assert [b.share for b in blocks] == pytest.approx([2 / 4.5, 2 / 4.5, 0.5 / 4.5])
    assert stream_blocks(4.0, 2.0)[-1] == (0.0, 0.5)
    assert len(stream_blocks(4.0, 2.0)) == 2
    assert stream_blocks(1.0, 2.0) == ((0.0, 1.0),)
    assert stream_blocks(0.0, 2.0) == ((0.0, 1.0),)


@given(st.floats(0.01, 60.0), st.floats(0.05, 10.0))
def test_stream_blocks_cover_the_utterance(duration_s: float, block_s: float) -> None:
    blocks = stream_blocks(duration_s, block_s)
    assert sum(b.share for b in blocks) == pytest.approx(1.0)
    assert blocks[-1].ready_s == 0.0
    assert all(b.share * duration_s <= block_s * (1 + 1e-6) for b in blocks)
    assert all(a.ready_s < b.ready_s for a, b in pairwise(blocks))


# ---------------------------------------------------------------- local


@pytest.mark.parametrize(
    ("name", "duration_s", "measured_s"),
    [
        ("whisper-tiny", 11.0, 5.9),
        ("whisper-tiny", 3.6, 4.3),
        ("whisper-tiny-ct2", 11.0, 3.9),
        ("whisper-tiny-ct2", 3.6, 3.2),
    ],
)
def test_local_reproduces_its_calibration(name: str, duration_s: float, measured_s: float) -> None:
    # Two points give two numbers: only the rounding in the data file is left.
    assert load_local(name).recognize_s(duration_s, load_profile("raspberry-pi-4")) == pytest.approx(
        measured_s, rel=1e-3
    )


def test_scaling_to_another_board_brackets_its_measured_times() -> None:
    """RK3588 (Cortex-A76 at 2.35 GHz), measured by the same author: 3.0 and 1.9 s, and 1.3 and 1.4 s.

    The 7-zip ratio (3146 : 1769) and the matrix ratio of the same core in a Raspberry Pi 5 (8.8 : 2.98) must
    bracket the measured ratios, within the 10 % of the author's rounding to 0.1 s.
    """
    by_zip, by_matrix = 3146 / 1769, 8.8 / 2.98
    for there, here in [(5.9, 3.0), (4.3, 1.9), (3.9, 1.3), (3.2, 1.4)]:
        assert by_zip * 0.9 < there / here < by_matrix * 1.1


def test_local_energy_on_a_phone_is_some_joules() -> None:
    """A non-reviewed article puts local recognition of 30 s of speech on a phone at 3 J or more."""
    phone = load_profile("pixel-8")
    local = load_local("whisper-tiny")
    assert local.power_w(phone) == 2.48
    assert 3.0 < local.recognize_j(30.0, phone) < 30.0
    assert local.power_w(load_profile("oneplus-8")) == pytest.approx(4 * 1.38)
    assert local.text_bytes("größe") == 7
    assert local.text_bytes("") == 1
    with pytest.raises(DeviceError, match="did you mean 'whisper-tiny'"):
        load_local("whisper-tini")
