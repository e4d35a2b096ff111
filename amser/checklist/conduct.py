"""Sections 3 to 6: data, experiments, implementation, access."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from amser.checklist.item import Filed, Item, bullets, plain, rows

WARMUP_AUTO = "`auto`, a tenth of the duration, fixed before the run"


def data(study: Filed) -> Iterator[Item]:
    """Section 3."""
    yield Item(
        "3.1",
        "Data sources",
        (bullets(_sources(study)),),
        "how the values that the scenario gives itself were obtained; those marked `remembered` were not read again.",
    )
    yield Item(
        "3.2",
        "Pre-processing",
        (
            "Before the simulation every utterance was encoded, decoded and recognized once under every codec. The "
            "simulation draws utterances from this table, with their sizes, errors and coding costs "
            "(`measurements.parquet`, `docs/measurement.md`). Words are normalized before they are compared.",
        ),
        "what was done to recordings and traces of your own before they were given to the testbed.",
    )
    inputs = study.part("inputs")
    yield Item(
        "3.3",
        "Input parameters",
        (
            "The scenario as it was run; what is not in it has the defaults of `docs/reference/scenario.md`.",
            f"{_fence(study)}yaml\n{_scenario(study)}{_fence(study)}",
            "Files that were read, by digest:",
            rows(["file", "SHA-256"], [[name, digest] for name, digest in inputs.items()]),
        ),
    )
    warnings = [plain(w) for w in study.listed("warnings")]
    yield Item(
        "3.4",
        "Assumptions",
        (
            "What is not modelled, and which way each absence moves the figures, is listed in `docs/validity.md`.",
            *(["The run warned:", bullets(warnings)] if warnings else ["The run gave no warning."]),
        ),
        "which of these matter for the conclusions.",
    )


def experimentation(study: Filed) -> Iterator[Item]:
    """Section 4."""
    warm = study.each(lambda s: WARMUP_AUTO if isinstance(s.warmup, str) else f"{s.warmup:g} s")
    yield Item(
        "4.1",
        "Initialisation",
        (
            f"The model starts empty. Warm-up, simulated and not counted: {warm}. What a start from empty leaves is "
            f"measured as `latency_drift`{_drift(study)}.",
        ),
    )
    lengths = study.each(lambda s: f"{s.duration:g} s")
    drains = study.each(lambda s: f"{s.drain:g} s")
    yield Item("4.2", "Run length", (f"{lengths}, then uploads under way are followed for up to {drains}.",))
    planned = ", ".join(dict.fromkeys(str(p.get("replications", "")) for p in study.manifest["points"]))
    rule = study.experiment.points[0].scenario.sweep.precision
    yield Item(
        "4.3",
        "Estimation",
        (
            f"Replications of a point: {planned}."
            + (
                ""
                if rule is None
                else f" They were added until {rule.metric} was known to {rule.relative:.1%} (or {rule.most} ran)."
            )
            + (f" **{plain(study.results.partial)}**" if study.results.partial else ""),
            bullets(
                [
                    "means: 95 % Student t intervals over replications; of a single replication, batch means",
                    "percentiles: of the uploads of all replications together, with intervals from order statistics, "
                    "replications as clusters",
                    "word errors and emotions: 95 % bootstrap over the corpus's utterances, or speakers where eight or "
                    "more are known; simulated uploads do not narrow them",
                    "differences: paired by replication or by utterance, under common random numbers",
                ]
            ),
            "Methods and their coverage: `docs/statistics.md`, `docs/results/coverage.md`.",
        ),
        "why this number of replications is enough, and what was done about several comparisons at once.",
    )


def implementation(study: Filed) -> Iterator[Item]:
    """Section 5."""
    engine = plain(study.part("simulated_by").get("name", "unknown"))
    version = plain(study.manifest.get("engine", "unknown"))
    versions = study.part("versions")
    yield Item(
        "5.1",
        "Software",
        (
            "The AMSER testbed, a discrete-event simulation in Python on SimPy; for large fleets the same events are "
            f"compiled by Numba. Engine of this study: `{engine}` (version {version}).",
            rows(["package", "version"], list(versions.items())),
        ),
    )
    seeds = ", ".join(dict.fromkeys(str(p.get("seed", "")) for p in study.manifest["points"]))
    yield Item(
        "5.2",
        "Random sampling",
        (
            "Philox4x32-10 (Salmon et al., SC 2011) as a counter: a draw is a function of seed, replication, site, "
            "purpose, group, device and the number of the utterance. Points with one seed meet the same arrivals and "
            f"the same channel. Seed: {plain(seeds)}; replications 0, 1, ...",
        ),
    )
    yield Item(
        "5.3",
        "Model execution",
        (
            "Next event first, in floating-point seconds; events at one instant in the order in which they were "
            "scheduled, arrivals at one instant by group and device. Both engines give the same uploads "
            "(`tests/sim/test_engines.py`).",
            f"Command: `{plain(' '.join(map(str, study.listed('command') or ['unknown'])))}`",
        ),
    )
    yield Item(
        "5.4",
        "System specification",
        (f"The run took {_elapsed(study)}. Its figures do not depend on the machine.",),
        "processor, cores and memory, if the run time matters.",
    )


def access(study: Filed) -> Iterator[Item]:
    """Section 6."""
    source = study.part("source")
    made = f"commit `{plain(source['commit'])}`" if "commit" in source else "an installed package, without a commit"
    changed = study.listed("source.changed")
    if changed:
        digest = plain(source.get("diff_sha256", ""))
        made += f", with {len(changed)} changed files (SHA-256 of the difference {digest})"
    yield Item(
        "6.1",
        "Sharing of the model",
        (
            f"AMSER testbed {plain(study.part('versions').get('amser', ''))}, Apache-2.0; {made}.",
            "`amser bundle RESULTS -o study.zip` packs the scenario, its inputs, all figures and what regenerates "
            "each. `amser rerun` repeats the study and compares every figure.",
        ),
        "an address or DOI of the code and of the bundle"
        + (", and the changes, which nobody else has." if changed else "."),
    )


def _sources(study: Filed) -> Iterator[str]:
    yield from study.measured_with()
    for part in ("devices", "cells"):
        for name, sources in study.part(part).items():
            if isinstance(sources, dict):
                yield from (f"{part}, {plain(name)}, {plain(k)}: {plain(v)}" for k, v in sources.items())


def _scenario(study: Filed) -> str:
    text = (study.results.folder / "resolved.yaml").read_text(encoding="utf-8", errors="replace")
    return text if text.endswith("\n") else text + "\n"


def _fence(study: Filed) -> str:
    """Longer than any run of backticks in the scenario, which could end the block."""
    return "`" * max(3, 1 + max((len(run) for run in re.findall("`+", _scenario(study))), default=0))


def _drift(study: Filed) -> str:
    frame = study.results.summary
    found = frame.loc[frame["metric"] == "latency_drift", "mean"].dropna()
    return f", here {found.min():+.1%} to {found.max():+.1%} of the mean latency over the points" if len(found) else ""


def _elapsed(study: Filed) -> str:
    try:
        begun, ended = (datetime.fromisoformat(str(study.manifest[k])) for k in ("started", "finished"))
        reused: Any = study.manifest.get("reused") or 0
        text = f"{(ended - begun).total_seconds():.0f} s"
    except (KeyError, ValueError, TypeError):
        return "an unknown time"
    return f"{text}, of which {reused} replications came from an earlier run" if reused else text
