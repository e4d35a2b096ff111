"""Accelerators whose processes crash, hang, or cannot start."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from amser.live.accelerators import CRASHED, Accelerators
from amser.live.listening import Equipment, Heard, Job
from scenarios.errors import AmserError
from scenarios.schema.codec import CodecPluginSpec
from scenarios.schema.server import EmotionSpec, NoRecognizerSpec, WhisperSpec

DEADLY = """
import os, time
import numpy as np
from channel.codecs import Codec, Payload

class Deadly(Codec):
    def encode(self, audio): return Payload(b"good")
    def parameters(self): return {}
    def decode(self, data):
        if data == b"die": os._exit(3)
        if data == b"hang": time.sleep(600)
        return np.zeros((80, 10), np.float32)
"""


def answers(folder: Path, payloads: list[bytes], batch_s: float) -> tuple[list[Heard], int]:
    (folder / "deadly_codec.py").write_text(DEADLY)
    spec = CodecPluginSpec.model_validate({"kind": "plugin", "class": "deadly_codec:Deadly"})
    equipment = Equipment(NoRecognizerSpec(kind="none"), EmotionSpec(kind="none"), {"deadly": spec}, plugins=folder)
    died: list[None] = []

    async def whole() -> list[Heard]:
        accelerators = Accelerators(equipment, 1, batch_s, lambda: died.append(None))
        await accelerators.start()
        try:
            return await accelerators.serve([Job("deadly", payload) for payload in payloads])
        finally:
            await accelerators.stop()

    return asyncio.run(whole()), len(died)


@pytest.mark.slow
def test_a_payload_that_crashes_the_process_is_refused_alone(tmp_path: Path) -> None:
    """Once for the batch and once for the culprit the process is started anew; the others are heard."""
    found, died = answers(tmp_path, [b"good", b"die", b"good"], 60.0)
    assert [heard.refused for heard in found] == [None, CRASHED, None] and died == 2


@pytest.mark.slow
def test_a_payload_that_hangs_is_refused_in_time(tmp_path: Path) -> None:
    found, died = answers(tmp_path, [b"hang"], 1.0)
    assert [heard.refused for heard in found] == [CRASHED] and died == 1


def test_what_cannot_be_loaded_is_the_error_that_says_so() -> None:
    equipment = Equipment(WhisperSpec(model="./nowhere.pt"), EmotionSpec(kind="none"))

    async def whole() -> None:
        accelerators = Accelerators(equipment, 1, 60.0, lambda: None)
        try:
            await accelerators.start()
        finally:
            await accelerators.stop()

    with pytest.raises(AmserError, match=r"nowhere\.pt"):
        asyncio.run(whole())
