"""The look of printed figures: widths, type, marks and dashes, and how they are saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from amser.exits import UserError
from amser.report.palette import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches: a column and the text width of the two-column format of IEEE conferences and journals.
WIDTHS = {"column": 3.5, "page": 7.16}
FORMATS = ("pdf", "svg", "png")
INK, GRID, FRONT = "#292524", "#E7E5E4", "#A8A29E"
FRONT_NAME = "Pareto front"
RC: dict[str, Any] = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.5,
    "hatch.linewidth": 0.4,
    "savefig.dpi": 300,
    # Publishers refuse fonts of type 3; text as outlines looks the same wherever an SVG is opened.
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "amser",
}
_MARKERS = {
    "square": "s", "diamond": "D", "hexagon": "h", "pentagon": "p", "triangle-down": "v", "triangle-up": "^",
    "triangle-left": "<", "triangle-right": ">", "circle": "o", "star": "*", "x": "X", "cross": "P", "hourglass": "d",
    "bowtie": "8",
}  # fmt: skip
_FILLS = {"": "full", "open": "full", "dot": "bottom", "open-dot": "left"}
_DASHES: dict[str, Any] = {
    "solid": "-", "dash": "--", "dot": ":", "dashdot": "-.", "longdash": (0, (8, 3)), "longdashdot": (0, (8, 2, 1, 2)),
}  # fmt: skip


def line_style(style: Style, joined: bool) -> dict[str, Any]:
    """matplotlib's words for the style of a series; the marks of one that is not ``joined`` have no line."""
    shape, fill = style.symbol, ""
    for ending in ("open-dot", "open", "dot"):
        if shape.endswith(f"-{ending}"):
            shape, fill = shape.removesuffix(f"-{ending}"), ending
            break
    return {
        "color": style.colour,
        "marker": _MARKERS[shape],
        "fillstyle": _FILLS[fill],
        "markerfacecoloralt": "white",
        "markerfacecolor": "white" if fill == "open" else style.colour,  # white, so that no bar shines through
        "linestyle": _DASHES[style.dash] if joined else "none",
    }


def new_figure(width: str, panels: int, height: float) -> tuple[Figure, list[Axes]]:
    """An empty figure of ``panels``: side by side on a page, below one another in a column; ``height`` in inches."""
    from matplotlib.figure import Figure

    rows, columns = (panels, 1) if width == "column" else (-(-panels // 3), min(panels, 3))
    figure = Figure(figsize=(WIDTHS[width], height * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    axes = list(grid.flat)
    for spare in axes[panels:]:
        spare.remove()
    return figure, axes[:panels]


def legend_below(figure: Figure, axis: Axes, width: str, title: str = "") -> None:
    """The series of ``axis`` in rows below the figure."""
    from matplotlib.container import ErrorbarContainer

    handles, names = axis.get_legend_handles_labels()
    bare = [h[0] if isinstance(h, ErrorbarContainer) else h for h in handles]  # a bar through a mark hides its shape
    order = sorted(range(len(names)), key=lambda i: names[i] == FRONT_NAME)
    handles, names = [bare[i] for i in order], [names[i] for i in order]
    longest = max(map(len, [*names, ""]))
    columns = max(1, min(len(names), int(WIDTHS[width] * 72 / (4.0 * longest + 26))))
    figure.legend(handles, names, loc="outside lower center", ncols=columns, title=title or None, columnspacing=1.2)


def check_output(output: Path, force: bool) -> None:
    """Raise ``UserError`` for a file of an unknown kind, or one that stands there already."""
    if output.suffix.removeprefix(".").lower() not in FORMATS:
        raise UserError(
            f"{output}: figures are written as {', '.join('.' + f for f in FORMATS)}; end the name in one of them"
        )
    if output.exists() and not force:
        raise UserError(f"{output}: exists already; give another name, or --force to replace it")


def save(figure: Figure, output: Path) -> None:
    """Write ``figure``; the same results give the same bytes, so that a paper's repository shows real changes only."""
    kind = output.suffix.removeprefix(".").lower()
    undated: dict[str, dict[str, Any]] = {
        "pdf": {"CreationDate": None, "Creator": "AMSER testbed"}, "svg": {"Date": None, "Creator": "AMSER testbed"},
        "png": {"Software": "AMSER testbed"},
    }  # fmt: skip
    figure.savefig(output, format=kind, metadata=undated[kind])
