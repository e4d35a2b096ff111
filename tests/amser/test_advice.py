"""Advice: equal to the simulation upload by upload, and a pick that its own rule explains."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import amser
import scenarios
from amser.advice.advise import Advice, Option, Verdict
from amser.advice.measured_codecs import Payloads
from amser.advice.upload import Sender
from amser.cli.main import run
from amser.summary import Estimate

HERE = Path(amser.__file__).parent / "data" / "advice.yaml"
LINKS = {
    "lte, tcp, reply at once": ["server.reply=at-once"],
    "3g, a reply to receive": ["devices.phone.radio=3g-2012"],
    "3g, released before its reply": ["devices.phone.radio={kind: 3g-2012, fast_dormancy: 1 ms}"],
    "wifi, udp, backhaul": ["devices.phone.radio=wifi", "cells.uplink.transport=udp", "cells.uplink.backhaul=15 ms"],
    "narrow, fixed access": [
        "cells.uplink.capacity=300 kbit/s",
        "cells.uplink.access={kind: fixed, delay: 12 ms}",
        "server.reply=at-once",
    ],
}


@pytest.mark.parametrize("link", LINKS)
def test_an_upload_costs_what_the_simulation_says(tmp_path: Path, link: str) -> None:
    """One phone, an utterance every ten minutes: every upload is far from any other, and no delay here is random.

    The models are the same objects, so only the order of additions differs: 1e-9.
    """
    sets = [
        *LINKS[link],
        "duration=3 h",
        "sweep={grid: {devices.phone.codec: [raw, opus-9, amser-12.5]}}",
        "log.keep=all",
    ]
    experiment = scenarios.load(str(HERE), sets)
    results = amser.run(experiment, results_root=tmp_path)
    measured = results.measurements.set_index(["codec", "utterance"])
    sender = Sender.of(experiment.points[0].scenario)
    uploads = results.uploads()
    assert len(uploads) == 3 * 18
    for upload in uploads.to_dict("records"):
        row = measured.loc[upload["devices.phone.codec"], upload["utterance"]]
        cost = sender.cost(row["payload_bytes"], row["duration_s"], row["encode_host_s"])
        assert upload["latency_s"] == pytest.approx(cost.latency_s, rel=1e-9)
        assert upload["energy_j"] == pytest.approx(cost.energy_j, rel=1e-9)


@given(st.floats(0, 1e5), st.floats(10, 1e5), st.lists(st.floats(1, 30), min_size=2, max_size=20, unique=True))
def test_payloads_on_a_line_are_found_again(constant: float, slope: float, durations: list[float]) -> None:
    durations_s = np.array(durations)
    fit = Payloads.fitted(durations_s, constant + slope * durations_s)
    middle, low, high = fit.of(float(durations_s.mean()))
    assert middle == pytest.approx(constant + slope * durations_s.mean(), rel=1e-6)
    assert (low, high) == pytest.approx((middle, middle), rel=1e-6)


def test_payload_of_raw_audio_is_two_bytes_a_sample() -> None:
    found = amser.advise([2.1, 13.0])
    raw = {o.length_s: o for o in found.options if o.codec == "raw"}
    for length_s in (2.1, 13.0):
        assert raw[length_s].payload_bytes.mean == pytest.approx(2 * 16_000 * length_s, abs=20)  # a header


def test_word_errors_are_those_of_the_shipped_table() -> None:
    """opus-9 on LibriSpeech with tiny.en, counted by hand from the table: errors of both over the same words."""
    from recognizers.measurement.shipped_tables import measured_tables

    (table,) = [t for t in measured_tables() if t.path.stem == "librispeech-tiny.en"]
    rows = table.rows()
    errors = rows["substitutions"] + rows["deletions"] + rows["insertions"]
    by_codec = errors.groupby(rows["codec"]).sum()
    words = rows[rows["codec"] == "raw"]["reference_words"].sum()
    option = next(o for o in amser.advise([6.2]).options if o.codec == "opus-9")
    assert option.wer_loss.mean == pytest.approx((by_codec["opus-9"] - by_codec["raw"]) / words)
    assert option.wer_loss.low < option.wer_loss.mean < option.wer_loss.high and option.wer_loss.n == 120


def option(codec: str, energy_j: float, verdict: Verdict) -> Option:
    def known(value: float) -> Estimate:
        return Estimate(value, value, value, 9, "utterances")

    return Option(codec, 5.0, known(1e3 * energy_j), known(1.0), known(energy_j), known(0.0), verdict)


def test_the_pick_is_the_cheapest_that_surely_keeps_the_budget() -> None:
    options = (
        option("raw", 9.0, "within"),
        option("a", 1.0, "over"),
        option("b", 2.0, "perhaps"),
        option("c", 3.0, "within"),
    )
    assert Advice(0.01, "energy", options, {}, ()).pick(5.0).codec == "c"
    assert Advice(0.01, "energy", options[:3], {}, ()).pick(5.0).codec == "raw"


def test_a_smaller_budget_never_gives_a_cheaper_pick() -> None:
    """Whatever keeps a small budget keeps a large one."""
    picks = [amser.advise([6.2], budget=budget).pick(6.2).energy_j.mean for budget in (0.05, 0.01, 0.002, 0.0)]
    assert picks == sorted(picks)


def test_lossless_codecs_keep_any_budget_and_others_without_an_interval_do_not() -> None:
    verdicts = {o.codec: (o.verdict, o.wer_loss) for o in amser.advise([6.2], budget=0.0).options}
    assert verdicts["flac"][0] == verdicts["raw"][0] == "within"
    verdict, loss = verdicts["amser-100"]
    assert loss.mean == 0.0 and math.isnan(loss.high) and verdict == "perhaps"


def test_the_command_prints_a_table_its_pick_and_what_it_rests_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["advise", "--length", "2.1 s", "--length", "13 s", "--radio", "wifi", "--goal", "bytes"]) == 0
    out, err = capsys.readouterr()
    assert out.count("take klt-") == 2 and "a clip of 13 s, least bytes first:" in out
    assert "120 utterances of librispeech (3250 words), Whisper tiny.en" in out and "calibration h100/tiny.en" in out
    assert "of twenty such intervals one is expected to miss" in err
    assert run(["advise", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {o["length_s"] for o in found["options"]} == {2.1, 6.2, 13.0}
    assert sum(o["pick"] for o in found["options"]) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--length", "6.2"], 2, "needs a unit"),
        (["--length", "45 s"], 2, "no longer than Whisper's window of 30 s"),
        (["--budget", "1"], 2, "accepted units are %"),
        (["--goal", "money"], 2, "accepted: energy, latency, bytes"),
        (["--uplink", "5"], 2, "needs a unit"),
        (["--radio", "6g"], 2, "6g"),
        (["--model", "huge"], 3, "librispeech with huge; there are librispeech with base"),
        (["--corpus", "ravdess", "--model", "base"], 3, "no measured table has the words of ravdess with base"),
        (["--set", "cells.uplink.capacity={kind: periodic, segments: []}"], 2, "capacity"),
    ],
)
def test_mistakes_are_told(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, told: str) -> None:
    assert run(["advise", *arguments]) == code
    assert told in capsys.readouterr().err


def test_the_page_has_a_mark_for_every_codec_and_the_picks_in_words(tmp_path: Path) -> None:
    from amser.advice import advise
    from amser.report.advice_page import losses, render

    file = tmp_path / "advice.html"
    command = ["advise", "--length", "2.1 s", "--length", "6.2 s", "--goal", "bytes", "-o", str(file)]
    assert run(command) == 0
    found = advise([2.1, 6.2], goal="bytes")
    figure = losses(found)
    shown = [trace for trace in figure.data if trace.visible]
    assert [trace.name for trace in shown] == [option.codec for option in found.of(2.1)]
    assert [trace.y[0] for trace in shown] == [option.wer_loss.mean * 100 for option in found.of(2.1)]
    # A full mark is a codec that keeps the budget with its whole interval, as the table says.
    full = {trace.name for trace in shown if "-open" not in trace.marker.symbol}
    assert full == {option.codec for option in found.of(2.1) if option.verdict == "within"}
    text = file.read_text(encoding="utf-8")
    assert text == render(found) and f"take {found.pick(6.2).codec}: payload" in text
    assert run(command) == 2  # nothing is overwritten
