"""The user's own classes: where they may come from, and that nothing is called before it is of its seam."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from amser.cli.main import run
from channel.codecs import build_codec
from channel.codecs.base import Codec
from channel.links import Capacity, ConstantCapacity
from devices import Policy, Radio, Traffic
from recognizers.measurement.protocols import Recognizer
from scenarios import loads, plugins
from scenarios.plugins import PluginError, code_digest, make, sources
from sim.study.inputs import input_digests

Writer = Callable[[str, str], Path]
SEAMS = (Codec, Capacity, Policy, Traffic, Radio, Recognizer)
ROOT = Path(__file__).parents[2]

SCENARIO = """\
amser: 1
duration: 1 min
corpus: {kind: shipped, limit: 2}
recognizer: {kind: none}
emotion: {kind: none}
codecs: {mine: PLUGIN}
cells: {uplink: {capacity: 10 Mbit/s, rtt: 40 ms}}
devices:
  phones:
    {count: 2, profile: pixel-8, radio: lte, traffic: {kind: poisson, rate: 2 /min}, codec: mine, cell: uplink}
server: {service: {kind: constant, time: 100 ms}}
"""

HOSTILE = """
from pathlib import Path

def called(*given, **options):
    Path(__file__).with_suffix(".pwned").touch()

class Unrelated:
    __init__ = choose = arrivals = called

class Meta(type):
    __call__ = called
    def mro(cls):
        called()
        return [cls, object]
    def __instancecheck__(cls, other):
        called()
        return True

Meta.mro = type.mro

class Posing(metaclass=Meta):
    pass

class Callable_:
    __call__ = called

instance = Callable_()
"""


@pytest.mark.parametrize("base", SEAMS, ids=lambda base: base.__name__)
@pytest.mark.parametrize("name", ["called", "Unrelated", "Posing", "instance", "__name__"])
def test_nothing_is_called_that_is_no_class_of_its_seam(base: type[object], name: str, plugin_module: Writer) -> None:
    module = plugin_module("hostile", HOSTILE)
    with pytest.raises(PluginError, match=rf"hostile:{name}' is not used: .* no subclass of .*{base.__name__}"):
        make(f"hostile:{name}", base, "some", {"args": ["touch", "pwned"]}, rng=None)
    assert not module.with_suffix(".pwned").exists()


@pytest.mark.parametrize("path", ["subprocess:run", "subprocess:Popen", "os:system", "this:d", "numpy.random:seed"])
def test_modules_that_are_no_plugins_are_not_even_imported(path: str) -> None:
    code = (
        "import sys\nfrom scenarios.plugins import PluginError, make\nbefore = set(sys.modules)\n"
        "try:\n    make(sys.argv[1], object, 'codec', {'args': ['touch', 'pwned']})\n"
        "except PluginError as error:\n    print(error)\nassert set(sys.modules) - before <= {'encodings.cp437'}"
    )
    done = subprocess.run([sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "is neither beside a scenario nor a package that is installed" in done.stdout


def test_a_module_of_an_installed_plugin_is_taken(plugin_module: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """``channel.links`` stands for a package with an entry point; its neighbours stay closed."""
    from importlib.metadata import EntryPoint

    entry = EntryPoint("links", "channel.links", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == plugins.GROUP else [])
    made = make("channel.links:ConstantCapacity", Capacity, "capacity", {"rate_bps": 2e6}, rng=None)
    assert isinstance(made, ConstantCapacity)
    with pytest.raises(PluginError, match="installed as a plugin"):
        make("channel.links_of_others:ConstantCapacity", Capacity, "capacity", {})


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = 1\nclass Half(:\n", r"cannot be imported: .*mine\.py:2: "),
        ("import sys\nsys.exit(3)\n", r"cannot be imported: .*mine\.py:2: SystemExit: sys\.exit\(3\)"),
        ("\nraise KeyError('no')\n", r"cannot be imported: .*mine\.py:2: KeyError"),
        ("import mine_no_such\n", r"cannot be imported: .*mine\.py:1: ModuleNotFoundError: No module named"),
        ("Other = 1\n", "mine has no 'Half'"),
        (
            "from channel.codecs import Codec\nclass Half(Codec):\n    def __init__(self, name, bands): exit(4)\n"
            "    encode = decode = parameters = None\n",
            r"refused its options: .*mine\.py:3: SystemExit",
        ),
        ("from channel.codecs import Codec\nclass Half(Codec): pass\n", "refused its options: .*abstract"),
    ],
)
def test_a_broken_plugin_is_named_with_its_file_and_line(source: str, says: str, plugin_module: Writer) -> None:
    plugin_module("mine", source)
    with pytest.raises(PluginError, match=says):
        make("mine:Half", Codec, "codec", {}, name="half", bands=80)


def test_a_name_that_is_installed_already_is_refused(plugin_module: Writer) -> None:
    """Python would import the other module; saying so is better than using it, or breaking what needs it."""
    for name in ("json", "numpy", "antigravity"):
        plugin_module(name, HOSTILE)
        with pytest.raises(PluginError, match=f"an installed module is called '{name}' too"):
            make(f"{name}:Unrelated", Policy, "policy", {}, codecs=())


def test_each_scenario_has_the_module_of_its_own_folder(plugin_module: Writer, tmp_path: Path) -> None:
    text = "from channel.links import ConstantCapacity\nclass Mine(ConstantCapacity):\n    which = {}\n"
    for number in (1, 2, 1):
        folder = tmp_path / f"study-{number}"
        folder.mkdir(exist_ok=True)
        (folder / "twin.py").write_text(text.format(number))
        plugins.trust(folder)
        assert make("twin:Mine", Capacity, "capacity", {"rate_bps": 1e6}).which == number  # type: ignore[attr-defined]


def scenario(folder: Path, plugin: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(SCENARIO.replace("PLUGIN", plugin), encoding="utf-8")
    return path


def test_check_runs_no_command(plugin_module: Writer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marker = tmp_path / "pwned"
    path = scenario(tmp_path, f"{{kind: plugin, class: 'subprocess:run', options: {{args: [touch, {marker}]}}}}")
    assert run(["check", str(path)]) == 2
    told = capsys.readouterr().err
    assert re.search(r"study\.yaml:6:\d+: codecs\.mine: codec plugin 'subprocess:run'", told) and not marker.exists()


CODEC = """
from channel.codecs import Codec, Payload
import helper

class Mine(Codec):
    encode_cost_s = (0.0, 0.0)
    def encode(self, audio):
        return helper.coded(Payload)
    def decode(self, data):
        import numpy
        return numpy.zeros((80, 300), numpy.float32)
    def parameters(self):
        return {}
"""


def test_rerun_asks_before_it_runs_a_folder_s_code(
    plugin_module: Writer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin_module("helper", "def coded(kind):\n    return kind(bytes(1000))\n")
    plugin_module("mine", CODEC)
    path = scenario(tmp_path, "{kind: plugin, class: 'mine:Mine'}")
    root = str(tmp_path / "results")
    assert run(["run", str(path), "--results", root, "--no-report", "-q", "-j1"]) == 0
    marker = tmp_path / "imported"
    with (tmp_path / "mine.py").open("a") as file:
        file.write(f"open({str(marker)!r}, 'w').close()\n")
    del sys.modules["mine"]
    capsys.readouterr()
    assert run(["rerun", f"{root}/study"]) == 2
    assert "runs code of its own, mine:Mine" in capsys.readouterr().err and not marker.exists()
    assert run(["rerun", f"{root}/study", "--allow-plugins"]) == 0
    assert marker.exists()


def test_a_plugin_that_fails_at_work_is_blamed(
    plugin_module: Writer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin_module("helper", "def coded(kind):\n    return {}['payload']\n")
    plugin_module("mine", CODEC)
    path = scenario(tmp_path, "{kind: plugin, class: 'mine:Mine'}")
    assert run(["run", str(path), "--results", str(tmp_path / "r"), "--no-report", "-q", "-j1"]) == 4
    assert re.search(r"fails under codec 'mine': .*mine\.py:8: KeyError: 'payload'", capsys.readouterr().err)


def test_a_codec_whose_code_was_edited_is_measured_again(plugin_module: Writer) -> None:
    plugin_module("helper", "def coded(kind):\n    return kind(bytes(7))\n")
    plugin_module("mine", CODEC)
    codec = make("mine:Mine", Codec, "codec", {}, name="m", bands=80)
    before = codec.fingerprint()
    plugin_module("helper", "def coded(kind):\n    return kind(bytes(8))\n")
    assert codec.fingerprint() != before
    assert code_digest(ConstantCapacity) == ""


def test_a_helper_module_is_part_of_what_finished_work_hangs_on(plugin_module: Writer, tmp_path: Path) -> None:
    plugin_module("helper", "import deeper, os\n")
    deeper = plugin_module("deeper", "x = 1\n")
    plugin_module("unused", "x = 1\n")
    plugin_module("mine", CODEC)
    assert set(sources("mine", tmp_path)) == {"mine.py", "helper.py", "deeper.py"}
    point = loads(SCENARIO.replace("PLUGIN", "{kind: plugin, class: 'mine:Mine'}")).points[0]
    before = input_digests(point.scenario, tmp_path)
    deeper.write_text("x = 2\n")
    after = input_digests(point.scenario, tmp_path)
    assert {name for name in after if after[name] != before.get(name)} == {"deeper.py"}


def test_packages_are_followed(plugin_module: Writer, tmp_path: Path) -> None:
    package = tmp_path / "parts"
    package.mkdir()
    (package / "__init__.py").write_text("from .a import A\n")
    (package / "a.py").write_text("from . import b\nclass A: pass\n")
    (package / "b.py").write_text("import parts.c\n")
    (package / "c.py").write_text("")
    assert set(sources("parts.a", tmp_path)) == {f"parts/{n}.py" for n in ("__init__", "a", "b", "c")}
    assert set(sources("parts", tmp_path)) == {f"parts/{n}.py" for n in ("__init__", "a", "b", "c")}


def test_codecs_that_are_plugins_work(plugin_module: Writer) -> None:
    from scenarios.schema.codec import CodecPluginSpec

    plugin_module("helper", "def coded(kind):\n    return kind(bytes(7))\n")
    plugin_module("mine", CODEC)
    codec = build_codec(CodecPluginSpec.model_validate({"kind": "plugin", "class": "mine:Mine"}), name="m")
    assert codec.name == "m" and codec.encode([0.0]).size_bytes == 7


def test_a_codec_study_compares_a_scenario_s_own_codecs_too(plugin_module: Writer, tmp_path: Path) -> None:
    from amser.codec_study import run_codec_study

    plugin_module("helper", "def coded(kind):\n    return kind(bytes(500))\n")
    plugin_module("mine", CODEC)
    plugins._folders.clear()  # the study opens the scenario's folder itself
    path = scenario(tmp_path, "{kind: plugin, class: 'mine:Mine'}")
    frame = run_codec_study("shipped", "none", "none", ["raw"], 2, str(path))
    assert set(frame["codec"]) == {"raw", "mine"}
