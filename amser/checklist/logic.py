"""Sections 1 and 2: what a study is for, and what happens in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from amser.checklist.item import Filed, Item, bullets, meaning, plain, rows
from amser.glossary import UPLOAD_COLUMNS, formula_of
from scenarios.schema.link import CellSpec

STAGES = ("encode_s", "hold_s", "wake_s", "access_s", "transfer_s", "backhaul_s", "queue_s", "service_s", "reply_s")


def objectives(study: Filed) -> Iterator[Item]:
    """Section 1."""
    resolved = study.experiment.resolved
    about = [plain(resolved.get(key) or "") for key in ("title", "description")]
    yield Item(
        "1.1",
        "Purpose of the model",
        tuple(text for text in about if text) or ("The scenario has no title and no description.",),
        "the question that the study answers, and for whom.",
    )
    yield Item(
        "1.2",
        "Model outputs",
        (
            "By point, with intervals (section 4.3), in `summary.csv`:",
            rows(["metrics", "definition"], _metrics(study)),
        ),
        "which of these the conclusions rest on.",
    )
    swept = study.results.parameters
    aims = f"{len(study.scenarios)} points, over {', '.join(plain(key) for key in swept)}." if swept else "One point."
    yield Item(
        "1.3",
        "Aims of the experiments",
        (aims, "Differences from a baseline are paired by common random numbers (`differences.csv`)."),
        "the hypotheses, stated before the run.",
    )


def _metrics(study: Filed) -> Iterator[list[str]]:
    """Metrics that have a value, those of one definition together."""
    frame = study.results.summary
    names: dict[str, list[str]] = {}
    for metric in dict.fromkeys(frame.loc[frame["mean"].notna(), "metric"]):
        names.setdefault(formula_of(metric), []).append(metric)
    yield from ([", ".join(alike), formula] for formula, alike in names.items())


def logic(study: Filed) -> Iterator[Item]:
    """Section 2."""
    yield Item("2.1", "Diagram of the base model", (_diagram(study),))
    yield Item(
        "2.2",
        "Logic of the base model",
        (
            "An upload begins when an utterance has been spoken. A policy picks its codec, the device's CPU encodes "
            "it, the radio wakes, the cell grants access; the payload is sent over the shared uplink and the "
            "backhaul, waits for a batch at the edge server and is recognized; the reply ends it. Latency runs from "
            "the end of speech to the reply. The code is one page, `sim/model/life.py`; what is not modelled is in "
            "`docs/validity.md`.",
        ),
    )
    yield Item("2.3", "Logic of the scenarios", tuple(_points(study)))
    yield Item("2.4", "Algorithms", (bullets(_algorithms(study)),))
    yield from _components(study)


def _diagram(study: Filed) -> str:
    lines = ["```mermaid", "flowchart LR"]
    for i, (name, group) in enumerate(study.first.devices.items()):
        cell = list(study.first.cells).index(group.cell)
        lines.append(f'    g{i}["{group.count:,} x {plain(name)}"] -- uplink --> c{cell}(["cell {plain(group.cell)}"])')
    for i in range(len(study.first.cells)):
        lines.append(f"    c{i} -- backhaul --> q[/queue/] --> s[edge server]" if i == 0 else f"    c{i} --> q")
    sites = study.each(lambda s: s.sites)
    return "\n".join([*lines, "```", "", f"Sites of this kind: {sites}."])


def _points(study: Filed) -> Iterator[str]:
    keys = study.results.parameters
    if not keys:
        yield "There is one scenario; nothing is varied."
        return
    points = study.manifest["points"]
    yield "The points differ from one another in these keys only:"
    yield rows(
        [*map(plain, keys), "replications"],
        [[*(p["parameters"][k] for k in keys), p.get("replications", "")] for p in points],
    )


def _algorithms(study: Filed) -> Iterator[str]:
    for name, group in study.groups():
        yield f"codec and time of sending, {name}: {meaning(group.policy)}"
    for scenario in study.scenarios:
        for name, cell in scenario.cells.items():
            for part in (cell.capacity, cell.sharing, cell.transport, cell.access, cell.loss):
                yield f"cell {name}: {meaning(part)}"
            if cell.retry is not None:
                yield f"cell {name}: an upload that fails is tried again (`retry`)"
        batching = scenario.server.batching
        yield (
            f"batches: up to {batching.largest} utterances; a free accelerator waits up to {batching.longest_wait:g} "
            "s for one to fill"
        )
    for cell_name, sources in study.part("cells").items():
        if isinstance(sources, dict):
            yield from (
                f"cell {cell_name}, {plain(k)}: after {plain(v)}" for k, v in sources.items() if "given" not in str(v)
            )


def _groups(study: Filed) -> dict[str, tuple[dict[str, None], ...]]:
    """By group, the different counts, profiles, radios and codecs that it has over the points."""
    found: dict[str, tuple[dict[str, None], ...]] = {}
    for name, group in study.groups():
        counts, profiles, radios, codecs = found.setdefault(name, ({}, {}, {}, {}))
        counts[str(group.count)] = profiles[group.profile.kind] = radios[group.radio.kind] = None
        codecs.update(dict.fromkeys(group.codec_names()))
    return found


def _components(study: Filed) -> Iterator[Item]:
    server = study.first.server
    yield Item(
        "2.5.1",
        "Entities",
        (
            bullets(
                f"uploads of {', '.join(sorted(counts, key=int))} devices of the group {name}: profile "
                f"{', '.join(profiles)}; radio {', '.join(radios)}; codecs {', '.join(codecs)}"
                for name, (counts, profiles, radios, codecs) in _groups(study).items()
            ),
            "Attributes of an upload are the columns of the upload log (`docs/reference/results.md`).",
        ),
    )
    yield Item(
        "2.5.2",
        "Activities",
        (
            rows(
                ["activity, a stage of an upload", "what takes the time"],
                [[s.removesuffix("_s"), UPLOAD_COLUMNS[s]] for s in STAGES],
            ),
        ),
    )
    yield Item(
        "2.5.3",
        "Resources",
        (
            bullets(
                [
                    "one CPU core and one radio of each device",
                    *_of_cells(study, lambda cell: meaning(cell.capacity)),
                    f"accelerators of an edge server: {study.each(lambda s: s.server.accelerators)}; service "
                    f"{plain(study.manifest.get('service', ''))}",
                ]
            ),
        ),
    )
    limit = "unbounded" if server.queue_limit is None else f"at most {server.queue_limit}; one more is rejected"
    yield Item(
        "2.5.4",
        "Queues",
        (
            bullets(
                [
                    "the device's CPU: first come, first served",
                    *_of_cells(study, lambda cell: meaning(cell.sharing)),
                    f"the server: first come, first served, in batches; {limit}",
                ]
            ),
        ),
    )
    yield Item(
        "2.5.5",
        "Entry and exit",
        (
            bullets(f"entry, {name}: {meaning(group.traffic)}" for name, group in study.groups()),
            f"Exit: {UPLOAD_COLUMNS['outcome']}. Every upload is counted, whatever its outcome.",
        ),
    )


def _of_cells(study: Filed, said: Callable[[CellSpec], str]) -> list[str]:
    """A line for each cell of each point."""
    return [f"cell {name}: {said(cell)}" for s in study.scenarios for name, cell in s.cells.items()]
