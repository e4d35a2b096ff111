"""Swept values as cells of CSV files: as they are written, and nothing that a spreadsheet would run."""

from __future__ import annotations

import json
import re

Scalar = str | int | float | bool | None

# A number with its unit begins like a formula and is none.
QUANTITY = re.compile(r"[+-]?[\d.]+([eE][+-]?\d+)?\s*[A-Za-z%/]*")


def quoted(value: Scalar) -> Scalar:
    """A cell of a CSV file that no spreadsheet takes for a formula: an apostrophe before what looks like one."""
    runs = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "'")
    return f"'{value}" if runs and not QUANTITY.fullmatch(str(value)) else value


def swept_cell(value: Scalar) -> str:
    """A swept value as a cell of a CSV file: as text, ``null`` and truth values as YAML has them."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(quoted(value))


def unquoted(value: Scalar) -> Scalar:
    """A cell as it was before ``quoted``."""
    return value[1:] if isinstance(value, str) and value.startswith("'") else value
