"""The capacity figure: the capacity of each point, from the file of ``amser capacity --json``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from amser.exits import UserError
from amser.plots.look import legend_below, line_style, new_figure
from amser.report.palette import sequence, styles
from amser.summary import short_names, short_values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Swept = str | int | float | bool | None


class Found(BaseModel, strict=True):
    """One point of ``amser capacity``; None where no value of the range meets the level."""

    parameters: dict[str, Swept]
    value: float | None
    sure: float | None
    hopeful: float | None


class CapacityFile(BaseModel, strict=True):
    """What ``amser capacity --json`` prints, as far as it is drawn."""

    over: str
    least: bool
    unit: str
    levels: list[str]
    points: list[Found]


def capacity(path: Path, width: str) -> Figure:
    """A group for each situation, in it a mark for each codec; bars reach from the sure value to the hopeful one."""
    found = _read(path)
    keys = list(dict.fromkeys(k for p in found.points for k in p.parameters))
    shown = {k: short_values([p.parameters.get(k) for p in found.points]) for k in keys}
    codec = next((k for k in keys if k.endswith(".codec")), None)
    rest = [k for k in keys if k != codec and len(shown[k]) > 1]
    rest = [k for i, k in enumerate(rest) if not any(_same(found, k, earlier) for earlier in rest[:i])]

    def named(p: Found, of: list[str]) -> str:
        return ", ".join(shown[k][str(p.parameters.get(k))] for k in of)

    groups = list(dict.fromkeys(named(p, rest) for p in found.points))
    names = list(dict.fromkeys(named(p, [codec] if codec else []) for p in found.points))
    looks = styles(names, _kinds(names)) if codec else sequence(names)
    figure, (axis,) = new_figure(width, 1, 2.4)
    for i, name in enumerate(names):
        mine = [p for p in found.points if named(p, [codec] if codec else []) == name and p.value is not None]
        if not mine:
            continue
        xs = [groups.index(named(p, rest)) + (i - (len(names) - 1) / 2) * 0.7 / len(names) for p in mine]
        values = [p.value or 0.0 for p in mine]
        ends = [sorted((p.sure or v, p.hopeful or v)) for p, v in zip(mine, values, strict=True)]
        spread = [[v - low for v, (low, _) in zip(values, ends, strict=True)],
                  [high - v for v, (_, high) in zip(values, ends, strict=True)]]  # fmt: skip
        axis.errorbar(
            xs, values, yerr=spread, label=name or None, elinewidth=0.8, capsize=1.8, **line_style(looks[name], False)
        )
    from amser.plots.panels import logarithmic

    every = [v for p in found.points for v in (p.value, p.sure, p.hopeful) if v]
    logarithmic(axis, "y", min(every), max(every))
    axis.set_xticks(range(len(groups)), groups if len(groups) > 1 else [""])
    axis.set_xlim(-0.5, len(groups) - 0.5)
    axis.grid(visible=False, axis="x")
    axis.set_xlabel(", ".join(short_names(rest)))
    unit = f" [{found.unit}]" if found.unit else ""
    axis.set_ylabel(f"{'least' if found.least else 'most'} {found.over}{unit}\nwith {' and '.join(found.levels)}")
    if len(names) > 1:
        legend_below(figure, axis, width)
    return figure


def _read(path: Path) -> CapacityFile:
    if path.is_dir():
        raise UserError(
            f"{path}: is a folder; --figure capacity draws the file that `amser capacity ... --json > FILE` wrote"
        )
    try:
        found = CapacityFile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(
            f"{path}: not a file of `amser capacity --json` ({where or 'as a whole'}: {first['msg']})"
        ) from None
    if not any(p.value for p in found.points):
        raise UserError(f"{path}: no point meets the level, there is nothing to draw")
    return found


def _same(found: CapacityFile, one: str, other: str) -> bool:
    """Whether two keys change together, such as the cell and the radio that goes with it."""
    pairs = {(str(p.parameters.get(one)), str(p.parameters.get(other))) for p in found.points}
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def _kinds(names: list[str]) -> dict[str, str]:
    from scenarios.schema.codec import STANDARD_CODECS

    return {name: STANDARD_CODECS[name].kind for name in names if name in STANDARD_CODECS}
