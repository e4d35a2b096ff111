"""Lines, tables and numbers of other people's files."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel.links.errors import TraceError
from channel.links.traces import read_csv, read_mahimahi
from devices.errors import DeviceError
from devices.sessions import read_trace
from scenarios.textfile import TextFileError, number, read_lines, read_table, whole


def test_only_three_ends_end_a_line(tmp_path: Path) -> None:
    """Every other character that ``str.splitlines`` cuts at stays where it is."""
    odd = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
    (tmp_path / "t").write_bytes(f"\ufeffa{odd}b\r\nc\rd\n\ne".encode())
    assert read_lines(tmp_path / "t") == [f"a{odd}b", "c", "d", "", "e"]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), max_size=5))
def test_lines_come_back(lines: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t"
        path.write_bytes("".join(f"{line}\n" for line in lines).encode())
        if not (lines and lines[0].startswith("\ufeff")):
            assert read_lines(path) == lines


def test_a_table_is_forgiving_where_nothing_is_lost(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes('\ufeff# größer\n A ,"b, c"\r\n\n 1 , "2"\n  # x\n'.encode())
    assert [(row.line, row.cells) for row in read_table(tmp_path / "t")] == [(2, ["A", "b, c"]), (4, ["1", '"2"'])]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"time_s,rate_mbps,note\n" + b'0,1,"a\n' + b"0,1,x\n" * 30_000, r"t:2: is no row of a table \("),
        (b"time_s\n0\n\xff1\n", "t:3: is not a text file"),
        (b"time_s\n" + b"9" * 200_000, "t:2: is no row of a table .*field larger"),
        (None, r"t: cannot be read \(No such file"),
    ],
)
def test_what_is_no_table_names_file_and_line(raw: bytes | None, says: str, tmp_path: Path) -> None:
    if raw is not None:
        (tmp_path / "t").write_bytes(raw)
    with pytest.raises(TextFileError, match=says):
        read_table(tmp_path / "t")


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e999", "1_000", "0x10", "١٢", "1,5", "", "1e", "--1"])
def test_what_is_no_number_here(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not (a number|finite)"):
        number(text)


@pytest.mark.parametrize("text", ["1.0", "²", "9" * 19, "9" * 5000, "1_0", "1e3", ""])
def test_what_is_no_whole_number_here(text: str) -> None:
    with pytest.raises(ValueError, match=r"whole number|18 digits"):
        whole(text)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**17), 10**17))
def test_numbers_come_back(value: float, count: int) -> None:
    assert number(f" {value!r} ") == value and whole(f" {count}") == count


FORGIVEN = "\ufeff# Ünïcode\nNote,Time_S,{0}\r\n\n x ,0,{1}\n# between\n,1,{1}\n\n"


def test_both_traces_are_read_alike(tmp_path: Path) -> None:
    """A mark, comments, blank lines, a further column, capitals: capacity and traffic take all of them."""
    (tmp_path / "rate.csv").write_text(FORGIVEN.format("Rate_Mbps", "8"), encoding="utf-8")
    (tmp_path / "talk.csv").write_text(FORGIVEN.format("DEVICE", "3"), encoding="utf-8")
    assert read_csv(tmp_path / "rate.csv").mean_rate_bps == pytest.approx(8e6)
    times, owners = read_trace(tmp_path / "talk.csv")
    assert times.tolist() == [0.0, 1.0] and owners is not None and owners.tolist() == [3, 3]


BYTES = st.one_of(
    st.binary(max_size=60),
    st.text(st.sampled_from('0123456789.,-+e#"\n\r\t x²\u2028'), max_size=60).map(str.encode),
)


@given(st.sampled_from([b"", b"time_s\n", b"time_s,device\n", b"time_s,rate_bps\n0,1\n1,2\n", b"1\n2\n"]), BYTES)
def test_any_bytes_are_a_trace_or_one_error(start: bytes, rest: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(start + rest)
        for read, error in ((read_csv, TraceError), (read_mahimahi, TraceError), (read_trace, DeviceError)):
            try:
                found = read(path)
            except error as told:
                assert re.match(rf"(traffic trace )?{re.escape(str(path))}", str(told)) and "\n" not in str(told)
            else:
                if read is not read_trace:
                    assert math.isfinite(found.mean_rate_bps) and found.capacity().cumulative(3.0) >= 0.0  # type: ignore[union-attr]
                else:
                    assert np.isfinite(found[0]).all()  # type: ignore[index]
