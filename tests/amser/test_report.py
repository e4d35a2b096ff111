"""The report: self-contained, right in its headline, and drawn for any sweep."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amser.labels import Room, place_labels
from amser.report import write_report
from amser.report.axes import cost_axis, height_axis, swept_axis
from amser.report.frame import packed, unpacked
from amser.report.material import Study
from amser.report.page import render
from amser.report.palette import sequence, styles
from amser.summary import Estimate, short_values
from amser.verdict import change, sentence
from sim.study.results import Results

Make = Callable[..., Path]
ROOM = Room(470.0, 300.0, glyph=6.6, line=14.0, mark=7.0, bar=5.0, above=40.0)


def page(folder: Path) -> str:
    return render(Study(Results.open(folder)))


def drawn(text: str) -> set[str]:
    """Figures on the page, by the id of their element."""
    return set(re.findall(r'<div class="plot" id="([\w-]+)"', text))


def test_page_is_self_contained_and_small(codec_study: Path) -> None:
    path = write_report(Results.open(codec_study))
    assert path == codec_study / "report.html"
    assert path.stat().st_size < 2_000_000
    text = path.read_text(encoding="utf-8")
    library = re.search(r'id="library">(.*?)</script>', text)
    assert library is not None and "plotly.js v" in unpacked(library[1])[:2000]
    # Nothing is loaded from anywhere: no script, style, image or frame has an address.
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", text)


def test_a_codec_sweep_has_every_section(codec_study: Path) -> None:
    text = page(codec_study)
    assert drawn(text) == {"trade-off", "latency", "stages", "energy"}
    for heading in (
        "Raw audio against features",
        "The figures",
        "Where the figures come from",
        "Forty phones on one uplink",
        "words and emotions of 200 utterances",
    ):
        assert heading in text
    assert "7.8× smaller" in text  # 96 000 B against 12 300 B
    assert "+0.6 points" in text and "−2.0 points" in text
    assert "sha256 0123456789ab" in text


def test_amser_is_the_smallest_payload_that_understands_as_well(codec_study: Path) -> None:
    view = Study(Results.open(codec_study)).view
    pair = view.versus(view.slices[0])
    assert pair is not None
    # WER of amser-12.5 is 0.6 points above raw's, within the point that is tolerated.
    assert [s.name for s in pair] == ["raw", "amser-12.5"]
    text = sentence(view, view.slices[0], {})
    assert text.startswith("amser-12.5 against raw: payload 7.8× smaller, latency ")
    assert text.endswith("emotion accuracy −2.0 points")
    paired = {"wer": Estimate(0.006, -0.002, 0.0141, 200, "utterances")}
    text = sentence(view, view.slices[0], paired)
    assert "word errors +0.6 (−0.2 to +1.4) points" in text
    assert text.endswith("(words and emotions paired over 200 utterances)")


def test_headline_shows_paired_differences_where_there_are(codec_study: Path) -> None:
    rows = ["devices.phones.codec,metric,unit,difference,low,high,n,over,variance_reduction"]
    rows += ["flac,latency_mean_s,s,-0.1,-0.2,0.0,3,replications,2.0"]
    rows += ["amser-12.5,latency_mean_s,s,-0.207,-0.215,-0.199,3,replications,5.0"]
    rows += ["amser-12.5,ser_accuracy,1,-0.02,-0.051,0.012,200,utterances,"]
    (codec_study / "differences.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    text = page(codec_study)
    assert "paired difference" in text and "−207 ± 8 ms" in text
    assert "<td>−2.0 (−5.1 to +1.2) points</td>" in text and "Emotion accuracy <small>(200 utterances)</small>" in text
    assert '84.0 <small>%</small> <small class="ends">(83.0 to 85.5)</small></td>' in text
    assert "<h2>Differences, paired</h2>" in text and "These are 3\ncomparisons at 95 % each" in text
    assert "<b>−207 ± 8</b>" in text and "<b>−100 ± 100</b>" not in text  # the second interval touches zero


def test_a_study_without_codecs_is_drawn_against_its_parameter(results_folder: Make) -> None:
    text = page(results_folder([{"devices.phones.count": n} for n in (10, 40, 80)]))
    assert "against-0" in drawn(text) and "trade-off" not in drawn(text)
    assert "<h2>Raw audio" not in text


def test_a_study_of_policies_speaks_of_points_and_of_what_was_heard(results_folder: Make) -> None:
    """Labels are names, so nothing is a codec here; without emotions none are spoken of."""
    folder = results_folder([{"devices.phones.policy": p} for p in ("fixed", "adaptive", "adaptive to 1 s")])
    summary = folder / "summary.csv"
    frame = pd.read_csv(summary)
    frame.loc[frame["metric"] == "payload_mean_bytes", "mean"] = [96e3, 50e3, 60e3]
    frame[~frame["metric"].str.startswith("ser_")].to_csv(summary, index=False)
    text = page(folder)
    assert "Each mark is one point of the sweep" in text and "adaptive to 1 s" in text
    assert "words of 200 utterances" in text and "words and emotions of" not in text


def test_a_label_of_a_codec_is_a_codec(results_folder: Make) -> None:
    """`{label: AMSER, value: amser-25}` is set against raw audio as `amser-25` would be."""
    folder = results_folder([{"devices.phones.codec": c} for c in ("raw", "AMSER")])
    with (folder / "resolved.yaml").open("a", encoding="utf-8") as file:
        file.write("sweep: {grid: {devices.phones.codec: [raw, {label: AMSER, value: amser-25}]}}\n")
    assert Study(Results.open(folder)).codec_kinds["AMSER"] == "mel-svd"
    assert "<h2>Raw audio against features</h2>" in page(folder)


def test_two_parameters_give_lines_and_a_menu(results_folder: Make) -> None:
    points = [{"devices.phones.codec": c, "devices.phones.count": n} for c in ("raw", "amser-25") for n in (10, 40)]
    folder = results_folder(points)
    view = Study(Results.open(folder)).view
    assert [part.title for part in view.slices] == ["count 10", "count 40"]
    text = page(folder)
    assert drawn(text) == {"trade-off", "against-1", "latency", "stages", "energy"}
    assert "Figures are those of count 10" in text and "over 2 situations" in text


def test_one_replication_no_log_and_no_sweep_still_make_a_page(results_folder: Make) -> None:
    text = page(results_folder([{}], replications=1, log=False))
    assert drawn(text) == {"stages", "energy"}


def test_an_incomplete_study_says_so_before_anything_else(results_folder: Make) -> None:
    text = page(results_folder([{"devices.phones.codec": "raw"}], complete=False))
    assert text.index("Partial results: the study was interrupted") < text.index("<h2>The figures")


def test_text_of_the_scenario_cannot_become_markup(results_folder: Make) -> None:
    folder = results_folder([{"devices.phones.codec": "raw"}])
    evil = "amser: 1\nname: x\ntitle: '<script>alert(1)</script>'\n"
    (folder / "resolved.yaml").write_text(evil, encoding="utf-8")
    assert "<script>alert(1)" not in page(folder)


def test_warm_up_is_left_out_of_the_distribution(codec_study: Path) -> None:
    study = Study(Results.open(codec_study))
    uploads = Results.open(codec_study).uploads("p00")
    counted = uploads[uploads["speech_end_s"] >= 60.0]
    assert len(study.latencies()["raw",]) == len(counted) < len(uploads)


@pytest.mark.parametrize(
    ("metric", "before", "after", "text"),
    [
        ("latency_mean_s", 1.0, 0.5, "2.0× lower"),
        ("latency_mean_s", 0.5, 1.0, "2.0× higher"),
        ("payload_mean_bytes", 100.0, 20.0, "5.0× smaller"),
        ("wer", 0.02, 0.02, "the same"),
        ("wer", 0.02, 0.035, "+1.5 points"),
        ("ser_accuracy", 0.8, 0.79, "−1.0 points"),
        ("energy_per_upload_j", 1.0, 1.001, "the same"),
    ],
)
def test_changes_in_words(metric: str, before: float, after: float, text: str) -> None:
    assert change(metric, before, after) == text


def test_families_share_a_shape_and_no_two_codecs_a_mark() -> None:
    kinds = {"raw": "pcm", "amser-12.5": "mel-svd", "amser-25": "mel-svd", "opus-16": "opus"}
    found = styles(list(kinds), kinds)
    shapes = {name: style.symbol.split("-")[0] for name, style in found.items()}
    assert shapes["amser-12.5"] == shapes["amser-25"] != shapes["opus-16"]
    assert len({s.symbol for s in found.values()}) == 4
    assert len({s.colour for s in found.values()}) == 4
    assert len({s.colour for s in sequence([str(i) for i in range(8)]).values()}) == 8


def test_axes_span_what_they_show() -> None:
    axis = cost_axis([30.0, 256.0])
    assert axis["type"] == "log" and axis["tickvals"] == [20.0, 50.0, 100.0, 200.0] and axis["ticktext"][0] == "20"
    assert cost_axis([100.0, 110.0])["type"] == "linear"
    assert cost_axis([])["range"][1] > 0


def test_labels_of_marks_at_one_place_differ() -> None:
    axis = {"range": [0.0, 2.0]}
    found = place_labels([(1.0, 1.0)] * 4, ["raw", "flac", "pcm", "mp3"], axis, axis, [(0.9, 1.1)] * 4, ROOM)
    assert len({label.position for label in found}) == 4


def test_labels_keep_off_the_bars_and_inside_the_panel() -> None:
    axis = {"range": [0.0, 1.0]}
    # A bar of the panel's whole height leaves only the sides; at the right edge only one of them.
    assert place_labels([(0.5, 0.5)], ["raw"], axis, axis, [(0.0, 1.0)], ROOM)[0].position == "middle right"
    assert place_labels([(0.99, 0.5)], ["raw"], axis, axis, [(0.0, 1.0)], ROOM)[0].position == "middle left"
    # Between two others, a name stands beyond the end of its own bar.
    crowd = [(0.44, 0.5), (0.5, 0.5), (0.56, 0.5)]
    middle = place_labels(crowd, ["raw", "amser-12.5", "flac"], axis, axis, [(0.4, 0.6)] * 3, ROOM)[1]
    assert middle.position == "top center" and middle.y == 0.6 and middle.clear


def test_names_without_room_are_left_to_the_legend() -> None:
    axis = {"range": [0.0, 1.0]}
    found = place_labels([(0.5, 0.5)] * 12, [f"amser-{i}" for i in range(12)], axis, axis, [], ROOM)
    assert found[0].clear and not found[-1].clear


def test_swept_axes_have_a_tick_at_each_value() -> None:
    assert swept_axis([10.0, 40.0, 160.0, 640.0])["ticktext"] == ["10", "40", "160", "640"]
    assert swept_axis([10.0, 40.0, 160.0, 640.0])["type"] == "log"
    assert swept_axis([0.0, 640.0])["type"] == "linear"


def test_values_that_are_mappings_are_named_by_what_differs() -> None:
    traces = [f'{{"kind": "csv", "file": "{name}.csv", "start": "random"}}' for name in "ab"]
    assert list(short_values([*traces, "5 Mbit/s"]).values()) == ["csv a", "csv b", "5 Mbit/s"]
    options = ['{"kind": "plugin", "options": {"bad": true}}', '{"kind": "plugin", "options": {"bad": false}}']
    assert list(short_values(options).values()) == ["plugin bad true", "plugin bad false"]
    assert list(short_values(['{"a": 1}', "x"]).values()) == ['{"a": 1}', "x"]


def test_failed_runs_are_named_by_their_values(results_folder: Make) -> None:
    folder = results_folder([{"devices.phones.codec": "raw"}, {"devices.phones.codec": "flac"}], complete=False)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["failures"] = {f"{manifest['points'][1]['key']}-s2": "ValueError: no (x.py:3)"}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    text = page(folder)
    assert "Partial results" in text and "flac, replication 2: ValueError: no (x.py:3)" in text


def test_warnings_that_differ_in_their_point_are_said_once(results_folder: Make) -> None:
    folder = results_folder([{"devices.phones.codec": "raw"}])
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    alike = [f"count={n}: latency_p99_s rests on {9 * n} samples" for n in (1, 2, 3)]
    manifest["warnings"] = [*alike, "one replication"]
    path.write_text(json.dumps(manifest), encoding="utf-8")
    text = page(folder)
    text = text[text.index('class="warnings"') :]
    assert text.count("<li>", 0, text.index("</ul>")) == 2 and "alike at 2 other points" in text


def tampered(folder: Path, metric: str, values: dict[str, float]) -> Path:
    """The study with the mean of one metric changed at the points whose row begins so."""
    path = folder / "summary.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    for i, line in enumerate(lines):
        for start, value in values.items():
            if line.startswith(start) and f",{metric}," in line:
                point, rest = line.split(f",{metric},")
                lines[i] = f"{point},{metric},{rest.split(',')[0]},{value},{value},{value},3,replications"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_no_ratio_is_to_a_saturated_point(results_folder: Make) -> None:
    """Raw audio fills the link at 160 phones: the headline shows 40 and says what is left out of the range."""
    points = [{"devices.phones.codec": c, "devices.phones.count": n} for n in (160, 40) for c in ("raw", "amser-25")]
    folder = tampered(results_folder(points), "uplink_utilisation", {"raw,160": 0.999})
    text = page(folder)
    assert "Figures are those of count 40" in text and "simulated time: count 160" in text
    study = Study(Results.open(folder))
    assert "latency not compared, a link or server is saturated" in sentence(study.view, study.view.slices[0], {})
    told = study.view.told()  # what the closing sentence of a run is about
    assert told is not None and told[0].title == "count 40"


def test_policies_beside_codecs_are_named_in_full_and_two_codecs_once(
    results_folder: Make, make_results: Make, tmp_path: Path
) -> None:
    """No grid: slices of single points would compare nothing.  A second codec that follows the first adds no slice."""
    policies = ["fixed", "fixed", '{"kind": "link"}', '{"kind": "load"}']
    codecs = ["amser-100", "amser-25", "amser-100", "amser-100"]
    points = [{"p.policy": p, "p.codec": c} for p, c in zip(policies, codecs, strict=True)]
    view = Study(Results.open(results_folder(points))).view
    assert view.codec_axis is None and len(view.slices) == 1
    assert [s.name for s in view.slices[0].series] == [
        "fixed, amser-100",
        "fixed, amser-25",
        "link, amser-100",
        "load, amser-100",
    ]
    pairs = [{"a.codec": c, "b.codec": c} for c in ("raw", "flac")]
    view = Study(Results.open(make_results(tmp_path / "two", pairs))).view
    assert [s.name for s in view.slices[0].series] == ["raw", "flac"] and len(view.slices) == 1


def test_one_point_does_not_flatten_the_others() -> None:
    assert height_axis([1.0, 2.0, 3.0])["rangemode"] == "tozero"
    assert height_axis([1.0, 2.0, 3.0, 90.0])["type"] == "log"
    assert height_axis([0.0, 2.0, 3.0, 90.0])["rangemode"] == "tozero"  # zero has no logarithm


@given(st.text(max_size=200))
def test_packed_text_comes_back_and_cannot_end_its_element(text: str) -> None:
    assert unpacked(packed(text)) == text and "<" not in packed(text)
