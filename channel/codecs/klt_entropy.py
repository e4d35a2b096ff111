"""Quantiser and entropy coder of ``mel-klt``, compiled by Numba.

Each coefficient is quantised with one dead-zone step and its magnitude coded as a chain of yes/no
decisions (is it above 0, above 1, ...) by a binary range coder.  The probability of a decision is looked up
in a trained table: by the class of the coefficient (the logarithm of its trained deviation over the step, so
that the same table serves every rate), by magnitudes just coded beside it, and by those of the block before.

Every context is an integer, so that an encoder and a decoder on different machines agree to the bit.
Own code rather than ``constriction``: contexts need every earlier magnitude, so a decoder calls the coder
once a decision, which is too slow from Python (measured in ``docs/results/codec-notes.md``).
The range coder is the byte-wise one of Martin (1979) with 32-bit range, carries rippled into the buffer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit

DECISIONS = 14  # magnitudes of 14 and more are escaped
CLASSES = 28  # thirds of an octave of deviation over step, from 2^-6 to 2^3.3
ZERO_CLASS = 18  # class of a coefficient whose deviation equals the step
NEAR = 12  # classes of magnitudes within the block
BEFORE = 5  # classes of magnitudes in the block before
FREQUENCIES = 32  # rows of the deviation table along modulation frequency
LONGEST_BLOCK = 47  # frames
PROBABILITY_BITS = 15
CENTROIDS = 4
ESCAPE_BITS = 24  # longest escaped magnitude, in bits

_PAD = 2  # empty rows and columns around magnitudes, so that contexts need no edge cases
WIDTH = LONGEST_BLOCK + 2 * _PAD
_TOP = np.int64(1 << 32)
_MASK = np.int64((1 << 32) - 1)
_BOTTOM = np.int64(1 << 24)

# Slots of the range coder's state.
_LOW, _RANGE, _AT, _SHIFTS, _FAULT = range(5)
OK, FULL, DAMAGED = 0, 1, 2

_F = TypeVar("_F", bound=Callable[..., Any])
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def _compiled(function: _F) -> _F:
    return cast(_F, njit(cache=True, nogil=True)(function))


@_compiled
def _carry(out: npt.NDArray[np.uint8], state: Ints) -> None:
    place = state[_AT] - 1
    while place >= 0 and out[place] == 255:
        out[place] = 0
        place -= 1
    if place >= 0:
        out[place] += 1


@_compiled
def _emit(out: npt.NDArray[np.uint8], state: Ints) -> None:
    while state[_RANGE] < _BOTTOM:
        if state[_AT] >= out.size:
            state[_FAULT] = FULL
            state[_AT] = 0
        out[state[_AT]] = state[_LOW] >> 24
        state[_AT] += 1
        state[_LOW] = (state[_LOW] << 8) & _MASK
        state[_RANGE] <<= 8


@_compiled
def _put(out: npt.NDArray[np.uint8], state: Ints, bit: int, probability: int) -> None:
    bound = (state[_RANGE] >> PROBABILITY_BITS) * probability
    if bit:
        state[_RANGE] = bound
    else:
        state[_LOW] += bound
        state[_RANGE] -= bound
        if state[_LOW] >= _TOP:
            state[_LOW] -= _TOP
            _carry(out, state)
    _emit(out, state)


@_compiled
def _put_bits(out: npt.NDArray[np.uint8], state: Ints, value: int, count: int) -> None:
    for place in range(count - 1, -1, -1):
        _put(out, state, (value >> place) & 1, 1 << (PROBABILITY_BITS - 1))


@_compiled
def _finish(out: npt.NDArray[np.uint8], state: Ints) -> None:
    """Write the shortest value within the range; what follows the payload's end reads as zeros."""
    for kept in range(5):
        mask = (np.int64(1) << (32 - 8 * kept)) - 1
        value = (state[_LOW] + mask) & ~mask
        if value < state[_LOW] + state[_RANGE]:
            if value >= _TOP:
                value -= _TOP
                _carry(out, state)
            for place in range(kept):
                if state[_AT] >= out.size:
                    state[_FAULT] = FULL
                    return
                out[state[_AT]] = (value >> (24 - 8 * place)) & 255
                state[_AT] += 1
            return


@_compiled
def _next_byte(data: npt.NDArray[np.uint8], state: Ints) -> None:
    byte = np.int64(0)
    if state[_AT] < data.size:
        byte = np.int64(data[state[_AT]])
    state[_AT] += 1
    state[_LOW] = ((state[_LOW] << 8) | byte) & _MASK


@_compiled
def _get(data: npt.NDArray[np.uint8], state: Ints, probability: int) -> int:
    bound = (state[_RANGE] >> PROBABILITY_BITS) * probability
    if state[_LOW] < bound:
        state[_RANGE] = bound
        bit = 1
    else:
        state[_LOW] -= bound
        state[_RANGE] -= bound
        bit = 0
    while state[_RANGE] < _BOTTOM:
        state[_RANGE] <<= 8
        _next_byte(data, state)
    return bit


@_compiled
def _get_bits(data: npt.NDArray[np.uint8], state: Ints, count: int) -> int:
    value = 0
    for _ in range(count):
        value = value << 1 | _get(data, state, 1 << (PROBABILITY_BITS - 1))
    return value


@_compiled
def _near_class(total: int) -> int:
    if total < 6:
        return total
    if total < 8:
        return 6
    if total < 11:
        return 7
    if total < 15:
        return 8
    if total < 22:
        return 9
    return 10 if total < 34 else 11


@_compiled
def _before_class(total: int) -> int:
    if total < 2:
        return total
    if total < 4:
        return 2
    return 3 if total < 9 else 4


@_compiled
def _contexts(now: Ints, before: Ints, row: int, column: int) -> tuple[int, int]:
    """Context classes from capped magnitudes; ``row`` and ``column`` count the padding."""
    near = (
        2 * (now[row, column - 1] + now[row - 1, column])
        + now[row, column - 2]
        + now[row - 2, column]
        + now[row - 1, column - 1]
        + now[row - 1, column + 1]
    )
    past = 2 * before[row, column] + before[row, column - 1] + before[row, column + 1] + before[row + 1, column]
    return _near_class(near), _before_class(past)


@_compiled
def _class_of(deviation: int, step_index: int) -> tuple[int, int]:
    """Class of a coefficient (negative: never coded) and the count of low bits that are sent plain.

    ``deviation`` is 60 log2(sigma) and the step 2^(2 - step_index / 20): both in sixtieths of an octave.
    """
    third = (deviation + 3 * step_index - 120) // 20 + ZERO_CLASS
    if third < CLASSES:
        return third, 0
    plain = (third - CLASSES) // 3 + 1
    return third - 3 * plain, plain


@_compiled
def _magnitude_cost(cost: npt.NDArray[np.float32], kind: int, near: int, past: int, value: int) -> float:
    bits = 0.0
    for decision in range(min(value + 1, DECISIONS)):
        bits += cost[decision, kind, near, past, 1 if value > decision else 0]
    if value > 0:
        bits += 1.0
    if value >= DECISIONS:
        bits += 2.0 * np.log2(value - DECISIONS + 1.0) + 1.0
    return bits


@_compiled
def _choose(
    size: float,
    cost: npt.NDArray[np.float32],
    centroid: npt.NDArray[np.float32],
    kind: int,
    near: int,
    past: int,
    weight: float,
) -> int:
    """Magnitude of least squared error plus ``weight`` times bits among the nearest, the lower and 0."""
    nearest = int(size + 0.5)
    if nearest == 0 or nearest > DECISIONS:
        return nearest
    best = 0
    best_loss = size * size + weight * cost[0, kind, near, past, 0]
    for value in range(max(1, nearest - 1), nearest + 1):
        error = size - value + centroid[kind, min(value, CENTROIDS - 1)]
        loss = error * error + weight * _magnitude_cost(cost, kind, near, past, value)
        if loss < best_loss:
            best, best_loss = value, loss
    return best


@_compiled
def _put_magnitude(
    out: npt.NDArray[np.uint8],
    state: Ints,
    table: npt.NDArray[np.uint16],
    kind: int,
    near: int,
    past: int,
    value: int,
) -> None:
    for decision in range(min(value + 1, DECISIONS)):
        _put(out, state, 1 if value > decision else 0, table[decision, kind, near, past])
    if value >= DECISIONS:  # exponential Golomb code
        rest = value - DECISIONS + 1
        length = 0
        while rest >> (length + 1):
            length += 1
        _put_bits(out, state, (1 << length) - 1, length)
        _put_bits(out, state, 0, 1)
        _put_bits(out, state, rest & ((1 << length) - 1), length)


@_compiled
def _get_magnitude(
    data: npt.NDArray[np.uint8], state: Ints, table: npt.NDArray[np.uint16], kind: int, near: int, past: int
) -> int:
    for decision in range(DECISIONS):
        if not _get(data, state, table[decision, kind, near, past]):
            return decision
    length = 0
    while _get_bits(data, state, 1):
        length += 1
        if length > ESCAPE_BITS:
            state[_FAULT] = DAMAGED
            return 0
    return DECISIONS - 1 + ((1 << length) | _get_bits(data, state, length))


@_compiled
def _rebuilt(value: int, plain: int, kind: int, centroid: npt.NDArray[np.float32]) -> float:
    """Magnitude in steps at which a quantised one is rebuilt: its trained mean."""
    if value == 0:
        return 0.0
    if plain:
        return float(value)
    return float(value - centroid[kind, min(value, CENTROIDS - 1)])


@_compiled
def _predict_level(levels: Floats, band: int) -> float:
    """Level of a component expected in the next block: of the last block and of all so far."""
    return float(0.25 * levels[0, band] + 0.6 * levels[1, band])


@_compiled
def _learn_level(levels: Floats, band: int, level: float, blocks: int) -> None:
    levels[0, band] = level
    levels[1, band] += (level - levels[1, band]) * max(0.15, 1.0 / (blocks + 1.5))


@_compiled
def encode_blocks(
    coefficients: npt.NDArray[np.float32],
    bounds: Ints,
    deviations: npt.NDArray[np.int16],
    step_index: int,
    table: npt.NDArray[np.uint16],
    cost: npt.NDArray[np.float32],
    centroid: npt.NDArray[np.float32],
    weight: float,
    before: Ints,
    levels: Floats,
    blocks: int,
    out: npt.NDArray[np.uint8],
    counts: Ints,
    moments: Floats,
) -> tuple[int, int, float]:
    """Quantise and code the blocks of ``coefficients`` (bands, frames), cut at ``bounds``.

    ``before`` (bands + 4, WIDTH) and ``levels`` (2, bands) carry what ``blocks`` earlier blocks left
    behind, and are updated.  ``counts`` and ``moments`` collect statistics for training unless empty.
    Returns (fault, bytes written to ``out``, squared error of the coefficients).
    """
    state = np.array([0, _MASK, 0, 0, OK], dtype=np.int64)
    step = 2.0 ** (2.0 - step_index / 20.0)
    now = np.zeros_like(before)
    squares = 0.0
    for block in range(bounds.size - 1):
        start, width = bounds[block], bounds[block + 1] - bounds[block]
        now[:] = 0
        for band in range(coefficients.shape[0]):
            for f in range(width):
                place = min((f * FREQUENCIES + width // 2) // width, FREQUENCIES - 1)
                kind, plain = _class_of(deviations[band, place], step_index)
                expected = _predict_level(levels, band) if f == 0 else 0.0
                x = (coefficients[band, start + f] - expected) / step
                value, rebuilt = 0, 0.0
                if kind >= 0:
                    near, past = _contexts(now, before, band + _PAD, f + _PAD)
                    value = int(abs(x) + 0.5)
                    if not plain:
                        value = _choose(abs(x), cost, centroid, kind, near, past, weight)
                    _put_magnitude(out, state, table, kind, near, past, value >> plain)
                    _put_bits(out, state, value & ((1 << plain) - 1), plain)
                    if value:
                        _put_bits(out, state, 1 if x < 0 else 0, 1)
                        rebuilt = _rebuilt(value, plain, kind, centroid)
                    now[band + _PAD, f + _PAD] = min(value >> plain, 15)
                    if counts.size and not plain:
                        for decision in range(min(value + 1, DECISIONS)):
                            counts[decision, kind, near, past, 1 if value > decision else 0] += 1
                        if value:
                            moments[kind, min(value, CENTROIDS - 1), 0] += value - abs(x)
                            moments[kind, min(value, CENTROIDS - 1), 1] += 1.0
                squares += (abs(x) - rebuilt) ** 2
                if f == 0:
                    rebuilt = -rebuilt if x < 0 else rebuilt
                    _learn_level(levels, band, expected + rebuilt * step, blocks + block)
        before[:] = now
    _finish(out, state)
    return state[_FAULT], state[_AT], squares * step * step


@_compiled
def decode_blocks(
    data: npt.NDArray[np.uint8],
    bounds: Ints,
    deviations: npt.NDArray[np.int16],
    step_index: int,
    table: npt.NDArray[np.uint16],
    centroid: npt.NDArray[np.float32],
    before: Ints,
    levels: Floats,
    blocks: int,
    coefficients: npt.NDArray[np.float32],
) -> tuple[int, int]:
    """The reverse of ``encode_blocks``: fills ``coefficients``; returns (fault, bytes that were needed)."""
    state = np.array([0, _MASK, 0, 0, OK], dtype=np.int64)
    for _ in range(4):
        _next_byte(data, state)
    step = 2.0 ** (2.0 - step_index / 20.0)
    now = np.zeros_like(before)
    for block in range(bounds.size - 1):
        start, width = bounds[block], bounds[block + 1] - bounds[block]
        now[:] = 0
        for band in range(coefficients.shape[0]):
            for f in range(width):
                place = min((f * FREQUENCIES + width // 2) // width, FREQUENCIES - 1)
                kind, plain = _class_of(deviations[band, place], step_index)
                rebuilt = 0.0
                if kind >= 0:
                    near, past = _contexts(now, before, band + _PAD, f + _PAD)
                    value = _get_magnitude(data, state, table, kind, near, past)
                    now[band + _PAD, f + _PAD] = min(value, 15)
                    value = value << plain | _get_bits(data, state, plain)
                    if value:
                        rebuilt = _rebuilt(value, plain, kind, centroid) * step
                        if _get_bits(data, state, 1):
                            rebuilt = -rebuilt
                if f == 0:
                    rebuilt += _predict_level(levels, band)
                    _learn_level(levels, band, rebuilt, blocks + block)
                coefficients[band, start + f] = rebuilt
        before[:] = now
        if state[_FAULT] or state[_AT] > data.size + 4:
            return max(state[_FAULT], DAMAGED), state[_AT]
    return state[_FAULT], state[_AT]


def fresh_state(bands: int) -> tuple[Ints, Floats]:
    """Magnitudes and levels before the first block: none."""
    return np.zeros((bands + 2 * _PAD, WIDTH), dtype=np.int64), np.zeros((2, bands))
