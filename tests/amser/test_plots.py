"""Figures for papers: the data that they draw, their files, and what a user's mistakes are told."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import amser
from amser.cli.main import run
from amser.plots.panels import pareto_front
from scenarios.magnitudes import numbers
from sim.study.results import Results

Make = Callable[..., Path]
GRID = [{"devices.phones.codec": c, "devices.phones.count": n} for c in ("raw", "amser-25") for n in (10, 40, 160)]


def drawn(figure, axis: int = 0) -> dict[str, tuple[list[float], list[float]]]:
    """By its name in the legend, the marks of each series."""
    handles, names = figure.axes[axis].get_legend_handles_labels()
    lines = [getattr(h, "lines", [h])[0] for h in handles]
    return {n: (list(line.get_xdata()), list(line.get_ydata())) for n, line in zip(names, lines, strict=True)}


def test_lines_are_the_means_of_the_summary_in_the_axis_unit(results_folder: Make) -> None:
    folder = results_folder(GRID)
    figure = amser.plot(folder, x="count", y="latency_p95_s", by="codec")
    lines = drawn(figure)
    assert list(lines) == ["raw", "amser-25"] and lines["raw"][0] == [10.0, 40.0, 160.0]
    summary = Results.open(folder).summary
    wanted = summary[(summary["metric"] == "latency_p95_s") & (summary["devices.phones.codec"] == "raw")]["mean"]
    factor = 1e3 if "[ms]" in figure.axes[0].get_ylabel() else 1.0
    assert lines["raw"][1] == pytest.approx([v * factor for v in wanted])


def test_error_bars_reach_to_the_ends_of_the_interval(codec_study: Path) -> None:
    """The made-up study's word errors reach from 1 point below the mean to 1.5 above: the bars are not symmetric."""
    figure = amser.plot(codec_study, x="payload_mean_bytes", y="wer", by="codec")
    bars = figure.axes[0].containers[0].lines[2][-1]  # those across come first
    (below, above) = bars.get_segments()[0]
    assert (below[1], above[1]) == pytest.approx((1.1, 3.6), abs=1e-3)  # raw: 2.1 %


def test_an_axis_is_logarithmic_where_values_span_much(results_folder: Make) -> None:
    folder = results_folder(GRID)
    assert amser.plot(folder, x="count", y="wer", by="codec").axes[0].get_xscale() == "log"
    assert amser.plot(folder, x="count", y="wer", by="codec", log="none").axes[0].get_xscale() == "linear"
    assert amser.plot(folder, x="count", y="wer", by="codec", log="y").axes[0].get_yscale() == "log"


def test_where_picks_points(results_folder: Make) -> None:
    figure = amser.plot(results_folder(GRID), x="codec", y=["wer", "energy_per_upload_j"], where=["count=40"])
    assert [t.get_text() for t in figure.axes[1].get_xticklabels()] == ["raw", "amser-25"]
    assert len(figure.axes) == 2


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=30))
def test_the_front_is_every_point_that_none_beats(points: list[tuple[float, float]]) -> None:
    """By the definition: another point beats one where it is no worse in both and better in one."""

    def beaten(a: tuple[float, float]) -> bool:
        return any(b[0] <= a[0] and b[1] <= a[1] and b != a for b in points)

    front = pareto_front([p[0] for p in points], [p[1] for p in points])
    assert {points[i] for i in front} == {p for p in points if not beaten(p)}
    assert [points[i][0] for i in front] == sorted(points[i][0] for i in front)


def test_the_front_leaves_out_what_is_not_known() -> None:
    assert pareto_front([1.0, math.nan, 2.0], [3.0, 0.0, math.nan]) == [0]


def test_pareto_front_of_an_accuracy_prefers_more(codec_study: Path) -> None:
    figure = amser.plot(codec_study, x="payload_mean_bytes", y="ser_accuracy", by="codec", pareto=True)
    (front,) = [line for line in figure.axes[0].lines if line.get_drawstyle() == "steps-post"]
    # The fixture's codecs lose accuracy with bytes: 12.3 kB 82 %, 18.5 kB 83 %, 49.4 kB 84 %.
    assert list(front.get_ydata()) == pytest.approx([82.0, 83.0, 84.0])


def test_latency_curve_is_the_share_that_waits_longer(codec_study: Path) -> None:
    figure = amser.plot(codec_study, figure="latency", width="page")
    xs, shares = drawn(figure)["raw"]
    uploads = Results.open(codec_study).uploads("p00")
    values = uploads[uploads["speech_end_s"] >= 60.0]["latency_s"].to_numpy()
    factor = 1e3 if "[ms]" in figure.axes[0].get_xlabel() else 1.0
    for x, share in list(zip(xs, shares, strict=True))[::20]:
        # Interpolated quantiles are within one upload of the true share.
        assert 100 * np.mean(values > x / factor) == pytest.approx(share, abs=100 / len(values) + 1e-9)


def test_energy_bars_add_up_to_the_energy_of_an_upload(codec_study: Path) -> None:
    figure = amser.plot(codec_study, figure="energy")
    stacks = [c.patches for c in figure.axes[0].containers if hasattr(c, "patches")]
    ends = [max(part[i].get_x() + part[i].get_width() for part in stacks) for i in range(7)]
    summary = Results.open(codec_study).summary
    wanted = summary[summary["metric"] == "energy_per_upload_j"]["mean"]
    factor = 1e3 if "[mJ]" in figure.axes[0].get_xlabel() else 1.0
    assert ends == pytest.approx([v * factor for v in wanted], rel=1e-6)


def test_capacity_is_drawn_from_its_file(tmp_path: Path) -> None:
    points = [
        {"parameters": {"devices.phones.codec": c}, "value": v, "sure": 0.9 * v, "hopeful": 1.2 * v, "tried": 5}
        for c, v in (("raw", 20.0), ("amser-25", 90.0))
    ]
    levels = ["latency_p95_s < 1 s"]
    found = {"over": "devices.phones.count", "unit": "", "least": False, "levels": levels, "points": points}
    path = tmp_path / "capacity.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    figure = amser.plot(path, figure="capacity")
    assert drawn(figure)["amser-25"][1] == [90.0]
    (bars,) = figure.axes[0].containers[1].lines[2]
    assert [end[1] for end in bars.get_segments()[0]] == pytest.approx([81.0, 108.0])


def test_files_have_the_width_of_a_column_or_a_page(codec_study: Path, tmp_path: Path) -> None:
    """3.5 and 7.16 inches at 72 points each; text of type 42 fonts, as publishers ask."""
    for width, points in (("column", 252.0), ("page", 515.52)):
        path = tmp_path / f"{width}.pdf"
        amser.plot(codec_study, path, figure="tradeoff", width=width)
        data = path.read_bytes()
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", data)
        assert box is not None and float(box[1]) == pytest.approx(points, abs=0.01)
        assert b"/Type3" not in data and b"/CIDFontType2" in data


def test_the_same_results_give_the_same_bytes(codec_study: Path, tmp_path: Path) -> None:
    for kind in ("pdf", "svg", "png"):
        one, two = (tmp_path / f"{n}.{kind}" for n in "ab")
        for path in (one, two):
            amser.plot(codec_study, path, figure="tradeoff")
        assert one.read_bytes() == two.read_bytes() and one.stat().st_size > 5000


def test_names_of_marks_stay_clear_of_each_other(codec_study: Path) -> None:
    figure = amser.plot(codec_study, figure="tradeoff", width="page")
    figure.draw_without_rendering()
    for axis in figure.axes:
        boxes = [t.get_window_extent() for t in axis.texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert figure.legends or any(axis.texts for axis in figure.axes)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--x", "count", "--y", "latency_p95"], 2, "there is no column 'latency_p95'; did you mean 'latency_p95_s'?"),
        (["--x", "nothing", "--y", "wer"], 2, "swept: devices.phones.codec, devices.phones.count; metrics: uploads, "),
        (
            ["--x", "count", "--y", "wer"],
            2,
            "devices.phones.codec takes raw, amser-25; pick one with --where KEY=VALUE",
        ),
        (["--x", "count", "--y", "wer", "--where", "codec=opus-9"], 2, "devices.phones.codec takes raw, amser-25"),
        (["--x", "count", "--y", "wer", "--where", "codec"], 2, "write it as KEY=VALUE"),
        (["--x", "count", "--y", "codec"], 2, "--y devices.phones.codec: is a swept key"),
        (["--x", "count", "--y", "wer", "--by", "wer"], 2, "--by wer: is a metric"),
        (["--x", "count"], 2, "--figure tradeoff, latency, energy, capacity"),
        (["--figure", "trade"], 2, "did you mean 'tradeoff'?"),
        (["--figure", "energy", "--x", "count"], 2, "not both"),
        (["--figure", "energy", "--width", "wide"], 2, "--width: there is no 'wide'"),
        (["--x", "codec", "--y", "queue_p95"], 2, "there is no column"),
    ],
)
def test_mistakes_are_told_with_their_remedy(
    results_folder: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, told: str
) -> None:
    folder = results_folder(GRID)
    assert run(["plot", str(folder), *arguments, "-o", str(tmp_path / "x.pdf")]) == code
    assert told in capsys.readouterr().err
    assert not (tmp_path / "x.pdf").exists()


def test_files_are_neither_replaced_nor_of_unknown_kinds(
    codec_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.svg"
    command = ["plot", str(codec_study), "--figure", "tradeoff", "-o"]
    assert run([*command, str(path)]) == 0
    before = path.read_bytes()
    capsys.readouterr()
    assert run([*command, str(path)]) == 2
    assert "x.svg: exists already" in capsys.readouterr().err
    assert run([*command, str(path), "--force"]) == 0 and path.read_bytes() == before
    capsys.readouterr()
    assert run([*command, str(tmp_path / "x.gif")]) == 2
    assert ".pdf, .svg, .png" in capsys.readouterr().err


def test_damaged_results_and_files_are_said(
    codec_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (codec_study / "summary.csv").write_text("metric,unit\n", encoding="utf-8")
    assert run(["plot", str(codec_study), "--figure", "tradeoff", "-o", str(tmp_path / "x.pdf")]) == 3
    assert "summary.csv: damaged" in capsys.readouterr().err
    bad = tmp_path / "capacity.json"
    for text in ("{", "[]", '{"over": 3}'):
        bad.write_text(text, encoding="utf-8")
        assert run(["plot", str(bad), "--figure", "capacity", "-o", str(tmp_path / "x.pdf")]) == 2
        assert "not a file of `amser capacity --json`" in capsys.readouterr().err
    assert run(["plot", str(codec_study), "--figure", "capacity", "-o", str(tmp_path / "x.pdf")]) == 2
    assert "is a folder" in capsys.readouterr().err
    assert run(["plot", str(tmp_path / "none.json"), "--figure", "capacity", "-o", str(tmp_path / "x.pdf")]) == 3


def test_swept_values_as_numbers() -> None:
    assert numbers([10, 40]) == ([10.0, 40.0], "")
    assert numbers(["1 Mbit/s", "5 Mbit/s"]) == ([1.0, 5.0], "Mbit/s")
    found = numbers(["500 kbit/s", "5 Mbit/s", "8 Mbit/s"])
    assert found is not None and found.values == pytest.approx([0.5, 5.0, 8.0]) and found.unit == "Mbit/s"
    assert numbers(["5 Mbit/s", "3 ms"]) is None
    assert numbers(["raw", "flac"]) is None
    assert numbers([True, False]) is None
    assert numbers(["nan", "inf"]) is None
