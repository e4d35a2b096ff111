"""What every test shares: threads, property-test profiles, and where optional corpora and traces lie."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

# Before numpy or torch start their pools: workers of the suite share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings

_CACHE = pytest.StashKey[str]()

# No deadline: the machines that run the suite are shared, and a slow second is not a fault.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_configure(config: pytest.Config) -> None:
    """One measurement cache for the whole run, shared by its workers and apart from the user's own."""
    if not hasattr(config, "workerinput") and "AMSER_CACHE" not in os.environ:
        os.environ["AMSER_CACHE"] = config.stash[_CACHE] = tempfile.mkdtemp(prefix="amser-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove that cache; workers inherit its name and leave it alone."""
    if _CACHE in config.stash:
        shutil.rmtree(config.stash[_CACHE], ignore_errors=True)


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value or not Path(value).is_dir():
        pytest.skip(f"{variable} does not name a folder")
    return Path(value)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of downloaded corpora (AMSER_CORPORA); skips the test without it."""
    return _folder("AMSER_CORPORA")


@pytest.fixture(scope="session")
def traces() -> Path:
    """The folder of recorded link traces (AMSER_TRACES); skips the test without it."""
    return _folder("AMSER_TRACES")


@pytest.fixture
def plugin_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Writes a module beside a scenario in the test's folder, from which its classes may then be taken."""
    from scenarios import plugins

    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(plugins, "_folders", [])
    monkeypatch.setattr(plugins, "_used", set())
    before = set(sys.modules)

    def write(name: str, source: str) -> Path:
        path = tmp_path / f"{name}.py"
        path.write_text(dedent(source), encoding="utf-8")
        plugins.trust(tmp_path)
        return path

    yield write
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
