"""Files that a scenario names: digests that decide on reuse tell of contents and not of folders."""

from pathlib import Path

from scenarios import load
from sim.study.inputs import input_digests

TEXT = """\
amser: 1
duration: 1 min
corpus: {kind: shipped}
recognizer: {kind: none}
emotion: {kind: none}
cells: {uplink: {capacity: {kind: mahimahi, file: links/mine.up}, rtt: 40 ms}}
devices:
  phones: {count: 2, profile: pixel-8, radio: lte, traffic: {kind: trace, file: said.csv}, codec: raw, cell: uplink}
server: {service: {kind: constant, time: 0.1 s}}
"""


def study(folder: Path, trace: str = "1\n") -> dict[str, str]:
    (folder / "links").mkdir(parents=True)
    (folder / "study.yaml").write_text(TEXT, encoding="utf-8")
    (folder / "said.csv").write_text("time_s\n1\n", encoding="utf-8")
    (folder / "links" / "mine.up").write_text(trace, encoding="utf-8")
    experiment = load(folder / "study.yaml")
    return input_digests(experiment.points[0].scenario, experiment.base_dir)


def test_a_copied_study_depends_on_the_same_files(tmp_path: Path) -> None:
    here, copy, other = study(tmp_path / "a"), study(tmp_path / "b" / "c"), study(tmp_path / "d", trace="1\n2\n")
    assert {"links/mine.up", "said.csv"} <= set(here)
    assert here == copy
    assert {name for name in here if here[name] != other[name]} == {"links/mine.up"}
