"""No input ends in exit code 70: some hundred of each kind here, many more by ``python -m tests.amser.fuzz``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.amser.fuzz.campaign import KINDS, WEIGHTS, tried

CASES = 500
"""In all."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_input_is_a_defect(kind: str, tmp_path: Path) -> None:
    total = sum(WEIGHTS.get(name, 1) for name in KINDS)
    cases = max(10, int(CASES * WEIGHTS.get(kind, 1) / total))
    assert sum(tried(kind, cases, tmp_path).values()) >= cases // 2  # hypothesis may find that it repeats itself
