"""Tables on standard output: rich on a terminal, aligned plain text in a pipe, JSON on request."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


def harmless(text: str) -> str:
    """``text`` without control characters, which could move a terminal's cursor: they are shown as escapes."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


@dataclass
class Table:
    """Text in rows and columns; columns in ``right`` are numbers and align to the right."""

    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    title: str = ""
    right: frozenset[int] = frozenset()

    def print(self) -> None:
        """Write the table to standard output; control characters in it, which may be a stranger's, are escaped."""
        self.rows = [[harmless(cell) for cell in row] for row in self.rows]
        self.columns = [harmless(name) for name in self.columns]
        if sys.stdout.isatty():
            self._print_rich()
        else:
            sys.stdout.write(self.plain())

    def plain(self) -> str:
        """The table as aligned text, two spaces between columns."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]

        def row(cells: Sequence[str]) -> str:
            padded = [
                c.rjust(w) if i in self.right else c.ljust(w)
                for i, (c, w) in enumerate(zip(cells, widths, strict=True))
            ]
            return "  ".join(padded).rstrip()

        head = [self.title] if self.title else []
        return "\n".join([*head, row(self.columns), "  ".join("-" * w for w in widths), *map(row, self.rows)]) + "\n"

    def _print_rich(self) -> None:
        """As many tables below one another as the terminal's width asks for; each repeats the names."""
        from rich import box
        from rich.console import Console
        from rich.table import Table as RichTable
        from rich.text import Text

        console = Console()
        title = self.title or None
        for figures in self._groups(console.width):
            shown = [i for i in range(len(self.columns)) if i not in self.right or i in figures]
            table = RichTable(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
            for i in shown:
                if i in self.right:
                    # A figure in two lines cannot be read; its unit may stand below its name.
                    table.add_column(_folded(self.columns[i]), justify="right", no_wrap=True)
                else:
                    table.add_column(self.columns[i], overflow="fold")
            for cells in self.rows:
                table.add_row(*(Text(cells[i]) for i in shown))
            console.print(table)
            title = None

    def _groups(self, width: int) -> list[list[int]]:
        """The columns of figures in groups that fit into ``width`` beside the names."""
        gap = 3
        lines = [_folded(c).split("\n") for c in self.columns]
        widths = [
            max([*map(len, lines[i]), *(len(row[i]) for row in self.rows)]) + gap for i in range(len(self.columns))
        ]
        names = sum(w for i, w in enumerate(widths) if i not in self.right)
        room = width - min(names, width // 3)
        groups: list[list[int]] = [[]]
        for i in sorted(self.right):
            if groups[-1] and sum(widths[j] for j in groups[-1]) + widths[i] > room:
                groups.append([])
            groups[-1].append(i)
        return groups


def _folded(heading: str) -> str:
    return heading.replace(" [", "\n[")


def print_json(document: Any) -> None:
    """Write ``document`` to standard output as JSON; not-a-number becomes null."""
    sys.stdout.write(json.dumps(_plain(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    """``value`` in the types of JSON: numpy scalars as numbers, paths as text, NaN as None."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(v) for v in value]
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
