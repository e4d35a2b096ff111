"""A plan straight from a scenario, where nothing is recognized: what phones need of tables, without a recognizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from amser.live.errors import LiveError
from amser.live.plan import Audio, Plan, observable, write_plan
from channel.codecs import Codec, build_codec
from recognizers.corpora import Corpus
from recognizers.measurement.hearing import corpora
from recognizers.service import encode_cost
from scenarios import Scenario
from scenarios.paths import make_importable
from sim.build_site import Situation
from sim.draws import Draws
from sim.utterances import Tables


def sketched_plan(folder: Path, scenario: Scenario, base_dir: Path, bands: int) -> Plan:
    """Write the plan of the first replication into ``folder``; the arrivals are those that a simulation draws."""
    observable(scenario)
    make_importable(scenario, base_dir)
    corpus = spoken_corpus(scenario)
    codecs = {n: build_codec(s, bands=bands, name=n) for n, s in scenario.codec_specs().items()}
    picks = any(group.policy.kind != "fixed" for group in scenario.devices.values())
    tables = _tables(corpus, codecs, sizes=picks)
    draws = Draws(scenario.seed, 0)
    return write_plan(folder, Situation(scenario, tables, base_dir), draws, audio_of(corpus), bands)


def spoken_corpus(scenario: Scenario) -> Corpus:
    """The one corpus of a scenario, which must have audio.  Raises ``LiveError``."""
    found = corpora(scenario)
    if len(found) > 1:
        raise LiveError("phones speak one corpus, not a mixture: --set corpus=shipped")
    if any(utterance.path is None for utterance in found[0].utterances):
        raise LiveError(f"corpus '{found[0].name}' has no audio here to speak: name a folder, or --set corpus=shipped")
    return found[0]


def audio_of(corpus: Corpus) -> Callable[[int], Audio]:
    """The audio of the n-th utterance."""
    return lambda number: corpus.load_audio(corpus.utterances[number])


def _tables(corpus: Corpus, codecs: Mapping[str, Codec], *, sizes: bool) -> Tables:
    audio_s = np.array([one.duration_s for one in corpus.utterances])
    shape = (len(codecs), len(audio_s))
    unknown: Any = np.full(shape, np.nan)
    costs = [encode_cost(codec) for codec in codecs.values()]
    payloads = np.zeros(shape, dtype=np.int64)
    if sizes:
        for number, utterance in enumerate(corpus.utterances):
            audio = corpus.load_audio(utterance)
            payloads[:, number] = [codec.encode(audio).size_bytes for codec in codecs.values()]
    return Tables(
        codecs=tuple(codecs),
        utterances=tuple(one.id for one in corpus.utterances),
        speakers=tuple(one.speaker for one in corpus.utterances),
        audio_s=audio_s,
        payload_bytes=payloads,
        text_bytes=np.ones(shape, dtype=np.int64),
        encode_host_s=np.array([[cost.host_s(seconds) for seconds in audio_s.tolist()] for cost in costs]),
        word_errors=unknown,
        reference_words=unknown,
        emotion=np.full(len(audio_s), -1),
        emotion_heard=np.full(shape, -1),
        labels=(),
    )
