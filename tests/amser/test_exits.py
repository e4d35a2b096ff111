"""Every error that a user can meet has an exit code and one clear message."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from amser.exits import MissingError, UserError, describe, exit_code_of
from scenarios.errors import AmserError, Exit

ROOT = Path(__file__).parents[2]
FLOORS = ("scenarios", "channel", "devices", "recognizers", "sim", "amser")


def declared_errors() -> list[str]:
    """Qualified names of all exception classes in the floors, by their source text."""
    found = []
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if (
                    isinstance(node, ast.ClassDef)
                    and node.name != "AmserError"
                    and any("Error" in ast.unparse(b) or "Exception" in ast.unparse(b) for b in node.bases)
                ):
                    found.append(f"{module}.{node.name}")
    return found


@pytest.mark.parametrize("name", declared_errors())
def test_every_declared_error_descends_from_the_root(name: str) -> None:
    module, _, cls = name.rpartition(".")
    kind = getattr(importlib.import_module(module), cls)
    assert issubclass(kind, AmserError), f"{name} would reach the user as a traceback: let it be an AmserError"
    assert kind.exit_code not in (Exit.DONE, Exit.DEFECT)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("x"), 2),
        (MissingError("x"), 3),
        (FileNotFoundError(2, "no", "f"), 3),
        (ModuleNotFoundError("x", name="x"), 3),
        (FileExistsError(17, "there", "f"), 2),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError(), 70),
        (BrokenPipeError(), 141),
    ],
)
def test_codes_are_those_documented(error: BaseException, code: int) -> None:
    assert exit_code_of(error) == code


def test_a_module_of_our_own_that_is_missing_is_a_defect() -> None:
    assert exit_code_of(ModuleNotFoundError("x", name="sim.nothing")) is Exit.DEFECT


def test_a_subclass_takes_the_nearest_code() -> None:
    class Own(UserError):
        pass

    assert exit_code_of(Own("x")) is Exit.USAGE


def test_messages_name_the_remedy() -> None:
    assert (
        describe(ModuleNotFoundError("no", name="pocketsphinx.thing"))
        == "pocketsphinx is not installed: pip install pocketsphinx"
    )
    assert describe(FileNotFoundError(2, "No such file or directory", "a.wav")) == "a.wav: No such file or directory"
    assert describe(ValueError()) == "ValueError"


def test_codes_are_in_the_documentation() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for code in Exit:
        assert f"| {int(code)} |" in text, f"docs/cli.md does not list exit code {int(code)}"
