"""The state of a site as flat arrays; what is touched together lies together, one record a thing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]
Record = Any
"""One of them, compiled: its fields are attributes, which NumPy's own type does not know."""
Columns = Any
"""Records, compiled, of which a field of all is an attribute too."""


def _fields(floats: str, ints: str = "", **arrays: tuple[str, int]) -> np.dtype[np.void]:
    fields: list[Any] = [(name, "f8") for name in floats.split()] + [(name, "i8") for name in ints.split()]
    return np.dtype(fields + [(name, kind, (n,)) for name, (kind, n) in arrays.items()])


EVENT = _fields("time_s", "order item")
"""``item`` is number * CODES + code; ``order`` counts events as they are scheduled, and breaks ties."""

TRANSFER = _fields("finish share speed", "number slot")

RUNG = _fields("above_bps blocks full virtual pace speeds", "count first")
"""A class of devices of a cell that shares out blocks; ``first`` is the slot of its next transfer to end."""

DEVICE = _fields("cpu_free_s mark_s awake_s connected_s own_s next_s", "busy others")
"""See ``sim.model.device``; all but the first and
``connected_s`` is the radio's ledger (``others`` counts draws)."""

SPEAKER = _fields("spoken_s", "k utterance")
"""A user of a closed loop: the utterance to come."""

HOLDING = _fields("due_s", "first last count")
"""Slots of the uploads that a device keeps back, as a list linked by ``next``."""

UPLOAD = _fields(
    "spoken_s ready_s left_s sent_s arrived_s started_s served_s wake_s access_s gap_s active_s payload_bytes"
    " wire_bytes encode_j wake_j transmit_j tail_j receive_j coded_s begun_s give_up_s fluid_bits plan_bytes"
    " unsent_bits radio_j"
    " finish share speed",
    "number group device k utterance codec outcome batch attempt turn block transfer next alive"
    " rung below beside before",
)

GROUP = _fields(
    "cpu_active_w weight transfer_s budget_s think_s hold_s transmit_w transmit_j_per_bit capacity_j baseline_w"
    " others_rate reply_j",
    "cell first count policy codecs phases blocks local hold_largest loop constant_think battery",
    speech=("i8", 2), phase=("i8", 2), access=("i8", 2), loss=("i8", 2), backoff=("i8", 2),
    others=("i8", 2), reply=("i8", 2),
)  # fmt: skip

CELL = _fields(
    "path_rtt_s onward_s back_s timeout_s deadline_s constant_bps period_s period_bits mean_bps reference_bps"
    " data_bits_per_bit overhead_s_per_bit packet_bytes header_bytes request_bytes cold_bytes resumed_bytes"
    " keep_alive_s access_period_s access_s access_error access_again_s loss_share loss_enter backoff_s factor jitter "
    "longest_s virtual last_s integral shares speeds busy_from_s busy_s carried_bits due_s free_s blocks used",
    "sharing rungs narrow gains stretches windowed encrypted cold_rounds resumed_rounds new_connection restart window"
    " access loss attempts active members unanswered at",
)

SITE = _fields(
    "now_s per_audio_s per_step_s longest_wait_s busy_s horizon_s timer_s",
    "order heap arrival_order slots live free_slot uploads loop_uploads rows position queue_first queue_last queue"
    " largest free_accelerators free_accelerator limit batches exponential events timer_order transfers",
    service=("i8", 2),
)  # fmt: skip


class World(NamedTuple):
    """All arrays of a site; the loop takes them as one."""

    site: Records  # (1,)
    cells: Records
    groups: Records
    devices: Records
    uploads: Records  # slots; those in use are ``alive``
    heap: Records
    links: Records  # (cells, room): heaps of transfers by virtual finish
    batches: Ints  # (accelerators, 2): first slot of a running batch, next free accelerator
    service_s: Floats  # by batch size
    spread: Floats  # quantiles of a batch's time over its mean; empty where all take the mean
    gains: Floats  # (cells, n): G(n) of n members; of a cell of blocks, its tables of fading and of narrowing
    rungs: Records  # (cells, rungs)
    stretches: Floats  # (cells, 3, n + 1): see ``channel.links.stretches.Stretches``
    radios: Floats  # (groups, 6, phases): see ``devices.radio.Radio.figures``
    bits: Floats  # (groups, utterances, codecs): of the payload
    cpu_s: Floats  # (groups, utterances, codecs)
    audio_s: Floats
    codecs: Ints  # (groups, codecs): rows of the tables
    thresholds: Floats  # (groups, codecs - 1)
    block_ready_s: Floats  # (groups, utterances, blocks): end of a block, from the end of speech
    block_share: Floats
    block_count: Ints  # (groups, utterances)
    rates_bps: Floats  # by device; empty without rates of their own
    sending_j_per_bit: Floats  # by device; empty where power control decides nothing
    initial_j: Floats  # by device; empty without batteries
    drawn_j: Floats
    speakers: Records  # by device; empty without closed loops
    holding: Records  # by device; empty where nothing is held
    rows: Records
