"""A page that shows a Mel spectrogram beside its original's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from amser.report.frame import drawing, page
from amser.report.look import styled

Mel = npt.NDArray[np.float32]
FRAME_S = 0.01  # Whisper's hop: 160 samples at 16 kHz


def mel_page(name: str, mel: Mel, original: Mel | None = None) -> str:
    """HTML with ``mel``, shape (bands, frames), and if given the original and the difference, same shape."""
    panels: list[tuple[str, Mel]] = [(f"decoded ({name})", mel)]
    if original is not None:
        panels = [("original", original), *panels, ("decoded minus original", mel - original)]
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.08,
        subplot_titles=[t for t, _ in panels],
    )
    low, high = float(min(m.min() for _, m in panels[:2])), float(max(m.max() for _, m in panels[:2]))
    for row, (_, values) in enumerate(panels, start=1):
        difference = row == 3
        limit = float(np.abs(values).max()) or 1.0
        figure.add_trace(
            go.Heatmap(
                z=np.round(values, 3),
                x0=FRAME_S / 2,
                dx=FRAME_S,
                colorscale="RdBu_r" if difference else "Cividis",
                zmin=-limit if difference else low,
                zmax=limit if difference else high,
                colorbar={"len": 0.9 / len(panels), "y": 1 - (row - 0.5) / len(panels), "thickness": 14},
                hovertemplate="%{x:.2f} s, band %{y}: %{z}<extra></extra>",
            ),
            row=row,
            col=1,
        )
        figure.update_yaxes(title="Mel band", row=row, col=1)
    figure.update_xaxes(title="time [s]", row=len(panels), col=1)
    styled(figure, 60 + 260 * len(panels))
    return page(name, "", [], [drawing(figure, "mel")], "amser decode")
