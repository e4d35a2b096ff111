"""The shape of the repository: floors, sizes of files, and what the package declares."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import amser
from scenarios.document import read_document

ROOT = Path(__file__).parents[1]
# A folder imports only floors strictly below its own.
FLOOR = {"scenarios": 1, "channel": 2, "devices": 2, "recognizers": 3, "sim": 4, "amser": 5}
LONGEST_FILE, LONGEST_FUNCTION = 450, 80


def sources(floor: str) -> list[Path]:
    return sorted((ROOT / floor).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(tree: ast.AST) -> Iterator[str]:
    """Every name that is imported, wherever it stands, but those for annotations alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute: `from channel.codecs import ...`"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports(node)


@cache
def graph() -> dict[str, set[str]]:
    """Which of our files each of our files imports."""
    trees = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for floor in FLOOR for path in sources(floor)}
    found = {}
    for name, tree in trees.items():
        named = {one if one in trees else one.rpartition(".")[0] for one in imports(tree)}
        found[name] = (named & set(trees)) - {name}
    return found


def test_a_floor_imports_only_what_stands_below_it() -> None:
    for name, imported in graph().items():
        for other in imported:
            above, below = name.split(".")[0], other.split(".")[0]
            assert above == below or FLOOR[below] < FLOOR[above], f"{name} imports {other}"


def test_no_circle_of_files() -> None:
    """Imports inside functions count: a circle that is only met later is one all the same."""
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(f"these import each other: {', '.join(error.args[1])}")


def test_no_two_folders_import_each_other() -> None:
    """A folder and one within it may: the outer one is the front of the inner."""
    home = {name: name if (ROOT / name.replace(".", "/")).is_dir() else name.rpartition(".")[0] for name in graph()}
    crossed = {
        (home[name], home[other])
        for name, imported in graph().items()
        for other in imported
        if not f"{home[name]}.".startswith(f"{home[other]}.") and not f"{home[other]}.".startswith(f"{home[name]}.")
    }
    assert {(one, other) for one, other in crossed if (other, one) in crossed} == set()


def test_only_the_command_line_and_the_reproduction_train() -> None:
    may = ("recognizers.training", "amser.cli", "amser.reproduction")
    for name, imported in graph().items():
        trains = [other for other in imported if other.startswith("recognizers.training")]
        assert not trains or name.startswith(may), f"{name} imports {trains}"


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
    assert set(project["tool"]["mypy"]["files"]) == {*FLOOR, "tests"}
    assert all((ROOT / floor / "py.typed").is_file() for floor in FLOOR)


def test_one_version_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^version: {re.escape(amser.__version__)}$", citation, re.MULTILINE)
    assert f"## {amser.__version__}" in changelog


def test_classifiers_and_badges_claim_what_ci_runs() -> None:
    """The one Python that is claimed is the one that mypy assumes and that the Makefile looks for first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    claimed = [c.rpartition(" ")[2] for c in project["project"]["classifiers"] if re.search(r"Python :: 3\.\d", c)]
    assert claimed == [project["tool"]["mypy"]["python_version"]]
    assert f"command -v python{claimed[0]}" in (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"badge/[^)]*Python%20([\d.]+)-", readme) == claimed
    assert project["project"]["license"].lower() in readme.lower().replace("--", "-")


def test_every_task_is_in_the_list_of_make() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    tasks = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())
    assert set(re.findall(r"^([a-z]+):.*?## \S", text, re.MULTILINE)) == tasks


def test_citation_has_the_authors_of_the_poster() -> None:
    """In the order that the poster prints them."""
    paper = read_document(ROOT / "CITATION.cff").data["references"][0]
    names = ["Lu", "Wang", "Ding", "Zhang", "Zhang", "Yang", "Chen", "Xue"]
    assert [author["family-names"] for author in paper["authors"]] == names
    assert paper["title"] == "AMSER: Accelerate Mobile Speech Emotion Recognition with Signal Compression"
