"""The STRESS-DES checklist: every item is there, and says what the study's own files say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import amser
from amser.checklist import write_checklist
from amser.cli.main import run
from amser.exits import MissingError, UserError
from sim.study.results import Results

# The items of Monks et al. 2019, table 1, for discrete-event simulation.
ITEMS = """1.1 1.2 1.3 2.1 2.2 2.3 2.4 2.5.1 2.5.2 2.5.3 2.5.4 2.5.5 3.1 3.2 3.3 3.4 4.1 4.2 4.3 5.1 5.2 5.3 5.4 6.1"""


@pytest.fixture
def study(tmp_path: Path, small_scenario: str) -> Results:
    (tmp_path / "small.yaml").write_text(small_scenario, encoding="utf-8")
    return amser.run(tmp_path / "small.yaml", results_root=tmp_path / "results")


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^### ([\d.]+) .*$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_item_says_what_the_study_says(study: Results) -> None:
    text = write_checklist(study).read_text(encoding="utf-8")
    found = sections(text)
    assert list(found) == ITEMS.split()
    assert all(body.strip() for body in found.values())
    manifest, scenario = study.manifest, amser.load(study.folder / "resolved.yaml").points[0].scenario
    assert all(str(value) in found["2.3"] for p in manifest["points"] for value in p["parameters"].values())
    assert f"{scenario.duration:g} s" in found["4.2"] and f"{scenario.drain:g} s" in found["4.2"]
    assert f"Seed: {scenario.seed};" in found["5.2"]
    assert all(version in found["5.1"] for version in manifest["versions"].values())
    assert all(digest in found["3.3"] for digest in manifest["inputs"].values())
    assert (study.folder / "resolved.yaml").read_text(encoding="utf-8") in found["3.3"]
    assert manifest["devices"]["phones"]["radio"].partition(" [")[0] in found["3.1"].replace("&amp;", "&")
    # What nobody but the author knows is asked for at its place and once more at the top.
    asked = re.findall(r"^\*\*Author to add:\*\* (.*)$", text, re.MULTILINE)
    assert len(asked) > 5 and all(text.count(one) == 2 for one in asked)


def test_text_of_others_cannot_act_in_the_page(study: Results) -> None:
    path = study.folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["warnings"] = ["<script>x</script> `rm` | cell\n# heading"]
    path.write_text(json.dumps(manifest), encoding="utf-8")
    scenario = study.folder / "resolved.yaml"
    scenario.write_text(scenario.read_text(encoding="utf-8") + "description: |\n  ```\n  # out of the block\n")
    text = write_checklist(Results.open(study.folder)).read_text(encoding="utf-8")
    assert "<script" not in text and "\n# heading" not in text and "&lt;script>x&lt;/script> 'rm' \\| cell" in text
    assert re.search(r"^````yaml\n.*out of the block.*^````$", text, re.MULTILINE | re.DOTALL)


def test_the_command_writes_where_it_is_told(
    study: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "stress.md"
    assert run(["report", str(study.folder), "--checklist", "-o", str(target)]) == 0
    assert capsys.readouterr().out.strip() == str(target)
    assert target.read_text(encoding="utf-8").startswith("# STRESS-DES: ")
    assert not (study.folder / "report.html").exists()


def test_what_is_no_simulation_or_lost_its_scenario(study: Results) -> None:
    (study.folder / "resolved.yaml").unlink()
    with pytest.raises(MissingError, match=r"resolved\.yaml"):
        write_checklist(Results.open(study.folder))
    path = study.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"observed": {}}), encoding="utf-8")
    with pytest.raises(UserError, match="observed"):
        write_checklist(Results.open(study.folder))
