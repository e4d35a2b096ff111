"""Ends of energies: what a run with every power at that end gives, without that run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amser.banded import COMPONENTS, band_text, ratio_ends
from amser.summary import Summary
from devices import load_profile, load_radio
from devices.radio import Radio

BODY = """
cells: {{link: {{capacity: 5 Mbit/s, sharing: equal, rtt: 40 ms, transport: udp}}}}
devices:
  phones:
    {{count: 4, profile: {profile}, radio: {radio}, battery: {{capacity: 1 Wh}},
      traffic: {{kind: poisson, rate: 3 /min}}, codec: big, cell: link}}
  mains: {{count: 2, profile: raspberry-pi-4, radio: wifi-no-power-save, traffic: {{kind: poisson, rate: 1 /min}},
          codec: small, cell: link}}
server: {{reply: at-once, service: {{kind: constant, time: 50 ms}}}}
duration: 10 min
"""


def at_an_end(radio: Radio, end: int) -> str:
    """The radio with every power at one end of its band, as figures of a scenario."""
    bands = radio.bands
    sending, waking, tail = bands["transmit"][end], bands["wake"][end], bands["tail"][end]
    wake_w = radio.wake_j(float("inf")) / radio.idle_wake_delay_s
    phases = ", ".join(f"{{duration: {p.duration_s} s, power: {p.power_w * tail!r} W}}" for p in radio.phases)
    return (
        f"{{kind: custom, wake_delay: {radio.idle_wake_delay_s} s, wake_power: {wake_w * waking!r} W, "
        f"transmit_power: {radio.transmit_power_w * sending!r} W, "
        f"power_per_mbps: {radio.transmit_j_per_bit * 1e9 * sending!r} mW, "
        f"tail: [{phases}]}}"
    )


@pytest.mark.parametrize(("end", "name"), [(0, "low"), (1, "high")])
def test_the_ends_are_those_of_runs_with_such_powers(run_text: Callable, end: int, name: str) -> None:  # type: ignore[type-arg]
    """To rounding: powers change no time.  The other group adds a radio with a band of its own; nothing is coded."""
    radio, other = load_radio("lte"), load_radio("wifi-no-power-save")
    body = BODY.format(profile="pixel-8", radio="lte")
    metrics, log = run_text(body)
    there, there_log = run_text(BODY.format(profile="pixel-8", radio=at_an_end(radio, end)))
    mains = log["group"] == 1
    theirs_j = log.loc[mains, "transmit_j"].sum() * (other.bands["transmit"][end] - 1.0)
    theirs_j += log.loc[mains, "receive_j"].sum() * (other.bands["receive"][end] - 1.0)
    expected = there_log["energy_j"].sum() + theirs_j
    sent = (log["wire_bytes"] > 0).sum()
    assert metrics[f"energy_per_upload_{name}_j"] == pytest.approx(expected / sent, rel=1e-9)
    assert metrics["energy_per_upload_low_j"] < metrics["energy_per_upload_j"] < metrics["energy_per_upload_high_j"]
    # A battery lasts longest where everything draws least.
    assert metrics["battery_lifetime_high_s" if end == 0 else "battery_lifetime_low_s"] == pytest.approx(
        there["battery_lifetime_s"], rel=1e-9
    )


def test_what_is_exact_has_no_ends(run_text: Callable) -> None:  # type: ignore[type-arg]
    body = BODY.format(profile="{kind: custom, cpu_power: 1 W}", radio="nb-iot").replace("wifi-no-power-save", "nb-iot")
    metrics, _ = run_text(body.replace("raspberry-pi-4", "{kind: custom, cpu_power: 1 W}"))
    assert metrics["energy_per_upload_low_j"] == metrics["energy_per_upload_high_j"]
    assert metrics["energy_per_upload_low_j"] == pytest.approx(metrics["energy_per_upload_j"], rel=1e-12)
    assert "energy_tail_low_j" not in metrics


def test_energy_is_divided_by_the_uploads_that_were_sent(run_text: Callable) -> None:  # type: ignore[type-arg]
    """A battery of 60 J on an LTE of 2012 dies in its fifth upload; what is said then is neither coded nor sent."""
    body = BODY.format(profile="pixel-8", radio="lte-2012").replace("1 Wh", "60 J")
    metrics, log = run_text(body)
    assert metrics["battery-dead_fraction"] > 0.3
    sent, coded = log["wire_bytes"] > 0, log["payload_bytes"] > 0
    assert sent.sum() < len(log)
    assert metrics["energy_per_upload_j"] == pytest.approx(log["energy_j"].sum() / sent.sum())
    assert metrics["payload_mean_bytes"] == pytest.approx(log.loc[coded, "payload_bytes"].mean())


def test_the_band_of_coding_is_that_of_its_time_and_of_its_power() -> None:
    watch = load_profile("galaxy-watch4")
    assert watch.encode_band.low == pytest.approx(0.5)  # 7-zip is the central and the lower estimate
    assert watch.encode_band.high == pytest.approx(2.0 * watch.encode_scale_high / watch.encode_scale)


ENERGY = st.floats(0.01, 10.0)
FACTOR = st.floats(0.1, 1.0), st.floats(1.0, 10.0)


def summary_of(before: dict[str, float], after: dict[str, float], bands: dict[str, tuple[float, float]]) -> Summary:
    import pandas as pd

    rows = []
    for point, energies in (("raw", before), ("less", after)):
        for name in COMPONENTS:
            figures = {f"energy_{name}_j": energies[name]}
            if name in bands:
                ends = zip(("low", "high"), bands[name], strict=True)
                figures |= {f"energy_{name}_{end}_j": energies[name] * factor for end, factor in ends}
            rows += [{"codec": point, "metric": m, "unit": "J", "mean": v} for m, v in figures.items()]
    frame = pd.DataFrame(rows).assign(low=float("nan"), high=float("nan"), n=1, over="replications")
    return Summary(frame, ["codec"])


@given(
    st.fixed_dictionaries(dict.fromkeys(COMPONENTS, ENERGY)),
    st.fixed_dictionaries(dict.fromkeys(COMPONENTS, ENERGY)),
    st.dictionaries(st.sampled_from(COMPONENTS), st.tuples(*FACTOR), min_size=1),
    st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5),
)
def test_no_choice_within_the_bands_leaves_the_ends_of_a_ratio(
    before: dict[str, float], after: dict[str, float], bands: dict[str, tuple[float, float]], where: list[float]
) -> None:
    """The same factor in both codecs, anywhere between its ends."""
    ends = ratio_ends(summary_of(before, after, bands), ("raw",), ("less",))
    assert ends is not None
    widths = zip(COMPONENTS, where, (bands.get(c, (1.0, 1.0)) for c in COMPONENTS), strict=True)
    factors = {c: low + w * (high - low) for c, w, (low, high) in widths}
    ratio = sum(after[c] * factors[c] for c in COMPONENTS) / sum(before[c] * factors[c] for c in COMPONENTS)
    assert ends[0] * (1 - 1e-9) <= ratio <= ends[1] * (1 + 1e-9)


def test_the_headline_says_what_a_remembered_tail_decides() -> None:
    """By hand: 1 J of bytes against 0.1 J, and a tail of 1 J that may be 0.5 or 4 J: 1.1/2, 0.6/1.5 and 4.1/5."""
    before, after = ({**dict.fromkeys(COMPONENTS, 0.0), "transmit": j, "tail": 1.0} for j in (1.0, 0.1))
    summary = summary_of(before, after, {"tail": (0.5, 4.0)})
    assert ratio_ends(summary, ("raw",), ("less",)) == pytest.approx((0.4, 0.82))
    assert band_text(summary, ("raw",), ("less",)).startswith("1.2× lower to 2.5× lower over the bands of remembered")
    assert band_text(summary_of(before, after, {}), ("raw",), ("less",)) == ""
