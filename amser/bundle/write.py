"""Puts a study into one ZIP file, with a README that says what is in it and what regenerates each file."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from amser.bundle.inputs import Input, held, inputs_of
from amser.checklist.item import Filed, bullets, plain, rows
from amser.exits import UserError
from amser.stored import stored_experiment

if TYPE_CHECKING:
    from scenarios import Experiment
    from sim.study.results import Results

RESULTS = (
    ("results/scenario.yaml", "the scenario as it was written; it may extend others"),
    ("results/resolved.yaml", "the same in one file, which is what runs"),
    ("results/manifest.json", "versions, commit, seeds, digests"),
    ("results/measurements.parquet", "sizes, words and emotions of every utterance under every codec"),
    ("results/points/", "each replication: metrics, latencies, upload log as far as it was kept"),
    ("results/summary.csv, summary.json, differences.csv", "every figure with its interval"),
)


def readme(results: Results, experiment: Experiment, inputs: Sequence[Input], figures: Mapping[str, str]) -> str:
    """The page in Markdown; ``figures`` are files of the bundle and the commands that draw them."""
    study = Filed(results)
    return (
        "\n\n".join(
            [
                f"# {plain(experiment.title or experiment.name)}",
                "Results of a study with the AMSER testbed, and all that it takes to repeat it.",
                *([f"**Not the whole study.** {plain(results.partial)}"] if results.partial else []),
                "## Repeat it",
                f"Install the testbed as it was ({_version(study)}), unpack this file, and in its folder:",
                "```sh\namser rerun results        # runs everything again and compares every figure, to the last "
                "digit\n```",
                _plugins(experiment)
                + "Figures do not depend on the machine. `SHA256SUMS` has the digest of every file "
                "(`sha256sum -c SHA256SUMS`).",
                "## What is here, and what regenerates it",
                rows(["file", "what it is", "command"], _files(figures)),
                "## What it rests on",
                bullets(study.measured_with()),
                rows(["input", "SHA-256", "where it is"], [[one.name, one.sha256, one.note] for one in inputs]),
                "Recordings and weights are not in here, and neither is anything that ships with the testbed. "
                "Measurements that its tables hold need neither; those of your own corpus or model need both to be "
                "repeated.",
                "## Versions",
                rows(["package", "version"], list(study.part("versions").items())),
            ]
        )
        + "\n"
    )


def _files(figures: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name, what in RESULTS:
        yield name, what, "amser rerun results --results again"
    for name, command in figures.items():
        yield name, "drawn from the results", command


def _version(study: Filed) -> str:
    source = study.part("source")
    version = f"version {plain(study.part('versions').get('amser', 'unknown'))}"
    if "commit" in source:
        version += f", commit `{plain(source['commit'])}`"
    if source.get("changed"):
        digest = plain(source.get("diff_sha256", "unknown"))
        version += f", **with changes that were not committed** (SHA-256 of the difference: {digest})"
    return version


def _plugins(experiment: Experiment) -> str:
    from scenarios.plugins import classes

    named = sorted({path for p in experiment.points for path in classes(p.scenario.model_dump())})
    if not named:
        return ""
    return f"The study runs code of its own ({', '.join(named)}): read it, then add `--allow-plugins`. "


EPOCH = (1980, 1, 1, 0, 0, 0)  # the least that ZIP can say: equal content gives equal archives, whenever it is packed
FIGURES = ("tradeoff", "latency", "energy")


def write_bundle(results: Results, path: Path, *, force: bool = False) -> list[Input]:
    """Write the bundle of ``results`` to ``path``, a ``.zip``, whole or not at all; returns the study's inputs.

    It unpacks into one folder named after the scenario.  Raises ``UserError`` for a path that exists (``force``
    replaces it) or is no ``.zip``, for an input that has changed and for a link in the folder; ``MissingError`` for an
    input or a scenario that is gone; ``ResultsError`` for a damaged folder.
    """
    if path.suffix != ".zip":
        raise UserError(f"{path}: a bundle is a ZIP file; name it {path.stem or 'study'}.zip")
    if path.exists() and not force:
        raise UserError(f"{path}: exists already; name another file, or say --force")
    if not path.parent.is_dir():
        raise UserError(f"{path.parent}: no such folder; make it first")
    if "observed" in results.manifest:
        raise UserError(f"{results.folder}: this was observed on a real server, which no command repeats")
    experiment = stored_experiment(results)
    inputs = inputs_of(experiment, {str(k): str(v) for k, v in (results.manifest.get("inputs") or {}).items()})
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with tempfile.TemporaryDirectory(prefix="amser-bundle-") as place:
            figures = _drawn(results, Path(place))
            page = readme(results, experiment, inputs, figures)
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
                sums = [
                    _add(archive, f"{experiment.name}/{name}", content)
                    for name, content in _contents(results, inputs, Path(place), page)
                ]
                text = "".join(f"{digest}  {name.partition('/')[2]}\n" for name, digest in sums)
                _add(archive, f"{experiment.name}/SHA256SUMS", text.encode())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return inputs


def _drawn(results: Results, place: Path) -> dict[str, str]:
    """Draw what can be drawn into ``place``; the commands by the name of the file."""
    from amser.checklist import write_checklist
    from amser.plots import plot
    from amser.report import write_report

    write_report(results, place / "report.html")
    write_checklist(results, place / "checklist.md")
    commands = {
        "report.html": "amser report results -o report.html",
        "checklist.md": "amser report results --checklist -o checklist.md",
    }
    for figure in FIGURES:
        name = f"figures/{figure}.svg"
        (place / "figures").mkdir(exist_ok=True)
        try:
            plot(results, place / name, figure=figure, width="page")
        except UserError:  # nothing of this kind was measured, or the log was not kept
            continue
        commands[name] = f"amser plot results --figure {figure} --width page -o {name}"
    return commands


def _contents(results: Results, inputs: list[Input], drawn: Path, page: str) -> Iterator[tuple[str, Path | bytes]]:
    yield "README.md", page.encode()
    for path in sorted(p for p in drawn.rglob("*") if p.is_file()):
        yield path.relative_to(drawn).as_posix(), path
    taken: dict[str, Path] = {}
    for path in held(results.folder):
        name = path.relative_to(results.folder).as_posix()
        taken[name] = path
        if name == "manifest.json":
            # Named from itself, so that the study finds its files wherever the bundle is unpacked.
            manifest = {**results.manifest, "scenario": "scenario.yaml"}
            yield f"results/{name}", json.dumps(manifest, indent=1).encode()
        elif name != "report.html":
            yield f"results/{name}", path
    for one in inputs:
        if one.carried is None:
            continue
        if one.name not in taken:
            yield f"results/{one.name}", one.carried
        elif taken[one.name].read_bytes() != one.carried.read_bytes():
            raise UserError(f"{one.carried}: has the name of a file of results; rename it and run the study again")


def _add(archive: zipfile.ZipFile, name: str, content: Path | bytes) -> tuple[str, str]:
    """Add one file; its name and SHA-256."""
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    state = hashlib.sha256()
    data = content if isinstance(content, bytes) else content.read_bytes()
    state.update(data)
    archive.writestr(entry, data)
    return name, state.hexdigest()
