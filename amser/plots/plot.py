"""``plot``: what ``amser plot`` and Python call to draw a study for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from amser.exits import UserError
from amser.plots.columns import Column, chosen, find, require_told_apart
from amser.plots.look import FRONT_NAME, RC, WIDTHS, check_output, legend_below, new_figure, save
from amser.plots.panels import draw, names_beside, series_of, write_names
from amser.report.material import Study
from amser.summary import PointKey

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.study.results import Results

FIGURES = ("tradeoff", "latency", "energy", "capacity")
LOGS = ("auto", "none", "x", "y", "xy")


def plot(
    results: Results | str | Path,
    output: str | Path | None = None,
    *,
    x: str = "",
    y: str | Sequence[str] = (),
    by: str | Sequence[str] = (),
    where: Sequence[str] = (),
    figure: str = "",
    width: str = "column",
    log: str = "auto",
    pareto: bool = False,
    force: bool = False,
) -> Figure:
    """What ``amser.plot`` says."""
    import matplotlib

    _check(x, y, figure, width, log)
    if output is not None:
        check_output(Path(output), force)
    with matplotlib.rc_context(cast("Any", RC)):
        if figure == "capacity":
            from amser.plots.capacity import capacity

            drawn = capacity(Path(str(getattr(results, "folder", results))), width)
        else:
            study = _opened(results)
            points = chosen(study.view, where)
            drawn = (
                _standard(study, points, figure, width)
                if figure
                else _free(study, points, x, y, by, width, log, pareto)
            )
        if output is not None:
            save(drawn, Path(output))
    return drawn


def _check(x: str, y: str | Sequence[str], figure: str, width: str, log: str) -> None:
    from scenarios.validation import suggest

    if figure and (x or y):
        raise UserError("give a standard figure, or x and y, not both")
    if not figure and not (x and y):
        raise UserError(f"give --x and --y, or a standard figure: --figure {', '.join(FIGURES)}")
    for option, value, known in (
        ("--figure", figure, FIGURES),
        ("--width", width, tuple(WIDTHS)),
        ("--log", log, LOGS),
    ):
        if value and value not in known:
            raise UserError(f"{option}: there is no '{value}'{suggest(value, list(known))}")


def _opened(results: Results | str | Path) -> Study:
    from sim.study.results import Results

    return Study(Results.open(results) if isinstance(results, (str, Path)) else results)


def _standard(study: Study, points: Sequence[PointKey], figure: str, width: str) -> Figure:
    from amser.plots import standard

    return {"tradeoff": standard.tradeoff, "latency": standard.latency, "energy": standard.energy}[figure](
        study, points, width
    )


def _free(
    study: Study,
    points: Sequence[PointKey],
    x: str,
    y: str | Sequence[str],
    by: str | Sequence[str],
    width: str,
    log: str,
    pareto: bool,
) -> Figure:
    view = study.view
    across = find(view, x, "--x")
    ups = [find(view, name, "--y") for name in ([y] if isinstance(y, str) else y)]
    groups = [find(view, name, "--by") for name in ([by] if isinstance(by, str) and by else by)]
    for column, option in [(c, "--y") for c in ups if not c.is_metric] + [(c, "--by") for c in groups if c.is_metric]:
        kind = "a swept key: --x or --by draws it" if option == "--y" else "a metric: --x or --y draws it"
        raise UserError(f"{option} {column.name}: is {kind}")
    require_told_apart(view, points, [across, *groups])
    return xy_figure(study, points, across, ups, groups, width, log, fronts=[pareto] * len(ups))


def xy_figure(
    study: Study,
    points: Sequence[PointKey],
    x: Column,
    ys: Sequence[Column],
    by: Sequence[Column],
    width: str,
    log: str,
    fronts: Sequence[bool],
) -> Figure:
    """A panel for each of ``ys`` over ``x``; ``fronts`` says which show their Pareto front."""
    series = series_of(study.view, points, by)
    figure, axes = new_figure(width, len(ys), 2.5)
    for axis, y, front in zip(axes, ys, fronts, strict=True):
        draw(axis, series, x, y, log, front)
    named = any(s.name for s in series)
    if x.is_metric and all(len(s.points) == 1 for s in series) and named:
        for axis in axes:
            axis.margins(y=0.1)
        figure.draw_without_rendering()
        names = [names_beside(axis, series, x, y) for axis, y in zip(axes, ys, strict=True)]
        if all(name.clear for panel in names for name in panel):
            for axis, panel, front in zip(axes, names, fronts, strict=True):
                write_names(axis, panel)
                if front:
                    axis.legend([axis.lines[-1]], [FRONT_NAME], loc="lower left")
            figure.set_layout_engine("none")  # the names' places are those of this layout
            return figure
    if named:
        titles = ", ".join(c.title for c in by if c.place != study.view.codec_axis)
        legend_below(figure, axes[0], width, titles)
    return figure
