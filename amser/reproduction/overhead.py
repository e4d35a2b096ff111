"""The poster's time and energy of 20,000 files, from the ready scenario `icassp2025-overhead`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from amser.reproduction.rows import Part, Row

FILES = 20_000
SUBJECTS = {"raw-pcm": "raw", "rank-10": "AMSER"}
FITTED = (
    "Time and energy: the two times fix the link (87.04 Mbit/s and 7.08 ms a file) and raw's energy fixes the power "
    "(49.6 W), so only AMSER's energy is predicted, and it says no more than that the power was constant. The poster "
    "states neither the length of the files nor the rank, number format, link or meter; the scenario says what is "
    "assumed."
)


def overhead(results_root: Path, on_progress: Callable[[float, str], None] | None = None) -> Part:
    """Run the PC's points of the scenario (finished ones are reused) and take the times of 20,000 files."""
    from scenarios import load
    from sim.study.experiment import run

    experiment = load("icassp2025-overhead")
    wanted = tuple(
        point
        for point in experiment.points
        if point.parameters["cells.link.transport"] == "udp" and point.parameters["devices.sender.codec"] in SUBJECTS
    )
    results = run(replace(experiment, points=wanted), results_root=results_root, progress=on_progress)
    means = results.replications().groupby("point", sort=False).mean(numeric_only=True)
    part = Part(notes=[FITTED])
    for entry in results.manifest["points"]:
        found = means.loc[entry["key"]]
        subject = SUBJECTS[str(entry["parameters"]["devices.sender.codec"])]
        seconds = FILES * (float(found["latency_mean_s"]) + 1e-6)  # the loop thinks for a microsecond
        joules = float(found["device_idle_power_w"]) * seconds
        where = ("files of 4.5 s", "simulated", "one file after the other on the fitted link")
        head = Row("overhead", subject, *where, None, "time", "s", seconds, n=FILES)
        part.rows += [head, replace(head, metric="energy", unit="kWh", value=joules / 3.6e6)]
    return part
