"""``amser.plot``, which ``amser plot`` calls too: a study drawn for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from amser.exits import UserError
from amser.plots.columns import chosen, find, require_told_apart
from amser.plots.look import RC, WIDTHS, check_output, save
from amser.plots.standard import xy_figure
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
    """Draw a study for a paper and, with ``output``, write it as PDF, SVG or PNG; returns the matplotlib figure.

    Either ``x`` and ``y``, swept keys or metrics (several ``y`` give several panels), with a line for each value of
    ``by``; or a standard ``figure``: ``tradeoff``, ``latency``, ``energy``, or ``capacity`` (``results`` is then the
    file that ``amser capacity --json`` wrote).  ``where`` picks points, as in ``["devices.phones.count=40"]``.
    ``width`` is that of a ``column`` (3.5 in) or of a ``page`` (7.16 in); ``log`` names the logarithmic axes (``x``,
    ``y``, ``xy``, ``none``; ``auto`` where values span much), ``pareto`` draws the front.

    Raises ``UserError`` for an unknown name or a file that exists (``force`` replaces it) and ``ResultsError`` for a
    damaged folder.
    """
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
