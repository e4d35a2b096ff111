"""What a payload's head claims, read before anything is decoded."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channel.codecs import STANDARD_CODECS, CodecError, build_codec
from channel.codecs.dsr import MULTIFRAME
from scenarios.schema.codec import DsrSpec, MelKltSpec

SAMPLES = 16_123  # neither whole frames of 10 ms nor of 20 ms
NAMES = [
    *STANDARD_CODECS,
    DsrSpec(kind="dsr", framing="bare"),
    MelKltSpec.model_validate({"kind": "mel-klt", "step": 0.5, "block": "320 ms"}),
]
OF_EACH_KIND = ["raw", "mu-law", "flac", "mp3-32", "opus-24", "amser-12.5", "klt-4", *NAMES[-2:]]


def codec_of(spec):
    try:
        return build_codec(spec)
    except CodecError as error:  # its package is missing
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def speech():
    return np.random.default_rng(1).normal(0.0, 0.1, SAMPLES).astype(np.float32)


@pytest.mark.parametrize("spec", NAMES, ids=str)
def test_a_payload_declares_its_own_duration(spec, speech):
    """To a frame of 10 ms, which is all that codecs of the Mel know; multiframes count as whole ones."""
    codec = codec_of(spec)
    declared = codec.declared_s(codec.encode(speech).data)
    truth = SAMPLES / 16_000
    if getattr(codec, "framing", "") == "multiframe":
        assert truth - 0.01 <= declared <= truth + MULTIFRAME / 100
    else:
        assert declared == pytest.approx(truth, abs=0.01)


@pytest.mark.parametrize("spec", OF_EACH_KIND, ids=str)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whatever_is_decoded_is_no_longer_than_declared(spec, data, speech):
    """Mutated payloads: a server that refuses by the declared duration never decodes more than it allows."""
    codec = codec_of(spec)
    payload = bytearray(codec.encode(speech[:4000]).data)
    for _ in range(data.draw(st.integers(0, 3))):
        payload[data.draw(st.integers(0, min(len(payload), 48) - 1))] = data.draw(st.integers(0, 255))
    try:
        declared = codec.declared_s(bytes(payload))
    except CodecError:
        with pytest.raises(CodecError):
            codec.decode(bytes(payload))
        return
    assert declared is not None and math.isfinite(declared)
    try:
        mel = codec.decode(bytes(payload))
    except CodecError:
        return
    assert mel.shape[1] / 100 <= declared + 0.011
