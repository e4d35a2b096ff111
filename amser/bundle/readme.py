"""The bundle's README: what is in it, what regenerates each file, and what it does not hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from amser.bundle.inputs import Input
from amser.checklist.item import Filed, bullets, plain, rows

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
