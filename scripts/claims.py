"""Which command regenerates every number that the README and the result pages state, and whether it still does.

    python scripts/claims.py --list
    python scripts/claims.py --check
    python scripts/claims.py --run [PATTERN]
    python scripts/claims.py --stamp [PATTERN]

docs/claims.yaml names, by page and section, how its numbers came to be and the commit they were measured with.  With
each section stands a digest of its numbers: whoever changes a number has to say that it was measured again (`--stamp`)
or `--check` fails.  `--check` also fails where a section with numbers has no claim, where a page that is quoted no
longer holds the number, and where a command names what is not there.  `--run` runs the claims that match, by default
those that take less than a minute, and compares; pages that a command rewrites are put back.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
CLAIMS = ROOT / "docs" / "claims.yaml"
NUMBER = re.compile(r"(?<![\w.-])[-+\u2212]?\d(?:[\d,]*\d)?(?:[ \u00a0]\d{3}(?!\d))*(?:\.\d+)?")
# Code, targets of links and comments hold numbers that claim nothing.
SILENT = re.compile(r"^```.*?^```$|^ {4}[^\n]*$|<!--.*?-->|`[^`\n]*`|\]\([^)]*\)", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
COSTS = ("seconds", "minutes", "hours", "elsewhere")
HOWS = {
    "rewritten": "the command writes them into the page",
    "tested": "the command is a test that fails where they are wrong",
    "quoted": "another page states them, and is the one that is measured",
    "recorded": "the command measures them again; machine and chance move them, so that people compare",
    "given": "definitions, inputs or counts of what is listed: nothing was measured",
}


@dataclass(frozen=True)
class Claim:
    """How the numbers of a section, or some of them, came to be."""

    how: str
    """One of ``HOWS``."""
    command: str = ""
    cost: str = "seconds"
    commit: str = ""
    """Of the code that measured."""
    pages: tuple[str, ...] = ()
    """Of a quotation: where the numbers are measured."""
    numbers: tuple[str, ...] = ()
    """Of a quotation: which."""
    tolerance: float = 0.0
    """Relative; by how much a number may move when it is measured again."""
    stale: str = ""
    """Why nobody should rely on them any more."""


@dataclass(frozen=True)
class Section:
    """A part of a page with the claims about it; one named ``*`` is the whole page."""

    page: str
    name: str
    digest: str
    claims: tuple[Claim, ...]

    def text(self) -> str:
        """What stands there today; empty where the section is gone."""
        return dict(sections(read(self.page))).get(self.name, "") if self.name != "*" else read(self.page)


def read(page: str) -> str:
    """A page's text; empty where there is none."""
    path = ROOT / page
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def numbers(text: str) -> list[str]:
    """The numbers that a text states, as they are written."""
    return NUMBER.findall(SILENT.sub(" ", text))


def digest(text: str) -> str:
    """What changes with any number of a text and with nothing else."""
    return hashlib.sha256(" ".join(numbers(text)).encode()).hexdigest()[:8]


def sections(text: str) -> Iterator[tuple[str, str]]:
    """Name and text of every section, those below it included; a name that comes twice begins with its parent's."""
    text = re.sub(r"^```.*?^```$", lambda m: m[0].replace("\n#", "\n #"), text, flags=re.MULTILINE | re.DOTALL)
    heads = list(HEADING.finditer(text))
    titles = [head[2] for head in heads]
    above: list[str] = []
    for i, head in enumerate(heads):
        level = len(head[1])
        above[level - 1 :] = [""] * (level - 1 - len(above)) + [head[2]]
        end = next((h.start() for h in heads[i + 1 :] if len(h[1]) <= level), len(text))
        name = head[2] if titles.count(head[2]) == 1 else f"{above[-2]} / {head[2]}"
        yield name, text[head.end() : end if level > 1 else (heads[i + 1].start() if i + 1 < len(heads) else end)]


def load(path: Path = CLAIMS) -> list[Section]:
    """The claims.  Raises ``SystemExit`` for an entry that says less or more than it must."""
    found = []
    for page, parts in YAML(typ="safe").load(path.read_text(encoding="utf-8")).items():
        for name, part in parts.items():
            try:
                found.append(Section(page, str(name), str(part["digest"]), tuple(map(_claim, part["claims"]))))
            except (KeyError, TypeError, ValueError) as error:
                raise SystemExit(f"{path}: {page}: {name}: {error!r}") from None
    return found


def _claim(entry: dict[str, object]) -> Claim:
    listed = {k: tuple(map(str, v)) if isinstance(v, list) else v for k, v in entry.items()}
    claim = Claim(**listed)  # type: ignore[arg-type]
    if claim.how not in HOWS or claim.cost not in COSTS:
        raise ValueError(f"how is one of {', '.join(HOWS)}, cost one of {', '.join(COSTS)}")
    if bool(claim.command) == (claim.how in ("quoted", "given")) or (claim.how == "quoted") != bool(claim.pages):
        raise ValueError(f"{claim.how} needs {'pages' if claim.how == 'quoted' else 'a command'}, and nothing else")
    return claim


def pages() -> list[str]:
    """The pages whose numbers must all be claimed."""
    return ["README.md", *(p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "docs" / "results").glob("*.md")))]


def faults(claimed: list[Section]) -> Iterator[str]:
    """What is wrong with the claims, a line each."""
    for section in claimed:
        where = f"{section.page}: {section.name}"
        if not (text := section.text()):
            yield f"{where}: no such section; name it as it is called now"
        elif section.digest != digest(text):
            yield f"{where}: numbers have changed; measure them again, then --stamp them (digest {digest(text)})"
        for claim in section.claims:
            yield from (f"{where}: {fault}" for fault in _missing(claim))
            yield from (f"{where}: {fault}" for fault in misquoted(claim))
    for page in pages():
        names = {section.name for section in claimed if section.page == page}
        covered = [section.text() for section in claimed if section.page == page]
        for name, text in sections(read(page)):
            own = HEADING.split(text)[0]  # what stands below deeper headings is their own affair
            if numbers(own) and "*" not in names and name not in names and not any(text in whole for whole in covered):
                yield f"{page}: {name}: {len(numbers(own))} numbers that no claim covers"


def untracked(claimed: list[Section]) -> Iterator[str]:
    """Guides and explanations that state numbers, and how many: nothing holds them yet but the tests that run them."""
    for path in sorted(p for folder in ("docs", "docs/howto") for p in (ROOT / folder).glob("*.md")):
        page = path.relative_to(ROOT).as_posix()
        if (found := numbers(read(page))) and page not in {section.page for section in claimed}:
            yield f"{page} ({len(found)})"


def misquoted(claim: Claim) -> Iterator[str]:
    """Numbers that the quoted pages do not state."""
    there = {number for page in claim.pages for number in numbers(read(page))}
    yield from (f"quotes {n}, which {', '.join(claim.pages)} does not state" for n in claim.numbers if n not in there)


def _missing(claim: Claim) -> Iterator[str]:
    """Files and modules that a command names and that are not there."""
    named = re.findall(r"(?:scripts|benchmarks|tests|docs)/[\w/]+\.py", claim.command)
    named += [m.replace(".", "/") for m in re.findall(r"-m ((?:docs|benchmarks|tests)\.[\w.]+)", claim.command)]
    for name in named:
        if not any((ROOT / f"{name}{end}").exists() for end in ("", ".py")):
            yield f"`{claim.command}`: {name} is not there"


def run(section: Section, claim: Claim) -> list[str]:
    """Run a claim's command and compare; what does not hold."""
    before = {page: read(page) for page in (section.page, *pages())}
    done = subprocess.run(["bash", "-c", claim.command], cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        if done.returncode:
            return [f"exit code {done.returncode}: {(done.stderr or done.stdout).strip()[-400:]}"]
        return compare(before[section.page], read(section.page), claim.tolerance)
    finally:
        for page, text in before.items():
            if read(page) != text:
                (ROOT / page).write_text(text, encoding="utf-8")


def compare(old: str, new: str, tolerance: float) -> list[str]:
    """The numbers of two states of a page that differ by more than ``tolerance``."""
    one, two = numbers(old), numbers(new)
    if len(one) != len(two):
        return [f"{len(one)} numbers have become {len(two)}"]
    return [f"{a} has become {b}" for a, b in zip(one, two, strict=True) if not near(value(a), value(b), tolerance)]


def near(a: float, b: float, tolerance: float) -> bool:
    """Whether two numbers are equal within a relative tolerance."""
    return abs(a - b) <= tolerance * max(abs(a), abs(b))


def value(text: str) -> float:
    """A number as it is written, with its signs and separators, as a float."""
    return float(re.sub(r"[,\s\u00a0]", "", text.replace("\u2212", "-")))


def matching(claimed: list[Section], pattern: str) -> Iterator[tuple[Section, Claim]]:
    """Claims whose page, section or command holds ``pattern``."""
    for section in claimed:
        for claim in section.claims:
            if pattern.lower() in f"{section.page} {section.name} {claim.command}".lower():
                yield section, claim


def list_claims(claimed: list[Section]) -> None:
    """Print a line for each claim."""
    for section, claim in matching(claimed, ""):
        source = claim.command or ", ".join(claim.pages)
        state = f"STALE: {claim.stale}" if claim.stale else f"{claim.how}, {claim.cost}"
        print(f"{section.page}: {section.name} [{state}; {claim.commit or '-'}] {source}")


def run_claims(claimed: list[Section], pattern: str) -> int:
    """Run what matches, each command once; without a pattern what takes seconds."""
    bad, ran = 0, set()
    for section, claim in matching(claimed, pattern):
        if claim.how not in ("rewritten", "tested") or not (pattern or claim.cost == "seconds"):
            continue
        if (section.page, claim.command) in ran:
            continue
        ran.add((section.page, claim.command))
        wrong = run(section, claim)
        bad += bool(wrong)
        print(f"{section.page}: `{claim.command}`: {'; '.join(wrong[:5]) or 'holds'}")
    return 1 if bad or not ran else 0


def stamp(claimed: list[Section], pattern: str) -> None:
    """Write the digests of today's numbers of the sections that match."""
    text = CLAIMS.read_text(encoding="utf-8")
    for section in claimed:
        if pattern.lower() in f"{section.page} {section.name}".lower() and section.text():
            name = rf"  (['\"]?){re.escape(section.name)}\2:\n    digest: "
            head = rf"(^{re.escape(section.page)}:\n(?:[ #].*\n|\n)*?{name})\S+"
            text = re.sub(head, lambda m, s=section: m[1] + f'"{digest(s.text())}"', text, count=1, flags=re.MULTILINE)
    CLAIMS.write_text(text, encoding="utf-8")


def main() -> int:
    """List, check, run or stamp the claims."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--list", action="store_true")
    what.add_argument("--check", action="store_true")
    what.add_argument("--run", nargs="?", const="", metavar="PATTERN")
    what.add_argument("--stamp", nargs="?", const="", metavar="PATTERN")
    asked = parser.parse_args()
    claimed = load()
    if asked.list:
        list_claims(claimed)
    elif asked.check:
        wrong = list(faults(claimed))
        total = sum(len(section.claims) for section in claimed)
        print("\n".join(wrong) or f"{total} claims cover the README and every result page")
        print(f"not tracked, with their numbers: {', '.join(untracked(claimed))}")
        return int(bool(wrong))
    elif asked.run is not None:
        return run_claims(claimed, asked.run)
    else:
        stamp(claimed, asked.stamp)
    return 0


if __name__ == "__main__":
    sys.exit(main())
