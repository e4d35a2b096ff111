"""The page of a codec study: accuracy and Mel SNR against bit rate, one curve a family of codecs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from amser.report.axes import log_axis
from amser.report.frame import drawing, page
from amser.report.look import bars, styled
from amser.report.palette import styles

if TYPE_CHECKING:
    import pandas as pd

TITLES = {"wer": "word error rate", "emotion_accuracy": "emotion accuracy", "mel_snr": "Mel SNR"}


def rates_page(frame: pd.DataFrame) -> str:
    """HTML for the frame of ``recognizers.measurement.codec_comparison.study_codecs``."""
    facts = ", ".join(f"{k} {frame.attrs[k]}" for k in ("corpus", "recognizer", "emotion") if frame.attrs.get(k))
    over = f"{' or '.join(frame['over'].unique())}; {frame['n'].max()} utterances"
    note = f"Bars are 95 % bootstrap intervals over {over}."
    return page("Codecs against bit rate", note, [facts], [drawing(rates_figure(frame), "rates")], "amser study codecs")


def rates_figure(frame: pd.DataFrame) -> go.Figure:
    """One panel for each metric that is drawn, one curve for each family."""
    panels = [m for m in TITLES if np.isfinite(frame.loc[frame["metric"] == m, "value"]).any()]
    families = list(dict.fromkeys(frame["family"]))
    looks = styles(families, {f: f.split()[0] for f in families})
    figure = make_subplots(rows=1, cols=max(1, len(panels)), horizontal_spacing=0.07)
    for column, metric in enumerate(panels, start=1):
        part = frame[(frame["metric"] == metric) & np.isfinite(frame["value"])]
        for family in families:
            curve = part[part["family"] == family].sort_values("rate_kbps")
            if not len(curve):
                continue
            figure.add_trace(
                go.Scatter(
                    x=curve["rate_kbps"],
                    y=curve["value"],
                    error_y=bars(zip(curve["value"], curve["low"], curve["high"], strict=True)),
                    mode="lines+markers",
                    name=family,
                    legendgroup=family,
                    showlegend=column == 1,
                    text=curve["codec"],
                    line={"color": looks[family].colour, "dash": looks[family].dash},
                    marker={"symbol": looks[family].symbol, "size": 8},
                    hovertemplate="%{text}<br>%{x:.3~g} kbit/s<br>%{y:.3~g}<extra></extra>",
                ),
                row=1,
                col=column,
            )
        unit = str(part["unit"].iloc[0])
        figure.update_yaxes(title=f"{TITLES[metric]} [{unit}]", row=1, col=column)
    positive = [float(v) for v in frame["rate_kbps"] if v > 0]
    figure.update_xaxes(title="payload rate [kbit/s]", **(log_axis(positive, 1.2, 1.2) if positive else {}))
    styled(figure, 480)
    figure.update_layout(legend={"orientation": "h", "y": -0.2})
    return figure
