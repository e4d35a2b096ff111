"""Calibrating the hardware at hand, on a toy architecture and with stand-ins for the meters."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from recognizers.service.calibration import AcceleratorPower, load_calibration
from recognizers.service.power import PowerMeter, gpu_power_w
from recognizers.service.published import write_json
from recognizers.service.random_whisper import OFFICIAL
from recognizers.service.server_calibration import HOST_POWER, calibrate_server


@pytest.mark.slow
def test_a_calibration_can_be_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OFFICIAL, "toy", (16, 1, 1, 1, 80))
    told: list[str] = []
    made = calibrate_server(["toy"], name="mine", batches=(1, 2), durations_s=(0.3, 0.6), repeats=1, report=told.append)
    write_json(made, tmp_path / "mine.json")
    assert load_calibration(str(tmp_path / "mine.json")) == made
    assert "timing toy" in told and made.basis == "measured"
    assert len(made.models["toy"].points) == 4 and made.models["toy"].largest_batch == 2
    assert made.rebuild is not None and made.rebuild.per_audio_second_s < 1.0
    assert "random weights" in made.models["toy"].assumed and "CPU time" in made.method
    assert made.power == HOST_POWER or "RAPL" in made.power.source


def test_power_given_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OFFICIAL, "toy", (16, 1, 1, 1, 80))
    power = AcceleratorPower(idle_w=1.0, active_w=2.0, source="my meter")
    made = calibrate_server(["toy"], name="mine", batches=(1,), durations_s=(0.3,), repeats=1, power=power)
    assert made.power == power


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
