"""Calibrating the hardware at hand, on a toy architecture and with stand-ins for the meters."""

from __future__ import annotations

import os
import stat
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recognizers.service.batches import Timing
from recognizers.service.calibration import AcceleratorPower, Calibration, CalibrationError, load_calibration
from recognizers.service.power import PowerMeter, gpu_power_w
from recognizers.service.random_whisper import OFFICIAL
from recognizers.service.server_calibration import HOST_POWER, Job, calibrate_server
from recognizers.service.service_time import load_service
from scenarios.schema.server import ServerSpec


@pytest.mark.slow
def test_a_calibration_can_be_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OFFICIAL, "toy", (16, 1, 1, 1, 80))
    told: list[str] = []
    kept: list[Calibration] = []
    job = Job(("toy",), ("yoon",), timing=Timing((1, 2), (0.3, 0.6), 1))
    made = calibrate_server(job, name="mine", report=told.append, keep=kept.append)
    assert [(len(one.models), len(one.emotion), one.rebuild is not None) for one in kept] == [
        (1, 0, False), (1, 1, False), (1, 1, True),
    ]  # fmt: skip
    (tmp_path / "mine.json").write_text(made.model_dump_json(exclude_defaults=True))
    assert load_calibration(str(tmp_path / "mine.json")) == made
    assert "timing toy" in told and made.basis == "measured"
    assert len(made.models["toy"].points) == 4 and made.models["toy"].largest_batch == 2
    assert made.rebuild is not None and made.rebuild.per_audio_second_s < 1.0
    assert "random weights" in made.models["toy"].assumed and "CPU time" in made.method
    assert made.power == HOST_POWER or "RAPL" in made.power.source


def test_a_network_on_encoder_states_is_timed_by_its_whisper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OFFICIAL, "toy", (16, 1, 1, 1, 80))
    monkeypatch.setattr("recognizers.emotion.states.READ", {"toy": (1,)})
    job = Job((), ("amser/toy", "amser/toy/alone"), rebuild=False, power=HOST_POWER, timing=Timing((1, 2), (0.3,), 1))
    made = calibrate_server(job, name="mine")
    for cost in made.emotion.values():
        assert [(p.utterances, p.audio_s) for p in cost.points] == [(1, 0.3), (2, 0.6)]
    assert "that the words' pass gives" in made.emotion["amser/toy"].assumed
    assert "the window of 30 s" in made.emotion["amser/toy/alone"].assumed
    with pytest.raises(CalibrationError, match="'amser' reads the states of 'tiny'; there are amser/toy"):
        calibrate_server(replace(job, emotion=("amser/tiny",)), name="mine")


def test_power_given_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OFFICIAL, "toy", (16, 1, 1, 1, 80))
    power = AcceleratorPower(idle_w=1.0, active_w=2.0, source="my meter")
    job = Job(("toy",), rebuild=False, power=power, timing=Timing((1,), (0.3,), 1))
    made = calibrate_server(job, name="mine")
    assert made.power == power and made.models["toy"].active_w is None and made.rebuild is None


def test_each_model_has_its_own_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle at 50 W; then 300 W for the first model and 200 W for the second, as an energy counter tells them."""
    monkeypatch.setitem(OFFICIAL, "toy", (16, 1, 1, 1, 80))
    monkeypatch.setitem(OFFICIAL, "toy2", (16, 1, 1, 1, 80))
    watts = iter([50.0, 300.0, 200.0])

    class Meter(PowerMeter):
        def idle_w(self, seconds: float = 2.0) -> float | None:
            return next(watts)

        def __exit__(self, *_: object) -> None:
            self.mean_w = next(watts)

    monkeypatch.setattr("recognizers.service.server_calibration.PowerMeter", Meter)
    made = calibrate_server(Job(("toy", "toy2"), rebuild=False, timing=Timing((1,), (0.3,), 1)), name="mine")
    assert (made.models["toy"].active_w, made.models["toy2"].active_w) == (300.0, 200.0)
    assert (made.power.idle_w, made.power.active_w) == (50.0, 300.0)
    path = tmp_path / "mine.json"
    path.write_text(made.model_dump_json(exclude_defaults=True))
    spec = ServerSpec.model_validate({"service": {"kind": "calibration", "hardware": str(path), "model": "toy2"}})
    service = load_service(spec)
    assert (service.idle_w, service.active_w) == (50.0, 200.0)


def test_nvml_counts_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML counts millijoules: 60 J more after 2 s are 30 W."""
    counts = iter([1_000.0, 61_000.0])
    nvml = types.SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(counts),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    clock = iter([10.0, 12.0])
    monkeypatch.setattr("recognizers.service.power.time.monotonic", lambda: next(clock))
    with PowerMeter("cuda") as meter:
        pass
    assert meter.mean_w == pytest.approx(30.0) and meter.source == "NVML's energy counter"


def test_nvidia_smi_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "nvidia-smi"
    fake.write_text('#!/bin/sh\n[ "$1" = "--id=3" ] && echo 123.5 || exit 1\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("recognizers.service.power.SAMPLE_S", 0.01)
    assert gpu_power_w("cuda:3") == 123.5
    assert gpu_power_w("cuda") is None
    assert PowerMeter("cuda:3").idle_w(0.2) == pytest.approx(123.5)
    assert PowerMeter("cuda").idle_w() is None


def test_rapl_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = tmp_path / "energy_uj"
    counter.write_text("1000000\n")
    monkeypatch.setattr("recognizers.service.power.RAPL", counter)
    clock = iter(np.arange(100.0, 200.0, 2.0))
    monkeypatch.setattr("recognizers.service.power.time.monotonic", lambda: float(next(clock)))
    with PowerMeter() as meter:
        counter.write_text("61000000\n")
    assert meter.mean_w == pytest.approx(30.0)  # 60 J in 2 s
    with PowerMeter() as wrapped:
        counter.write_text("5\n")
    assert wrapped.mean_w is None
    monkeypatch.setattr("recognizers.service.power.RAPL", tmp_path / "none")
    assert PowerMeter().idle_w() is None
