"""Install the lowest versions that pyproject.toml admits, or the newest, and run fast tests with them.

    python scripts/check_bounds.py --versions lowest
    python scripts/check_bounds.py --versions newest --python python3.13 --without-torch

Each check makes an environment of its own, in a temporary folder.  PyTorch is the exception: it is gigabytes, and
its wheels for processors alone come from an index of their own, so it is taken from the environment that runs this
script (`--without-torch`: not at all, and only tests that need none are run).  It takes minutes and a network, and is
no part of the tests.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ("tests/scenarios", "tests/devices", "tests/channel", "tests/sim", "tests/recognizers", "tests/amser")
WITHOUT_TORCH = ("tests/scenarios", "tests/devices", "tests/channel", "tests/sim")
OF_TORCH = ("torch", "openai-whisper")
OF_WHISPER = ("tiktoken", "more-itertools", "tqdm")  # what whisper needs beside PyTorch
TESTING = ("pytest>=8.2", "pytest-xdist>=3.6", "hypothesis>=6.110", "librosa>=0.10.2")
BOUND = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*>=\s*([^,;\s]+)")


def requirements(lowest: bool, extras: tuple[str, ...]) -> dict[str, str]:
    """By name, what pip is asked for: the lowest version that is admitted, or any."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    found = {}
    for line in lines:
        match = BOUND.match(line)
        if match is None:
            raise SystemExit(f"pyproject.toml: {line!r} has no lower bound")
        found[match[1]] = f"{match[1]}=={match[2]}" if lowest else line
    return found


def borrow_torch(environment: Path) -> None:
    """Link the PyTorch that this script runs with into ``environment``."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        raise SystemExit("PyTorch is not installed here; run this with an environment that has it, or --without-torch")
    here = Path(spec.origin).parent.parent
    (there,) = environment.glob("lib/python*/site-packages")
    names = ("torch", "torchgen", "functorch", "torch-*.dist-info")
    for path in (p for name in names for p in here.glob(name)):
        (there / path.name).symlink_to(path)


def run(*command: str) -> int:
    """Run a command in the checkout, as quietly as it is."""
    sys.stdout.write("$ " + " ".join(command)[:160] + "\n")
    sys.stdout.flush()
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False).returncode


def check(python: str, lowest: bool, with_torch: bool, tests: list[str]) -> int:
    """One environment; the exit code of pip or of pytest."""
    wanted = requirements(lowest, ("cluster",))
    # Whisper asks for PyTorch and is installed without what it asks for.
    apart = {name: wanted.pop(name) for name in OF_TORCH}
    with tempfile.TemporaryDirectory(prefix="amser-bounds-") as place:
        environment = Path(place) / "env"
        if code := run(python, "-m", "venv", str(environment)):
            return code
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        more = OF_WHISPER if with_torch else ()
        if code := run(*pip, *wanted.values(), *TESTING, *more):
            return code
        if with_torch:
            borrow_torch(environment)
            if code := run(*pip, "--no-deps", apart["openai-whisper"]):
                return code
        if code := run(*pip, "--no-deps", "--editable", str(ROOT)):
            return code
        run(str(environment / "bin" / "python"), "-m", "pip", "freeze")
        return run(str(environment / "bin" / "python"), "-m", "pytest", "-q", "-m", "not slow", *tests)


def main() -> None:
    """Check what the command line asks for; exit code 1 where anything fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--versions", choices=["lowest", "newest"], required=True)
    parser.add_argument("--python", default=sys.executable, help="interpreter of the new environment")
    parser.add_argument("--without-torch", action="store_true")
    parser.add_argument("tests", nargs="*", help="default: all that the packages allow")
    asked = parser.parse_args()
    tests = asked.tests or list(WITHOUT_TORCH if asked.without_torch else TESTS)
    sys.exit(min(1, check(asked.python, asked.versions == "lowest", not asked.without_torch, tests)))


if __name__ == "__main__":
    main()
