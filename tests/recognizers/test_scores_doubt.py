"""Doubtful hypotheses: Whisper's own thresholds, and the warning that a reader of results gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from recognizers.scores.doubt import flagged, is_doubtful, recognition_doubts

NAN = float("nan")


@pytest.mark.parametrize(
    ("no_speech_prob", "avg_logprob", "doubtful"),
    [(0.7, -0.1, True), (0.6, -1.0, False), (0.1, -1.1, True), (0.1, -0.2, False), (NAN, NAN, False)],
)
def test_thresholds_are_whispers(no_speech_prob: float, avg_logprob: float, doubtful: bool) -> None:
    """openai-whisper's transcribe: no_speech_threshold 0.6, logprob_threshold -1.0, both strict."""
    assert is_doubtful(no_speech_prob, avg_logprob) == doubtful
    table = pd.DataFrame({"no_speech_prob": [no_speech_prob], "avg_logprob": [avg_logprob]})
    assert flagged(table).tolist() == [doubtful]


def test_a_warning_names_the_codecs_with_a_tenth_of_doubts() -> None:
    table = pd.DataFrame(
        {
            "codec": ["raw"] * 20 + ["amser"] * 10 + ["fixed"] * 5,
            "no_speech_prob": [0.9] + [0.1] * 19 + [0.9] + [0.1] * 9 + [NAN] * 5,
            "avg_logprob": [-0.1] * 30 + [NAN] * 5,
        }
    )
    (line,) = recognition_doubts(table)
    assert "amser 10%" in line and "raw" not in line
    assert recognition_doubts(table[table["codec"] != "amser"]) == []


@pytest.mark.slow
def test_a_run_on_noise_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """nano hears four noises as no command, and the results' warnings say so."""
    import amser

    monkeypatch.setenv("AMSER_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(2)
    for number in range(4):
        soundfile.write(tmp_path / f"{number}.wav", rng.normal(0, 0.1, 32_000), 16_000)
    lines = ["path\ttext", *(f"{number}.wav\tturn on the light" for number in range(4))]
    (tmp_path / "manifest.tsv").write_text("\n".join(lines))
    scenario = tmp_path / "noise.yaml"
    scenario.write_text(
        f"amser: 1\nduration: 20 s\ncorpus: {{kind: manifest, path: {tmp_path}}}\nemotion: {{kind: none}}\n"
        "recognizer: {kind: whisper, model: nano}\nserver: {service: host-cpu}\n"
        "cells: {cell: {capacity: 10 Mbit/s}}\n"
        "devices: {phones: {count: 2, profile: pixel-8, radio: wifi, cell: cell, codec: raw, "
        "traffic: {kind: poisson, rate: 10 /min}}}\n"
    )
    results = amser.run(scenario, results_root=tmp_path / "results")
    assert any("doubts its own words" in line and "raw" in line for line in results.manifest["warnings"])
