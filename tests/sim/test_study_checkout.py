"""The commit that a manifest names, against a repository made here."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from sim.study.checkout import source_of, version_of

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="Git is not installed")


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "project"
    root.mkdir()
    git(root, "init", "-q")
    (root / "engine.py").write_text("a = 1\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    source_of.cache_clear()
    return root


def test_a_clean_checkout_is_its_commit(repository: Path) -> None:
    (repository / "notes.txt").write_text("not tracked\n")
    assert source_of(repository) == {"commit": git(repository, "rev-parse", "HEAD").strip()}


def test_changes_are_named_and_digested(repository: Path) -> None:
    (repository / "engine.py").write_text("a = 2\n")
    diff = git(repository, "diff", "--binary", "HEAD")
    found = source_of(repository)
    assert found["changed"] == ["engine.py"]
    assert found["diff_sha256"] == hashlib.sha256(diff.encode()).hexdigest()


def test_an_installed_copy_claims_no_commit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither that of the user's own repository around it, nor that of a hook's GIT_DIR, nor without Git."""
    inside = repository / "lib"
    inside.mkdir()
    assert source_of(inside) == {}
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    assert source_of(repository.parent) == {}
    monkeypatch.setenv("PATH", "")
    source_of.cache_clear()
    assert source_of(repository) == {}


def test_the_version_is_that_of_the_code_that_runs() -> None:
    import amser

    assert version_of() == amser.__version__
