"""Both engines on one scenario, and what must be the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from scenarios import Scenario
from sim import compiled, model
from sim.build_site import Situation, build_site
from sim.draws import Draws
from sim.upload_log import Columns, Figures, columns_of
from sim.utterances import Tables

EXACT = ("upload", "device", "group", "utterance", "codec", "outcome", "batch", "payload_bytes")
TIME_S, RELATIVE = 1e-9, 1e-9


def tables_of(scenario: Scenario, utterances: int = 40, encode_s: float = 0.01) -> Tables:
    """Payloads of all sizes, the richer codec first, for utterances of 0.5 to 8 s."""
    rng = np.random.default_rng(7)
    names = list(scenario.codec_specs())
    audio_s = rng.uniform(0.5, 8.0, utterances)
    whole = Tables.unrecognized(dict.fromkeys(names, 1), audio_s)
    share = (1.0 / (1 + np.arange(len(names))))[:, None]
    sizes = audio_s * 16_000 * share * rng.uniform(0.5, 1.5, (len(names), utterances))
    payload_bytes = np.maximum(1, sizes.astype(int))
    cost_s = encode_s * audio_s * rng.uniform(0.5, 2.0, (len(names), utterances))
    return Tables(**{**whole.__dict__, "payload_bytes": payload_bytes, "encode_host_s": cost_s})


def run_both(scenario: Scenario, tables: Tables, base_dir: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The upload logs of the reference and of the compiled engine, by upload; what else they say is compared here."""
    logs, figures = [], []
    for engine in (model, compiled):
        chunks: list[Columns] = []
        site = build_site(Situation(scenario, tables, base_dir), Draws(scenario.seed, 0))
        service = site.server.service
        figures.append(engine.run(site, lambda rows, to=chunks, s=service: to.append(columns_of(rows, s))))
        logs.append(_joined(chunks))
    _figures_agree(*figures)
    return logs[0], logs[1]


def _joined(chunks: Sequence[Columns]) -> pd.DataFrame:
    if not chunks:
        return pd.DataFrame({"upload": []})
    return pd.concat([pd.DataFrame(c) for c in chunks]).sort_values("upload", ignore_index=True)


def _figures_agree(one: Figures, other: Figures) -> None:
    for name in ("uplink_utilisation", "server_utilisation"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=RELATIVE, atol=0, err_msg=name)


def agree(reference: pd.DataFrame, compiled_log: pd.DataFrame) -> None:
    """Every upload: the same codec and outcome, stage times within 1e-9 s, energies within 1e-9 of their size."""
    assert len(reference) == len(compiled_log)
    assert list(reference) == list(compiled_log)
    for name in map(str, reference):
        one, other = reference[name].to_numpy(), compiled_log[name].to_numpy()
        if name in EXACT:
            np.testing.assert_array_equal(other, one, err_msg=name)
        elif name.endswith("_s"):
            np.testing.assert_allclose(other, one, rtol=0, atol=TIME_S, err_msg=name)
        else:
            np.testing.assert_allclose(other, one, rtol=RELATIVE, atol=0, err_msg=name)
