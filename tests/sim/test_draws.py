"""Random numbers by name and count: the published generator, the same in every way it is run, and independent draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.draws import Chance, Draws, philox, uniforms

FULL = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((FULL,) * 4, (FULL,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_is_the_published_one(counter: tuple[int, ...], key: tuple[int, ...], words: tuple[int, ...]) -> None:
    """Known answers of philox4x32 with ten rounds, from the authors' Random123 (kat_vectors)."""
    assert philox(*counter, *key) == words


WORD = st.integers(0, FULL)


@given(WORD, WORD, st.integers(0, 2**40), WORD, WORD)
def test_numbers_are_the_same_for_integers_and_arrays(device: int, i: int, k: int, low: int, high: int) -> None:
    alone = uniforms(low, high, device, k, i)
    together = uniforms(low, high, np.array([device, 1]), np.array([k, 2]), i)
    assert alone == (together[0][0], together[1][0])
    assert all(0.0 <= u < 1.0 for u in alone)


def test_draws_are_uniform_and_independent_along_every_coordinate() -> None:
    """Kolmogorov-Smirnov, and the correlation of neighbours within five standard errors of 0."""
    low, high = Draws(1, 0).key("speech", "phones")
    n = np.arange(20_000)
    for device, k, i in [(n, 0, 0), (5, n, 0), (5, 7, n)]:
        u, v = uniforms(low, high, device, k, i)
        assert stats.kstest(u, "uniform").pvalue > 0.001
        for x, y in [(u, v), (u[1:], u[:-1])]:
            assert abs(np.corrcoef(x, y)[0, 1]) < 5 / np.sqrt(len(n))


def test_every_name_has_a_key_of_its_own() -> None:
    keys = {
        Draws(seed, replication, site).key(purpose, name)
        for seed in (1, 2)
        for replication in (0, 1)
        for site in (0, 1)
        for purpose in ("speech", "access")
        for name in ("a", "b")
    }
    assert len(keys) == 2**5
    one, other = (Draws(3, 0).generator("channel", name).random(5) for name in ("a", "b"))
    assert not np.array_equal(one, other)
    assert np.array_equal(one, Draws(3, 0).generator("channel", "a").random(5))


def test_an_utterance_draws_one_number_after_the_other() -> None:
    key = Draws(1, 0).key("loss", "phones")
    chance = Chance(key, 3, 4, turn=2)
    pairs = [uniforms(key.low, key.high, 3, 4, (2 << 20) + i) for i in range(3)]
    assert [chance() for _ in range(6)] == [number for pair in pairs for number in pair]
