"""The shape of the repository: floors, sizes of files, and what the package declares."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import amser

ROOT = Path(__file__).parents[1]
# A folder imports only floors strictly below its own.
FLOOR = {"scenarios": 1, "channel": 2, "devices": 2, "recognizers": 3, "sim": 4, "amser": 5}
LONGEST_FILE, LONGEST_FUNCTION = 450, 80


def sources(floor: str) -> list[Path]:
    return sorted((ROOT / floor).rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute: `from channel.codecs import ...`"
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("floor", FLOOR)
def test_a_floor_imports_only_what_stands_below_it(floor: str) -> None:
    for path in sources(floor):
        for name in imports(ast.parse(path.read_text(encoding="utf-8"))):
            if name in FLOOR and name != floor:
                assert FLOOR[name] < FLOOR[floor], f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("floor", FLOOR)
def test_files_and_functions_stay_short(floor: str) -> None:
    for path in sources(floor):
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= LONGEST_FILE, f"{path.relative_to(ROOT)} is too long"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                assert length <= LONGEST_FUNCTION, f"{path.relative_to(ROOT)}: {node.name} has {length} lines"


def test_every_package_is_typed_and_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == set(FLOOR)
    assert set(project["tool"]["mypy"]["files"]) == set(FLOOR)
    assert all((ROOT / floor / "py.typed").is_file() for floor in FLOOR)


def test_one_version_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^version: {re.escape(amser.__version__)}$", citation, re.MULTILINE)
    assert f"## {amser.__version__}" in changelog
