"""Write the synthetic LTE-like uplink traces of the scenario library.

    python scripts/make_synthetic_traces.py [folder]

The traces are not recordings.  A Markov chain of channel states (outage, cell edge, middle, near) with
exponential sojourns gives the median rate of the moment; around it the logarithm of the rate follows a
first-order autoregression, one value every 100 ms.  Parameters and seeds are chosen by hand so that mean and
quantiles come near published statistics of recorded LTE uplinks: `driving` near Verizon-LTE-short.up of
Mahimahi (mean 5.95 Mbit/s, 5 % quantile 1.18, 95 % quantile 11.5), `static` near T-Mobile-LTE-short.up (13.3,
2.5, 27.8).
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

STEP_S = 0.1
DURATION_S = 300.0


@dataclass(frozen=True)
class Channel:
    """States as (median Mbit/s, mean sojourn s, share of visits), and the autoregression within a state."""

    name: str
    seed: int
    states: tuple[tuple[float, float, float], ...]
    log_sigma: float
    correlation_s: float
    cap_mbps: float


CHANNELS = (
    Channel(
        "synthetic-lte-driving", 8,
        ((0.0, 0.7, 0.08), (1.3, 5.0, 0.30), (4.4, 9.0, 0.37), (8.0, 8.0, 0.25)), 0.32, 1.0, 18.0,
    ),
    Channel(
        "synthetic-lte-static", 20250402,
        ((2.8, 5.0, 0.24), (11.0, 12.0, 0.42), (20.0, 12.0, 0.34)), 0.28, 2.0, 36.0,
    ),
)  # fmt: skip


def rates_mbps(channel: Channel) -> np.ndarray:
    """Rates of one channel, one for each step (steps,) in Mbit/s."""
    rng = np.random.default_rng(channel.seed)
    medians, sojourns, visits = (np.array(column) for column in zip(*channel.states, strict=True))
    steps = round(DURATION_S / STEP_S)
    state = int(rng.choice(len(visits), p=visits))
    left = rng.exponential(sojourns[state])
    keep = math.exp(-STEP_S / channel.correlation_s)
    deviation = 0.0
    rates = np.empty(steps)
    for i in range(steps):
        while left <= 0.0:
            others = np.where(np.arange(len(visits)) == state, 0.0, visits)
            state = int(rng.choice(len(visits), p=others / others.sum()))
            left += rng.exponential(sojourns[state])
        deviation = keep * deviation + math.sqrt(1 - keep**2) * channel.log_sigma * rng.standard_normal()
        rates[i] = min(medians[state] * math.exp(deviation), channel.cap_mbps)
        left -= STEP_S
    return rates


def main() -> None:
    """Write every trace and print its statistics."""
    home = Path(__file__).resolve().parent.parent / "scenarios" / "library" / "traces"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else home
    for channel in CHANNELS:
        rates = np.round(rates_mbps(channel), 3)
        low, median, high = np.percentile(rates, (5, 50, 95))
        summary = f"mean {rates.mean():.2f} Mbit/s, 5 % {low:.2f}, median {median:.2f}, 95 % {high:.2f}"
        lines = [
            f"# {channel.name}: synthetic, not a recording",
            f"# made by scripts/make_synthetic_traces.py with seed {channel.seed}",
            f"# {summary}; {DURATION_S:g} s, then it repeats",
            "time_s,rate_mbps",
            *(f"{i * STEP_S:.1f},{rate:.3f}" for i, rate in enumerate(rates)),
        ]
        (folder / f"{channel.name}.csv").write_text("\n".join(lines) + "\n", encoding="ascii")
        print(f"{channel.name}: {summary}, {np.mean(rates == 0):.1%} dead")


if __name__ == "__main__":
    main()
