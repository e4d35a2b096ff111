"""Labels of swept values: they name, and change nothing else."""

from __future__ import annotations

import pytest

from scenarios import ScenarioError, loads
from tests.sim.small_study import TEXT

CAPACITY = "cells.cell.capacity"


def swept(values: str) -> list[str]:
    return [f"sweep={{grid: {{{CAPACITY}: {values}}}}}"]


def test_a_label_names_its_value_and_leaves_the_point_as_it_was() -> None:
    plain = loads(
        TEXT, swept("[1 Mbit/s, {kind: gilbert-elliott, good_rate: 6 Mbit/s, bad_rate: 1 Mbit/s, good: 9 s, bad: 1 s}]")
    )
    named = loads(
        TEXT,
        swept(
            "[{label: slow, value: 1 Mbit/s}, {label: moving, value: {kind: gilbert-elliott, good_rate: 6 Mbit/s, "
            "bad_rate: 1 Mbit/s, good: 9 s, bad: 1 s}}]"
        ),
    )
    assert [p.parameters[CAPACITY] for p in named.points] == ["slow", "moving"]
    # The same hashes: results are reused whatever the values are called.
    assert [p.key for p in named.points] == [p.key for p in plain.points]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ("[{label: a, value: 1 Mbit/s}, {label: a, value: 2 Mbit/s}]", "is called 'a' already"),
        ("[1 Mbit/s, {label: 1 Mbit/s, value: 2 Mbit/s}]", "is called '1 Mbit/s' already"),
        ("[{label: '', value: 1 Mbit/s}]", "a label has 1 to 60 characters"),
        (f"[{{label: {'x' * 61}, value: 1 Mbit/s}}]", "a label has 1 to 60 characters"),
        ("[{label: a, value: 1}]", "needs a unit"),
        ("[{label: a, kind: csv, file: a.csv}]", "label"),
    ],
)
def test_a_label_that_cannot_be_is_one_fault(values: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says) as told:
        loads(TEXT, swept(values))
    assert len(told.value.faults) == 1


def test_values_that_go_together_may_share_a_label() -> None:
    slow = "{label: slow, value: 1 Mbit/s}"
    sets = [f"sweep={{zip: {{{CAPACITY}: [{slow}, {slow}], devices.phones.count: [1, 2]}}}}"]
    assert [p.parameters[CAPACITY] for p in loads(TEXT, sets).points] == ["slow", "slow"]
