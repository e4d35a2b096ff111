"""The examples of the devices' pages print what the pages say."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["devices.md", "energy.md"])
def test_examples(page: str) -> None:
    result = doctest.testfile(str(DOCS / page), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 4
    assert result.failed == 0


def test_tables_of_held_and_released_uploads() -> None:
    """The two tables of energy.md, recomputed: J an upload of 144 and of 14.4 kB on LTE at 5 Mbit/s."""
    from devices import load_radio

    text = (DOCS / "energy.md").read_text(encoding="utf-8")
    lte = load_radio("lte-2012")
    together = (1, 2, 5, 10, 20, 50)
    released = [lte.with_fast_dormancy(s) for s in (lte.tail_s, 5.0, 1.0, 0.2)]
    for name, size in (("raw", 144_000), ("factors", 14_400)):
        held = [sum(lte.isolated_upload_j(size * 8 * k, 5e6)) / k for k in together]
        assert f"| J an upload, {name} | " + " | ".join(f"{j:.2f}" for j in held) + " |" in text
        cut = [sum(radio.isolated_upload_j(size * 8, 5e6)) for radio in released]
        assert f"| J an upload, {name} | " + " | ".join(f"{j:.2f}" for j in cut) + " |" in text
