"""Pages marked ``<!-- executed ... -->`` are run: their files are written, their commands and code executed.

On such a page a fenced block is

* ``console``: lines that start with ``$ `` are commands, run in the page's own folder.  The lines below must
  be their output, standard error included; ``...`` stands for anything.  A last line ``[exit code N]``
  expects N.
* ``python``: run in one namespace for the whole page; with ``>>>`` as a doctest.
* ``yaml`` or ``python`` whose first line is ``# file: NAME``: written to that file.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
MARK = "<!-- executed"
PAGES = sorted(p for p in [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"] if MARK in p.read_text(encoding="utf-8"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"^\[exit code (\d+)\]$")


class Block(NamedTuple):
    """A fenced block and the line of the page it starts at."""

    line: int
    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        yield Block(text.count("\n", 0, match.start()) + 1, match.group(1), match.group(2))


def commands(text: str) -> Iterator[tuple[str, str, int]]:
    """Command, expected output and expected exit code of each ``$`` line of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        lines = expected.rstrip("\n").split("\n")
        code = EXIT.match(lines[-1])
        if code is not None:
            lines.pop()
        yield command, "\n".join(lines), int(code.group(1)) if code is not None else 0


def as_pattern(expected: str) -> str:
    """A regular expression for ``expected``: ``...`` stands for anything, blanks for one blank."""
    lines = (re.escape(" ".join(line.split())) for line in expected.strip().splitlines())
    return "\n".join(lines).replace(re.escape("..."), ".*?")


def normal(output: str) -> str:
    return "\n".join(" ".join(line.split()) for line in output.strip().splitlines())


def run_console(text: str, folder: Path, where: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "120"}
    for command, expected, code in commands(text):
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == code, f"{where}: `{command}` gave {done.returncode}:\n{done.stdout}"
        assert re.fullmatch(as_pattern(expected), normal(done.stdout), re.DOTALL), (
            f"{where}: `{command}` printed\n{done.stdout}\ninstead of\n{expected}"
        )


def run_python(text: str, namespace: dict[str, Any], where: str) -> None:
    if ">>>" not in text:
        exec(compile(text, where, "exec"), namespace)
        return
    test = doctest.DocTestParser().get_doctest(text, namespace, where, where, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    output: list[str] = []
    runner.run(test, out=output.append, clear_globs=False)
    namespace.update(test.globs)
    assert not runner.failures, "".join(output)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=[p.name for p in PAGES])
def test_page_does_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "docs"}
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.language in ("yaml", "python") and (named := re.match(r"# file: (\S+)\n", block.text)):
            (tmp_path / named.group(1)).write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            run_console(block.text, tmp_path, where)
        elif block.language == "python":
            run_python(block.text, namespace, where)


def test_links_between_pages_lead_somewhere() -> None:
    missing = []
    for page in [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                missing.append(f"{page.name}: {target}")
    assert not missing


def test_files_that_pages_name_are_there() -> None:
    top = "amser|sim|recognizers|channel|devices|scenarios|tests|benchmarks|docs|scripts"
    path = rf"`((?:{top})/[\w/.-]*(?:/|\.(?:py|md|csv|json|yaml|svg|toml)))`"
    pages = [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]
    named = {(page.name, found) for page in pages for found in re.findall(path, page.read_text(encoding="utf-8"))}
    assert len(named) > 50
    assert [f"{page}: {path}" for page, path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_page_can_be_found_from_the_first() -> None:
    reached, left = set(), [ROOT / "docs" / "index.md"]
    while left:
        page = left.pop()
        reached.add(page.resolve())
        targets = re.findall(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        left += [
            t
            for t in ((page.parent / x) for x in targets if "://" not in x)
            if t.exists() and t.resolve() not in reached
        ]
    unreached = {p.resolve() for p in ROOT.glob("docs/**/*.md")} - reached
    assert not unreached, f"link these from docs/index.md: {sorted(p.name for p in unreached)}"
