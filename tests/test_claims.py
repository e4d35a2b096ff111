"""Claims: numbers are found as a reader sees them, none is untracked, and quotations stand where they are measured."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import amser
from tests.test_readme import load_script, rows

ROOT = Path(__file__).parents[1]
PAGE = """\
# Page

In 2 of 3 cases it is +0.6 [-0.1, 1.4] %, or 3,250 words; `12` and [a link](p4.md) and <!-- 5 --> say nothing.

```sh
# 6
```

    code 7

## Below

1 200 ms in 2026-11-28, GPT-4o, v1.2, Apache-2.0
"""


@pytest.fixture(scope="module")
def claims() -> ModuleType:
    spec = importlib.util.spec_from_file_location("claims", ROOT / "scripts" / "claims.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["claims"] = module  # its dataclasses look their annotations up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def book(claims: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one page."""
    monkeypatch.setattr(claims, "ROOT", tmp_path)
    (tmp_path / "docs" / "results").mkdir(parents=True)
    (tmp_path / "README.md").write_text(PAGE, encoding="utf-8")
    return tmp_path


def test_numbers_are_those_that_a_reader_sees(claims: ModuleType) -> None:
    assert claims.numbers(PAGE) == ["2", "3", "+0.6", "-0.1", "1.4", "3,250", "1 200", "2026"]
    assert [claims.value(n) for n in ("3,250", "1 200", "\u22120.5", "+2")] == [3250.0, 1200.0, -0.5, 2.0]


@given(st.integers(-(10**9), 10**9))
def test_what_is_written_is_read(claims: ModuleType, number: int) -> None:
    (found,) = claims.numbers(f"it is {number:,} bytes")
    assert claims.value(found) == number


def test_sections_hold_what_stands_below_them(claims: ModuleType) -> None:
    text = "# T\n1\n## A\n2\n### X\n3\n## B\n4\n### X\n5\n"
    found = dict(claims.sections(text))
    assert list(found) == ["T", "A", "A / X", "B", "B / X"]
    assert [claims.numbers(found[name]) for name in found] == [["1"], ["2", "3"], ["3"], ["4", "5"], ["5"]]


def test_a_number_that_nobody_claims_or_that_changed_is_found(claims: ModuleType, book: Path) -> None:
    top = claims.Section("README.md", "Page", claims.digest(dict(claims.sections(PAGE))["Page"]), ())
    (wrong,) = claims.faults([top])
    assert wrong == "README.md: Below: 2 numbers that no claim covers"
    whole = claims.Section("README.md", "*", claims.digest(PAGE), ())
    assert list(claims.faults([whole])) == []
    (book / "README.md").write_text(PAGE.replace("+0.6", "+0.7"), encoding="utf-8")
    assert "numbers have changed" in next(claims.faults([whole]))
    (book / "README.md").write_text(PAGE.replace("it is", "we found"), encoding="utf-8")
    assert list(claims.faults([whole])) == []  # prose may be edited
    gone = claims.Section("README.md", "Elsewhere", "", ())
    assert "no such section" in next(claims.faults([whole, gone]))


def test_a_quotation_and_a_command_must_lead_somewhere(claims: ModuleType, book: Path) -> None:
    quoted = claims.Claim("quoted", pages=("README.md",), numbers=("+0.6", "0.8"))
    assert list(claims.misquoted(quoted)) == ["quotes 0.8, which README.md does not state"]
    nothing = claims.Claim("tested", "python scripts/gone.py && python -m docs.gone")
    section = claims.Section("README.md", "*", claims.digest(PAGE), (nothing,))
    assert len(list(claims.faults([section]))) == 2


def test_a_run_compares_and_puts_the_page_back(claims: ModuleType, book: Path) -> None:
    section = claims.Section("README.md", "*", claims.digest(PAGE), ())
    command = "sed -i 's/3,250/3,300/' README.md"
    assert claims.run(section, claims.Claim("rewritten", command)) == ["3,250 has become 3,300"]
    assert claims.run(section, claims.Claim("rewritten", command, tolerance=0.02)) == []
    assert (book / "README.md").read_text(encoding="utf-8") == PAGE
    assert "exit code 3" in claims.run(section, claims.Claim("tested", "exit 3"))[0]


def test_entries_that_say_too_little_are_refused(claims: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    for entry in ("{how: guessed, command: x}", "{how: tested}", "{how: quoted}", "{how: given, command: x}", "{}"):
        path.write_text(f"README.md:\n  Page:\n    digest: ''\n    claims: [{entry}]\n", encoding="utf-8")
        with pytest.raises(SystemExit, match="Page"):
            claims.load(path)


def test_what_the_readme_quotes_stands_on_the_page_that_measured_it(claims: ModuleType) -> None:
    claimed = claims.load()
    assert {section.page for section in claimed} >= set(claims.pages())
    assert [fault for section in claimed for claim in section.claims for fault in claims.misquoted(claim)] == []


def test_the_published_values_stand_on_their_page_as_in_their_file() -> None:
    page = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")
    published = json.loads((ROOT / "amser" / "reproduction" / "icassp2025.json").read_text(encoding="utf-8"))
    emotion = [table for table in published["tables"] if table["table"] == "emotion" and len(table["columns"]) == 4]
    assert len(emotion) == 2
    for table in emotion:
        for rate, values in table["rows"].items():
            assert f"| {rate} | {' | '.join(values)} |" in page


@pytest.mark.slow
def test_the_readmes_table_comes_out_of_a_run(tmp_path: Path) -> None:
    """To the digit: a run depends on no machine (docs/statistics.md)."""
    script = load_script()
    match = script.REGION.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert match is not None
    assert rows(script.table(amser.run("quickstart", results_root=tmp_path))) == rows(match[2])
