"""What parts of a scenario would leave without effect is refused at its place, with the remedy."""

from __future__ import annotations

import pytest

from scenarios import ScenarioError, loads

SCENARIO = """
amser: 1
duration: 1 min
corpus: {{kind: synthetic, utterances: 5}}
recognizer: {{kind: none}}
emotion: {{kind: none}}
cells: {{city: {{capacity: 10 Mbit/s, {cell}}}}}
devices:
  phones:
    {{count: 2, profile: pixel-8, radio: lte, traffic: {{kind: poisson, rate: 1 /min}}, codec: raw, cell: city{group}}}
server: {{service: {{kind: constant, time: 1 ms}}}}
"""
RATES = "device_rates: {kind: given, rates: [1 Mbit/s]}"


def text(cell: str = "transport: udp", group: str = "") -> str:
    return SCENARIO.format(cell=cell, group=group)


@pytest.mark.parametrize("sharing", ["equal", "fifo", "weighted"])
def test_own_rates_where_the_sharing_knows_none(sharing: str) -> None:
    with pytest.raises(ScenarioError, match=r"cells\.city\.device_rates: .*knows no rates.*take max-min"):
        loads(text(f"sharing: {sharing}, {RATES}"))


@pytest.mark.parametrize("sharing", ["max-min", "dedicated", "router", "airtime", "wifi", "proportional-fair"])
def test_own_rates_where_the_sharing_has_a_use_for_them(sharing: str) -> None:
    assert loads(text(f"sharing: {sharing}, {RATES}")).points[0].scenario.cells["city"].device_rates is not None


def test_weights_where_the_sharing_knows_none() -> None:
    with pytest.raises(ScenarioError, match=r"devices\.phones\.weight: .*knows no weights; take weighted"):
        loads(text(group=", weight: 3"))
    assert loads(text("sharing: weighted", ", weight: 3")).points[0].scenario.devices["phones"].weight == 3.0


def test_movement_needs_places_and_speeds_in_order() -> None:
    moving = ", movement: {slowest: 1 m/s, fastest: 5 km/h}"
    with pytest.raises(ScenarioError, match=r"devices\.phones\.movement: cell 'city' has no places; .*propagation"):
        loads(text(group=moving))
    places = "sharing: blocks, device_rates: {kind: propagation}"
    movement = loads(text(places, moving)).points[0].scenario.devices["phones"].movement
    assert movement is not None and movement.fastest == pytest.approx(5 / 3.6)
    with pytest.raises(ScenarioError, match=r"`slowest` \(2 m/s\) is above `fastest`"):
        loads(text(places, ", movement: {slowest: 2 m/s, fastest: 1 m/s}"))


def test_contention_counted_twice() -> None:
    with pytest.raises(ScenarioError, match=r"cells\.city\.access: .*leave `access` out"):
        loads(text("sharing: wifi, access: wifi"))


def test_a_policy_that_looks_at_a_battery_needs_one() -> None:
    policy = ", policy: {kind: battery, codecs: [raw, flac], below: [50 %]}"
    with pytest.raises(ScenarioError, match=r"devices\.phones\.policy: .*give the devices a `battery`"):
        loads(text(group=policy))
    loads(text(group=policy + ", battery: profile"))


def test_traces_of_devices_need_a_sharing_that_knows_limits() -> None:
    rates = "device_rates: {kind: traces, folder: drives}"
    with pytest.raises(ScenarioError, match=r"cells\.city\.device_rates: `sharing: blocks` .*take dedicated"):
        loads(text(f"sharing: blocks, {rates}"))
    varying = "capacity: {kind: diurnal, rate: 1 Mbit/s, hours: [" + "50 %, " * 24 + "]}"
    moved = text(f"sharing: dedicated, {rates}").replace("capacity: 10 Mbit/s", varying)
    with pytest.raises(ScenarioError, match=r"cells\.city\.capacity: .*give one that is constant"):
        loads(moved)
    with pytest.raises(ScenarioError, match=r"cells\.city\.device_rates.*files"):
        loads(text("sharing: max-min, device_rates: {kind: traces, folder: drives, files: '../*.csv'}"))
    assert loads(text(f"sharing: max-min, {rates}")).points


TWO = "sharing: blocks, device_rates: {kind: propagation}}, other: {capacity: 10 Mbit/s, sharing: blocks"
MOVES = ", movement: {slowest: 1 m/s, fastest: 2 m/s}"


@pytest.mark.parametrize(
    ("cells", "group", "told"),
    [
        (TWO, ", handover: [other]", r"devices\.phones\.handover: phones that stay .* give a `movement`"),
        (TWO, MOVES + ", handover: [other]", r"devices\.phones\.handover: cell 'other' has no places"),
        (TWO, MOVES + ", handover: [nowhere]", r"devices\.phones\.handover.*nowhere"),
        (TWO, MOVES + ", handover: [city]", r"devices\.phones\.handover: a cell stands here twice"),
        (
            f"{TWO}, device_rates: {{kind: propagation}}, rtt: 9 ms",
            MOVES + ", handover: [other]",
            r"devices\.phones\.handover: cell 'other' has another `rtt` than 'city'",
        ),
        (
            f"{TWO}, device_rates: {{kind: propagation}}".replace(
                "other: {capacity: 10 Mbit/s, sharing: blocks", "other: {capacity: 10 Mbit/s, sharing: router"
            ),
            MOVES + ", handover: [other]",
            r"devices\.phones\.handover: windows in the router's queue of cell 'other'",
        ),
        (
            f"{TWO}, device_rates: {{kind: propagation}}",
            MOVES + ", handover: {cells: [other], hysteresis: -1 dB}",
            r"devices\.phones\.handover\.hysteresis",
        ),
    ],
)
def test_handover_needs_movement_and_cells_alike(cells: str, group: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        loads(text(cells, group))


def test_handover_between_placed_cells() -> None:
    handover = loads(
        text(f"{TWO}, device_rates: {{kind: propagation, position: [-2 km, 3 m]}}", MOVES + ", handover: [other]")
    )
    scenario = handover.points[0].scenario
    assert scenario.devices["phones"].handover is not None
    rates = scenario.cells["other"].device_rates
    assert rates is not None and rates.kind == "propagation" and rates.position == (-2000.0, 3.0)
