"""The report: self-contained, right in its headline, and drawn for any sweep."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from amser.labels import Room, place_labels
from amser.report import write_report
from amser.report.axes import cost_axis, swept_axis
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
    return set(re.findall(r'<div id="([\w-]+)" class="plotly-graph-div"', text))


def test_page_is_self_contained_and_small(codec_study: Path) -> None:
    path = write_report(Results.open(codec_study))
    assert path == codec_study / "report.html"
    assert path.stat().st_size < 6_000_000
    text = path.read_text(encoding="utf-8")
    assert text.count("plotly.js v") >= 1
    # Nothing is loaded from anywhere: no script, style, image or frame has an address.
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", text)


def test_a_codec_sweep_has_every_section(codec_study: Path) -> None:
    text = page(codec_study)
    assert drawn(text) == {"trade-off", "latency", "stages", "energy"}
    for heading in (
        "Raw audio against AMSER",
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
    assert '<td class="n big">84.0 <small>% (83.0 to 85.5)</small></td>' in text


def test_a_study_without_codecs_is_drawn_against_its_parameter(results_folder: Make) -> None:
    text = page(results_folder([{"devices.phones.count": n} for n in (10, 40, 80)]))
    assert "against-0" in drawn(text) and "trade-off" not in drawn(text)
    assert "<h2>Raw audio" not in text


def test_two_parameters_give_lines_and_a_menu(results_folder: Make) -> None:
    points = [{"devices.phones.codec": c, "devices.phones.count": n} for c in ("raw", "amser-25") for n in (10, 40)]
    folder = results_folder(points)
    view = Study(Results.open(folder)).view
    assert [part.title for part in view.slices] == ["count 10", "count 40"]
    text = page(folder)
    assert drawn(text) == {"trade-off", "against-1", "latency", "stages", "energy"}
    assert "Shown for count 10" in text


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
    assert list(short_values([*traces, "5 Mbit/s"]).values()) == ["csv file a.csv", "csv file b.csv", "5 Mbit/s"]
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
    text = text[text.index("class='warnings'") :]
    assert text.count("<li>", 0, text.index("</ul>")) == 2 and "alike at 2 other points" in text


@pytest.mark.slow
def test_a_browser_draws_every_figure(codec_study: Path, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no headless browser is installed")
    path = write_report(Results.open(codec_study))
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    command = [browser, *flags, "--virtual-time-budget=10000", "--dump-dom", path.as_uri()]
    try:
        dom = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout
    except subprocess.TimeoutExpired:
        pytest.skip("the browser did not finish; the machine is too busy to tell")
    # plotly draws each figure into layers of class main-svg; an error in its data leaves none.
    for name in ("trade-off", "latency", "stages", "energy"):
        start = dom.index(f'id="{name}"')
        assert "main-svg" in dom[start : dom.find("<section>", start)], name
