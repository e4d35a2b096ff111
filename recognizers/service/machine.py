"""What a calibration tells of the machine it was measured on."""

from __future__ import annotations

import os
import platform


def describe_machine(accelerator: str = "", threads: int = 1) -> dict[str, str | int | float]:
    """Accelerator (or processor), threads used, processors, system."""
    return {
        "accelerator": accelerator or processor_name(),
        "threads": threads,
        "processors": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
    }


def processor_name() -> str:
    """The processor's name as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
