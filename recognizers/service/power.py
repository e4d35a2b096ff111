"""Reads the power of the hardware at hand: NVIDIA GPUs by NVML or nvidia-smi, processors by RAPL's energy
counter."""

from __future__ import annotations

import importlib
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType

RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
SAMPLE_S = 0.2


class PowerMeter:
    """Mean power of a device between entering and leaving; ``None`` where it cannot be read.

    An energy counter is read at both ends: NVML's on a GPU (needs nvidia-ml-py), RAPL's on a CPU (of the
    whole package, so of all that runs on it).  A GPU without one is asked for its power five times a second.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self.mean_w: float | None = None
        self.source = "RAPL, processor package" if device == "cpu" else "nvidia-smi power.draw"
        self._samples: list[float] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._start: tuple[float, float] | None = None

    def idle_w(self, seconds: float = 2.0) -> float | None:
        """Mean power over ``seconds`` of doing nothing; returns at once where it cannot be read."""
        if self._energy_j() is None and (self.device == "cpu" or gpu_power_w(self.device) is None):
            return None
        meter = PowerMeter(self.device)
        with meter:
            time.sleep(seconds)
        return meter.mean_w

    def _energy_j(self) -> float | None:
        if self.device != "cpu":
            return gpu_energy_j(self.device)
        try:
            return int(RAPL.read_text()) / 1e6
        except (OSError, ValueError):
            return None

    def __enter__(self) -> PowerMeter:
        energy_j = self._energy_j()
        if energy_j is not None:
            self._start = (time.monotonic(), energy_j)
            if self.device != "cpu":
                self.source = "NVML's energy counter"
        elif self.device != "cpu" and gpu_power_w(self.device) is not None:
            self._thread = threading.Thread(target=self._sample, daemon=True)
            self._thread.start()
        return self

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            watts = gpu_power_w(self.device)
            if watts is not None:
                self._samples.append(watts)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self.mean_w = sum(self._samples) / len(self._samples) if self._samples else None
        energy_j = self._energy_j() if self._start is not None else None
        if self._start is not None and energy_j is not None:
            elapsed_s, used_j = time.monotonic() - self._start[0], energy_j - self._start[1]
            # RAPL's counter wraps after some minutes of full load; a negative difference tells nothing.
            self.mean_w = used_j / elapsed_s if used_j >= 0.0 and elapsed_s > 0.0 else None


def gpu_energy_j(device: str) -> float | None:
    """Energy that an NVIDIA GPU has used since its driver was loaded, in joules; ``None`` without NVML."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByIndex(_index(device))
        return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3
    except nvml.NVMLError:
        return None


def gpu_power_w(device: str) -> float | None:
    """Power draw of an NVIDIA GPU (``cuda`` or ``cuda:N``) in watts; ``None`` where it cannot be read."""
    command = ["nvidia-smi", f"--id={_index(device)}", "--query-gpu=power.draw", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5.0, check=True)
        return float(done.stdout.strip())
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _index(device: str) -> int:
    return int(device.partition(":")[2] or 0)
