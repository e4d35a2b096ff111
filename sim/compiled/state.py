"""The state of a site in flat memory: one record a thing, what is touched together lies together.

A field that ends in ``_at`` is the address of an array (``sim.compiled.memory``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.arrivals import WINDOW, Window
from sim.compiled.memory import Record as Record
from sim.compiled.memory import address, arrays, copier, integers, numbers, prefetcher, record_type, records
from sim.upload_log import ROW

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]
Columns = Any
"""Records, compiled, of which a field of all is an attribute too."""


def _named(names: str, kind: str) -> list[Any]:
    return [(name, kind) for name in names.split()]


def _fields(floats: str, ints: str = "", **arrays: tuple[str, int]) -> np.dtype[np.void]:
    fields = _named(floats, "f8") + _named(ints, "i8")
    return np.dtype(fields + [(name, kind, (n,)) for name, (kind, n) in arrays.items()])


EVENT = _fields("time_s", "order item")
"""``item`` is number * CODES + code; ``order`` counts events as they are scheduled, and breaks ties."""

TRANSFER = _fields("finish share speed", "number slot")

RUNG = _fields("above_bps blocks full virtual pace speeds", "count first")
"""A class of devices of a cell that shares out blocks; ``first`` is the slot of its next transfer to end."""

DEVICE = _fields("cpu_free_s mark_s awake_s connected_s own_s next_s", "busy others")
"""See ``sim.model.device``; all but the first and ``connected_s`` is the radio's ledger (``others`` counts draws).
As long as a line of the processor's cache: of a million devices each is a miss, but only one."""

BATTERY = _fields("initial_j drawn_j")

SPEAKER = _fields("spoken_s", "k utterance")
"""A user of a closed loop: the utterance to come."""

HOLDING = _fields("due_s", "first last count")
"""Slots of the uploads that a device keeps back, as a list linked by ``next``."""

ACCELERATOR = _fields("", "first next")
"""The first slot of its running batch, and the next one that is free."""

UPLOAD = np.dtype(
    [
        *((name, ROW[name]) for name in ROW.names or ()),
        *_named("coded_s begun_s give_up_s fluid_bits plan_bytes unsent_bits radio_j finish share speed", "f8"),
        *_named("k attempt turn block transfer next alive rung below beside before", "i8"),
    ],
    align=True,
)
"""Begins with its row of the log.  ``next`` is the upload behind it: in the queue, in a batch, among free slots."""

GROUP = _fields(
    "cpu_active_w weight transfer_s budget_s think_s hold_s transmit_w transmit_j_per_bit capacity_j baseline_w"
    " others_rate reply_j",
    "cell first count policy codecs phases blocks local hold_largest loop constant_think battery most_blocks"
    " radio_at bits_at cpu_s_at codecs_at thresholds_at block_ready_at block_share_at block_count_at",
    speech=("i8", 2), phase=("i8", 2), access=("i8", 2), loss=("i8", 2), backoff=("i8", 2),
    others=("i8", 2), reply=("i8", 2),
)  # fmt: skip
"""Tables: of the radio (6, phases), see ``devices.radio.Radio.figures``; bits and CPU seconds (utterances, codecs);
codecs (codecs,), rows of the tables; thresholds (codecs - 1,); ends of blocks, from the end of speech, and shares
(utterances, most_blocks); blocks of each utterance."""

CELL = _fields(
    "path_rtt_s onward_s back_s timeout_s deadline_s constant_bps period_s period_bits mean_bps reference_bps"
    " data_bits_per_bit overhead_s_per_bit packet_bytes header_bytes request_bytes cold_bytes resumed_bytes"
    " keep_alive_s access_period_s access_s access_error access_again_s loss_share loss_enter backoff_s factor jitter "
    "longest_s virtual last_s integral shares speeds busy_from_s busy_s carried_bits due_s free_s blocks used",
    "sharing rungs narrow gains stretches windowed encrypted cold_rounds resumed_rounds new_connection restart window"
    " access loss attempts active members room unanswered at index"
    " transfers_at gains_at rungs_at starts_at sums_at rates_at",
)
"""Tables: the heap of transfers by virtual finish (room,); G(n) of n members (gains,), of a cell of blocks its tables
of fading and of narrowing (gains + narrow,); rungs; starts, bits and rates of stretches, see
``channel.links.stretches.Stretches`` (stretches + 1,)."""

SITE = _fields(
    "now_s front_s per_audio_s per_step_s longest_wait_s busy_s horizon_s timer_s due_s enter_s",
    "order front front_order front_item heap heap_room arrival_order cells groups slots live free_slot uploads"
    " loop_uploads rows rows_room position spare queue_first queue_last queue largest free_accelerators"
    " free_accelerator limit batches exponential events timer_order transfers luck utterances due window more"
    " cells_at groups_at devices_at uploads_at heap_at accelerators_at service_s_at spread_at audio_s_at rates_at"
    " j_per_bit_at window_at batteries_at speakers_at holding_at rows_at",
    service=("i8", 2),
)  # fmt: skip
"""Tables: a batch's seconds by its size (largest + 1,); ``luck`` quantiles of its time over its mean, none where all
take the mean; seconds of each utterance; of each device its own rate and what power control
adds to a bit, at 0 where nobody has any."""

prefetch = prefetcher(DEVICE)
cell_of = records(SITE, "cells_at", CELL)
group_of = records(SITE, "groups_at", GROUP)
device_of = records(SITE, "devices_at", DEVICE)
battery_of = records(SITE, "batteries_at", BATTERY)
speaker_of = records(SITE, "speakers_at", SPEAKER)
holding_of = records(SITE, "holding_at", HOLDING)
upload_of = records(SITE, "uploads_at", UPLOAD)
event_of = records(SITE, "heap_at", EVENT)
accelerator_of = records(SITE, "accelerators_at", ACCELERATOR)
row_of = records(SITE, "rows_at", ROW)
utterance_of = records(SITE, "window_at", WINDOW)
copy_row = copier(UPLOAD, ROW)
service_s_of = numbers(SITE, "service_s_at")
audio_s_of = numbers(SITE, "audio_s_at")
rate_of = numbers(SITE, "rates_at")
j_per_bit_of = numbers(SITE, "j_per_bit_at")
spread_of = arrays(SITE, "spread_at")

transfer_of = records(CELL, "transfers_at", TRANSFER)
rungs_of = arrays(CELL, "rungs_at", record_type(RUNG))
member_gain_of = numbers(CELL, "gains_at")
gains_of = arrays(CELL, "gains_at")
start_of = numbers(CELL, "starts_at")
sum_of = numbers(CELL, "sums_at")
stretch_rate_of = numbers(CELL, "rates_at")

radio_of = numbers(GROUP, "radio_at")
radio_row_of = arrays(GROUP, "radio_at")
bits_of = numbers(GROUP, "bits_at")
bits_row_of = arrays(GROUP, "bits_at")
cpu_s_of = numbers(GROUP, "cpu_s_at")
cpu_s_row_of = arrays(GROUP, "cpu_s_at")
codec_of = integers(GROUP, "codecs_at")
thresholds_of = arrays(GROUP, "thresholds_at")
block_ready_of = numbers(GROUP, "block_ready_at")
block_share_of = numbers(GROUP, "block_share_at")
block_count_of = integers(GROUP, "block_count_at")


@dataclass
class World:
    """What the site's record points to, kept alive; what may have to grow has a name."""

    site: Records  # (1,)
    cells: Records
    groups: Records
    devices: Records
    batteries: Records
    uploads: Records  # slots; those in use are ``alive``
    heap: Records
    transfers: list[Records]  # of each cell
    rows: Records
    window: Window
    tables: list[npt.NDArray[Any]]

    def __post_init__(self) -> None:
        self.point()

    def point(self) -> None:
        """Write down where everything lies, and how much room there is."""
        for name in ("cells", "groups", "uploads", "heap", "rows"):
            self.site[f"{name}_at"] = address(getattr(self, name))
        self.site["slots"], self.site["heap_room"] = len(self.uploads), len(self.heap)
        self.site["rows_room"] = len(self.rows)
        for cell, transfers in zip(self.cells, self.transfers, strict=True):
            cell["transfers_at"], cell["room"] = address(transfers), len(transfers)

    def hear(self, window: Window, more: bool) -> None:
        """The next utterances, and whether others will follow."""
        self.window = window
        self.site["window_at"], self.site["window"], self.site["more"] = address(window), len(window), more
        self.site["position"] = 0
        self.site["enter_s"] = window["enter_s"][0] if len(window) else np.inf
