"""The batcher in real time and the simulated server follow one rule: the same uploads in the same batches."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amser.live import batcher as live
from amser.live.errors import Refused
from recognizers.service.service_time import Affine, ServiceTime
from sim.draws import Draws
from sim.model.clock import Clock
from sim.model.server import EdgeServer
from sim.site import Server

PER_BATCH_S, PER_UPLOAD_S = 0.05, 0.02


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time that passes only when nothing is left to do."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0]._when)
        super()._run_once()


def simulated(arrivals: list[float], rule: live.Rule) -> list[tuple[int, float, int]]:
    """Upload, start of its batch and size of it, by the model; rejected ones are left out."""
    clock, found = Clock(), []
    service = ServiceTime(Affine(PER_BATCH_S, PER_UPLOAD_S), 0.0, 0.0, "")
    plan = Server(service, rule.accelerators, rule.largest, rule.longest_wait_s, rule.queue_limit)
    tables = SimpleNamespace(audio_s=np.ones(1))
    server = EdgeServer(clock, SimpleNamespace(server=plan, tables=tables, draws=Draws(1, 0), duration_s=1e9))  # type: ignore[arg-type]

    def live_through(number: int, at: float):
        yield clock.until(at)
        upload = SimpleNamespace(utterance=0, arrived_s=at, number=number)
        if (yield server.recognize(upload)):  # type: ignore[arg-type]
            found.append((number, upload.started_s, upload.batch))

    for number, at in enumerate(arrivals):
        clock.process(live_through(number, at))
    clock.run()
    return sorted(found)


def observed(arrivals: list[float], rule: live.Rule, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float, int]]:
    loop = VirtualLoop()
    monkeypatch.setattr(live.clock, "now", loop.time)

    async def serve(jobs):
        await asyncio.sleep(PER_BATCH_S + PER_UPLOAD_S * len(jobs))
        return jobs

    async def whole():
        found, batcher = [], live.Batcher(rule, serve)

        async def upload(number: int, at: float) -> None:
            await asyncio.sleep(at)
            try:
                served = await batcher.recognize(number)
            except Refused as error:
                assert error.status == 503 and error.retry_after_s >= 1
                return
            assert served.answer == number
            found.append((number, served.started_s, served.batch))

        await asyncio.gather(*(upload(*pair) for pair in enumerate(arrivals)))
        return sorted(found)

    try:
        return loop.run_until_complete(whole())
    finally:
        loop.close()


@settings(max_examples=150, deadline=None)
@given(
    gaps=st.lists(st.integers(1, 150), min_size=1, max_size=40),
    rule=st.builds(
        live.Rule,
        accelerators=st.integers(1, 3),
        largest=st.integers(1, 5),
        longest_wait_s=st.sampled_from([0.0, 0.013, 0.1]),
        queue_limit=st.sampled_from([None, 0, 2]),
    ),
)
def test_batches_are_those_of_the_model(gaps, rule):
    """Both see the same instants; sums of floats may differ in the last bits, hence 1e-6 s.

    A little noise on whole milliseconds: which of two things at one instant comes first is nobody's rule.
    """
    noise = np.random.default_rng(0).uniform(0.0, 1e-4, len(gaps))
    arrivals = np.cumsum(np.array(gaps) / 1e3 + noise).tolist()
    with pytest.MonkeyPatch.context() as patch:
        found = observed(arrivals, rule, patch)
    wanted = simulated(arrivals, rule)
    assert [(n, size) for n, _, size in found] == [(n, size) for n, _, size in wanted]
    np.testing.assert_allclose([s for _, s, _ in found], [s for _, s, _ in wanted], atol=1e-6)


def test_who_gives_up_leaves_the_queue():
    rule = live.Rule(largest=4)
    batches: list[int] = []

    async def serve(jobs):
        await asyncio.sleep(0.05)
        return jobs

    async def whole() -> None:
        batcher = live.Batcher(rule, serve, batches.append)
        first = asyncio.ensure_future(batcher.recognize(0))
        await asyncio.sleep(0)
        others = [asyncio.ensure_future(batcher.recognize(n)) for n in (1, 2, 3)]
        await asyncio.sleep(0.01)
        others[0].cancel()
        assert [(await one).answer for one in (first, *others[1:])] == [0, 2, 3]

    asyncio.run(whole())
    assert batches == [1, 2]


def test_an_error_of_a_batch_reaches_its_uploads_and_frees_the_accelerator():
    async def serve(jobs):
        if jobs[0] == "bad":
            raise RuntimeError("broken")
        return jobs

    async def whole() -> None:
        batcher = live.Batcher(replace(live.Rule(), largest=1), serve)
        with pytest.raises(RuntimeError, match="broken"):
            await batcher.recognize("bad")
        assert (await batcher.recognize("good")).answer == "good"
        assert batcher.serving == 0

    asyncio.run(whole())
