"""Compiling: Numba with its cache on disk, and the formulas of the lower floors made known to it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import njit
from numba.extending import register_jitable

import sim.arrivals
import sim.draws
from channel.links import access, loss, retry, rounds, rungs, stretches
from devices import battery, policy, radio, traffic
from recognizers.service import spread

# Without counting references: the loop makes no arrays, and counting those it looks at took nine tenths of its time.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
# Nobody calls them from Python: a way in from there would be compiled for each.
_INNER: dict[str, Any] = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_F = TypeVar("_F", bound=Callable[..., Any])
SHARED = (
    sim.draws.philox, sim.draws.uniforms, sim.arrivals.enter_at,
    access.periodic_delay_s, loss.hit_probability, retry.backoff_s,
    rungs.rung_of, rungs.water_level, rungs.gain_at, rungs.narrow_at, rungs.demand_at, rungs.wanted_at,
    rungs.clearing_price, rungs.price_of, rungs.pace_of,
    rounds.connection_state, rounds.packets_of, rounds.records_bytes, rounds.window_after, rounds.ramp_s,
    stretches.periods_in, stretches.beyond_periods, stretches.bits_within, stretches.instant_within,
    battery.left_j, radio.tail_up_to_j, policy.first_within, policy.first_in_time, policy.steps_below,
    policy.steps_above, traffic.exponential, traffic.begin, traffic.advance, traffic.spoken_s,
    spread.at_quantile,
)  # fmt: skip
"""Written once, for both engines: plain functions of numbers."""
UNCOMPILED = ("__init__.py", "flatten.py", "run.py")
"""Files here in which nothing is compiled: a change of them leaves the cache as it is."""

for _function in SHARED:
    register_jitable(_function)


def _sources_digest() -> str:
    """A digest of every file whose functions are compiled: Numba's own cache looks at the caller's file alone."""
    files = {Path(function.__code__.co_filename) for function in SHARED}
    files |= {path for path in Path(__file__).parent.glob("*.py") if path.name not in UNCOMPILED}
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> str:
    root = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return str(Path(root) / "amser" / "engine" / _sources_digest())


_FOLDER = _cache_folder()


def entry(function: _F) -> _F:
    """A function that Python calls: compiled once for each version of the sources, then read from disk."""
    before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
    numba.config.CACHE_DIR = _FOLDER  # type: ignore[attr-defined]
    try:
        return cast(_F, njit(cache=True, nogil=True, **_OPTIONS)(function))
    finally:
        numba.config.CACHE_DIR = before  # type: ignore[attr-defined]


def stage(function: _F) -> _F:
    """A part of the loop that stands in one place of it and is short: compiled into it."""
    return cast(_F, njit(forceinline=True, **_INNER)(function))


def kernel(function: _F) -> _F:
    """A function that compiled functions call."""
    return cast(_F, njit(**_INNER)(function))
