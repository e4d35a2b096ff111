"""Recordings become traces: formats, units, intervals, and what a recording leaves open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channel.links import TraceError, read_csv, read_mahimahi
from channel.links.trace_import import Recording, recordings, write_trace


def written(folder: Path, text: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_with_units_in_its_header(tmp_path: Path) -> None:
    """Time in ms, rate in kbit/s; a column that is not asked for does not matter."""
    (run,) = recordings(written(tmp_path, "place,time_ms,throughput_kbps\nx,100,8\nx,300,16\nx,400,0\n"))
    assert run.times_s == pytest.approx((0.0, 0.2, 0.3))
    assert run.rates_bps == (8e3, 16e3, 0.0)
    assert "times in the file" in run.interval


def test_clock_times_and_repeated_seconds(tmp_path: Path) -> None:
    """The data sets of UCC: dates with points, uplink in kbit/s, several rows in a second, dashes for nothing."""
    rows = ["04,1,100", "04,1,900", "06,1,-", "07,1,300"]
    text = "Timestamp,DL_bitrate,UL_bitrate\n" + "".join(f"2019.12.16_13.40.{row}\n" for row in rows)
    (run,) = recordings(written(tmp_path, text))
    assert run.times_s == (0.0, 3.0) and run.rates_bps == (1e5, 3e5)


def test_lists_of_runs_with_and_without_times(tmp_path: Path) -> None:
    path = written(tmp_path, "###\nRun 1\n5,6,7,1\nRun 2\n0,0.1,0.1,0.3\n1,2,3,4\n", "ping.list")
    one, two = recordings(path, interval_s=0.5, unit="Mbit/s")
    assert one.name == "ping-run1" and one.times_s == (0.0, 0.5, 1.0, 1.5) and one.rates_bps[0] == 5e6
    assert two.times_s == pytest.approx((0.0, 0.1, 0.3)) and two.rates_bps == (1e6, 2e6, 4e6)
    assert "given by whoever imported it" in one.interval and "times in the file" in two.interval


def test_the_start_of_a_run_can_be_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "Run 1\n1,2,3,4\n", "a.list")
    (run,) = recordings(path, interval_s=0.5, unit="Mbit/s", skip_s=1.0)
    assert run.rates_bps == (3e6, 4e6) and run.times_s == (0.0, 0.5) and "first 1 s left out" in run.interval


def test_packets_keep_their_bits(tmp_path: Path) -> None:
    """1500 bytes at 1, 1, 150 and 200 ms: 36 kbit in all, in bins of 100 ms two packets each."""
    (run,) = recordings(written(tmp_path, "1\n1\n150\n200\n", "up"))
    assert run.rates_bps == pytest.approx((240e3, 240e3))


@pytest.mark.parametrize(
    ("text", "keywords", "fault"),
    [
        ("", {}, "is empty"),
        ("Run 1\n1,2\n", {"unit": "Mbit/s"}, "states no interval; give --interval"),
        ("Run 1\n1,2\n", {"interval_s": 1.0}, "does not tell its unit; give --unit"),
        ("throughput_mbps\n1\n2\n", {}, "states no interval"),
        ("time_s,throughput\n0,1\n", {}, "'throughput' does not tell its unit"),
        ("time_s,speed\n0,1\n", {}, "no column of throughput"),
        ("time_s,rate_mbps\n0,1\n2,1\n1,1\n", {}, "times that go back"),
        ("time_s,rate_mbps\n0,x\n", {}, "a.csv:2: .*not a number"),
        ("time_s,rate_mbps\nnoon,1\n", {}, "neither a number of seconds nor a date"),
        ("time_s,rate_mbps\n0,-1\n1,1\n", {}, "is the unit right"),
        ("time_s,rate_mbps\n0,0\n1,0\n", {}, "no run of two values and a rate above 0"),
    ],
)
def test_what_a_recording_leaves_open(tmp_path: Path, text: str, keywords: dict[str, object], fault: str) -> None:
    with pytest.raises(TraceError, match=fault):
        recordings(written(tmp_path, text), **keywords)  # type: ignore[arg-type]


def test_a_trace_says_where_it_is_from(tmp_path: Path) -> None:
    origin = written(tmp_path, "Run 1\n1,2\n", "a.list")
    (run,) = recordings(origin, interval_s=1.0, unit="Mbit/s")
    target = tmp_path / "new" / "a.csv"
    write_trace(run, target, origin, "somebody,\n2022", "none stated")
    source = read_csv(target).source
    assert "source: somebody, 2022; licence: none stated; interval: 1 s, given by whoever imported it" in source
    with pytest.raises(TraceError, match="is there already"):
        write_trace(run, target, origin, "x", "y")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.001, 50.0), st.floats(0.0, 1e9)), min_size=2, max_size=40),
)
def test_what_is_written_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[float, float]]
) -> None:
    """Times to a microsecond and rates to a tenth of a bit/s, as they are written."""
    folder = tmp_path_factory.mktemp("trace")
    times = [0.0]
    for step, _ in steps[:-1]:
        times.append(times[-1] + step)
    rates = [rate for _, rate in steps]
    if max(rates) < 1.0:
        rates[0] = 1.0
    write_trace(Recording("a", tuple(times), tuple(rates), "i"), folder / "a.csv", written(folder, "x", "o"), "s", "l")
    back = read_csv(folder / "a.csv")
    assert back.starts_s == pytest.approx(times, abs=1e-6) and back.rates_bps == pytest.approx(rates, abs=0.0501)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_recording_or_one_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "a.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        runs = recordings(path, interval_s=1.0, unit="Mbit/s")
    except TraceError:
        return
    assert all(len(run.times_s) == len(run.rates_bps) > 1 for run in runs)


def test_a_clock_that_is_put_right(tmp_path: Path) -> None:
    """Of 100 times one goes back by 2 s: the values until the clock is where it was are left out."""
    times = [0.1 * i for i in range(50)] + [0.1 * i + 3.0 for i in range(50)]
    text = "Run 1\n" + ",".join(f"{t:.1f}" for t in times) + "\n" + ",".join(str(i) for i in range(100)) + "\n"
    (run,) = recordings(written(tmp_path, text, "a.list"), unit="Mbit/s")
    assert len(run.times_s) == 80 and run.rates_bps[50] == 70e6


@pytest.mark.skipif("AMSER_TRACES" not in os.environ, reason="needs real traces: AMSER_TRACES")
def test_real_recordings(tmp_path: Path) -> None:
    """Packet traces keep their mean; driving, NUWiNS 2022 has times 100 ms apart for 5G, and none for LTE."""
    traces = Path(os.environ["AMSER_TRACES"])
    packets = traces / "mahimahi" / "TMobile-LTE-short.up"
    (run,) = recordings(packets)
    assert sum(run.rates_bps) / len(run.rates_bps) == pytest.approx(read_mahimahi(packets).mean_rate_bps, rel=1e-9)
    driving = traces / "nuwins-uplink-2022" / "throughput" / "driving"
    runs = recordings(driving / "5g" / "throughput.list", unit="Mbit/s")
    assert len(runs) == 16 and all("0.1 s apart" in run.interval for run in runs)
    with pytest.raises(TraceError, match="give --interval"):
        recordings(driving / "lte" / "throughput.list", unit="Mbit/s")
