"""What the replications of a point recognized, read from their folders and scored together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pandas as pd

from recognizers.scores import Score
from sim.figures.accuracy import COLUMNS, NUMBERS, accuracies, accuracy_differences
from sim.study.results import read_table

FILE = "recognized.parquet"


@lru_cache(maxsize=16_384)  # a study that goes on is summarised every few seconds
def accuracies_of(folders: tuple[Path, ...]) -> dict[str, Score]:
    """``accuracies`` of all the replications in ``folders`` together.  Raises ``ResultsError``."""
    return accuracies(read_recognized(folders))


@lru_cache(maxsize=16_384)
def differences_of(folders: tuple[Path, ...], base: tuple[Path, ...]) -> dict[str, Score]:
    """``accuracy_differences`` of the replications in ``folders`` and those in ``base``.  Raises ``ResultsError``."""
    return accuracy_differences(read_recognized(folders), read_recognized(base))


def read_recognized(folders: Sequence[Path]) -> pd.DataFrame:
    """The tables of several replications, one below the other.  Raises ``ResultsError``."""
    texts = [name for name in COLUMNS if name not in NUMBERS]
    return pd.concat([read_table(folder / FILE, texts, NUMBERS) for folder in folders], ignore_index=True)
