"""Trace files: what they mean, and one message for each way in which they can be broken."""

import os
from pathlib import Path

import pytest

from channel.links import TraceError, find_trace, read_csv, read_mahimahi
from channel.links.traces import library_traces


def write(folder: Path, text: str | bytes, name: str = "trace") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_one_is_twelve_megabit(tmp_path: Path) -> None:
    """Mahimahi's traces/README: a file that holds `1` is 12 Mbit/s."""
    trace = read_mahimahi(write(tmp_path, "1\n"))
    assert trace.mean_rate_bps == pytest.approx(12e6)
    assert trace.capacity().time_to_send(0.0, 12e6) == pytest.approx(1.0)


def test_repeats_and_gaps(tmp_path: Path) -> None:
    """Two packets in the 2nd millisecond, one in the 5th, then again: 36,000 bits in 5 ms."""
    capacity = read_mahimahi(write(tmp_path, "2\n2\n5\n")).capacity()
    assert capacity.period_s == 0.005
    assert capacity.cumulative(0.005) == pytest.approx(3 * 12000)
    assert [capacity.rate_at(t / 1000 + 0.0005) for t in range(6)] == pytest.approx([0, 24e6, 0, 0, 12e6, 0])
    assert capacity.time_to_send(0.0, 24000) == pytest.approx(0.002)
    assert capacity.time_to_send(0.0, 24001) == pytest.approx(0.004, abs=1e-6)
    assert capacity.time_to_send(0.0, 36000 * 1000) == pytest.approx(5.0)


def test_opportunities_at_zero_are_not_lost(tmp_path: Path) -> None:
    assert read_mahimahi(write(tmp_path, "0\n0\n4\n")).capacity().cumulative(0.004) == pytest.approx(36000)


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ("", None, "is empty"),
        ("5\n\n6\n", 2, "empty line"),
        ("5\nfive\n", 2, "'five' is not an integer number"),
        ("5\n6.5\n", 2, "not an integer; Mahimahi"),
        ("-3\n5\n", 1, "negative"),
        ("5\n7\n6\n", 3, "6 comes after 7"),
        ("0\n0\n", None, "lasts 0 ms"),
        ("1\n99999999999999\n", 2, "more than 30 years"),
        (b"\x1f\x8b\x08\x00", 1, "not a text file"),
    ],
)
def test_broken_mahimahi_traces(tmp_path: Path, text: str | bytes, line: int | None, fault: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(TraceError, match=fault) as caught:
        read_mahimahi(path)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")


def test_csv_units_and_hold(tmp_path: Path) -> None:
    """1 Mbit/s for 0.5 s, then 3 Mbit/s for as long as the row before; times count from the first row."""
    path = write(tmp_path, "# a comment\nrate_mbps,time_ms\n1,1000\n3,1500\n")
    capacity = read_csv(path).capacity()
    assert capacity.period_s == pytest.approx(1.0)
    assert capacity.mean_rate_bps == pytest.approx(2e6)
    assert capacity.rate_at(0.75) == pytest.approx(3e6)


def test_scaling_and_offset(tmp_path: Path) -> None:
    trace = read_csv(write(tmp_path, "time_s,rate_bps\n0,1000\n1,3000\n"))
    capacity = trace.capacity(offset_s=1.0, mean_rate_bps=1e6)
    assert capacity.mean_rate_bps == pytest.approx(1e6)
    assert capacity.rate_at(0.0) == pytest.approx(1.5e6)


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ("", None, "is empty"),
        ("1,2\n2,3\n", 1, "no time column"),
        ("time_s,speed\n0,1\n1,2\n", 1, "no rate column"),
        ("time_s,time_ms,rate_bps\n0,0,1\n", 1, "more than one time column"),
        ("time_s,rate_bps\n0,1\n1\n", 3, "has 1 columns"),
        ("time_s,rate_bps\n0,1\nx,2\n", 3, "time 'x' is not a number"),
        ("time_s,rate_bps\n0,1\n1,fast\n", 3, "rate 'fast' is not a number"),
        ("time_s,rate_bps\n0,1\n1,nan\n", 3, "rate 'nan' is not finite"),
        ("time_s,rate_bps\n0,1\n1,-2\n", 3, "rate -2 is negative"),
        ("time_s,rate_bps\n0,1\n1,2\n1,2\n", 4, "does not come after"),
        ("time_s,rate_bps\n0,1\n", None, "at least two rows"),
        ("time_s,rate_bps\n0,0\n1,0\n", None, "every rate is 0"),
        (b"time_s,rate_bps\n0,\xff\n", 2, "not a text file"),
    ],
)
def test_broken_csv_traces(tmp_path: Path, text: str | bytes, line: int | None, fault: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(TraceError, match=fault) as caught:
        read_csv(path)
    assert caught.value.line == line


def test_missing_file_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMSER_TRACES", str(tmp_path / "elsewhere"))
    with pytest.raises(TraceError, match="no such trace file") as caught:
        find_trace("absent.up")
    assert "elsewhere" in str(caught.value)
    with pytest.raises(TraceError, match="cannot be read"):
        read_csv(tmp_path / "absent.csv")


def test_a_whole_path_comes_before_the_library(tmp_path: Path) -> None:
    own = write(tmp_path, "time_s,rate_bps\n0,1\n1,2\n", "synthetic-lte-driving.csv")
    assert find_trace(str(own)) == own
    assert find_trace(own.name) == library_traces() / own.name


@pytest.mark.parametrize(("name", "mean_mbps"), [("driving", 5.65), ("static", 12.54)])
def test_library_traces_are_what_their_header_says(name: str, mean_mbps: float) -> None:
    trace = read_csv(library_traces() / f"synthetic-lte-{name}.csv")
    assert trace.mean_rate_bps == pytest.approx(mean_mbps * 1e6, rel=1e-3)
    assert trace.period_s == pytest.approx(300.0)


# Duration (s) and mean rate (Mbit/s) as SOURCES.txt beside the traces gives them.
RECORDED = {
    "ATT-LTE-driving-2016.up": (120, 1.91), "ATT-LTE-driving.up": (1012, 0.83), "Verizon-LTE-short.up":
    (140, 5.95), "TMobile-UMTS-driving.up": (931, 0.94), "Verizon-EVDO-driving.up": (1065, 0.84),
    "TMobile-LTE-short.up": (140, 13.32),
}  # fmt: skip


@pytest.mark.skipif(not os.environ.get("AMSER_TRACES"), reason="AMSER_TRACES is not set")
@pytest.mark.parametrize("name", RECORDED)
def test_recorded_traces_have_their_published_means(name: str) -> None:
    path = Path(os.environ["AMSER_TRACES"]) / "mahimahi" / name
    if not path.is_file():
        pytest.skip(f"{name} is not in AMSER_TRACES")
    trace = read_mahimahi(path)
    duration, mean = RECORDED[name]
    assert trace.period_s == pytest.approx(duration, abs=1)
    assert trace.mean_rate_bps / 1e6 == pytest.approx(mean, abs=0.006)
    lines = len(path.read_text().split())
    assert trace.mean_rate_bps * trace.period_s == pytest.approx(lines * 12000)  # every opportunity counts once
